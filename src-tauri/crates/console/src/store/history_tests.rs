//! The history of deliveries against a plain reading of the same rows, and (on demand) its figures at a million.

use super::*;
use crate::wire::Verdict;
use serde_json::json;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use wechatpay::time::Timestamp;

const MCHID: &str = "1900000001";
const SOURCES: [&str; 3] = ["127.0.0.1", "203.0.113.9", "2001:db8::7"];
const NAMES: [&str; 5] = ["火锅双人套餐", "停车两小时", "Coffee beans", "会员年卡", "靠窗 桌12 VIP"];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("an instant")
}

/// The n-th delivery of a made-up trade: most are payments that apply, some come again, some are refunds, some are not
/// genuine, and their order is lost before the number is read.
fn delivery(number: i64) -> (CallbackRow, CallbackRaw, Option<Vec<u8>>) {
    let trade = number - number % 3;
    let kind = number % 97;
    let (verdict, reason) = match kind {
        5 => (Verdict::Rejected, Some(["probe", "signature_mismatch", "timestamp_stale"][(number % 3) as usize])),
        11 => (Verdict::Held, Some(["amount_matches", "order_known"][(number % 2) as usize])),
        17 => (Verdict::Failed, Some("resource_decrypts")),
        _ if number % 3 == 1 && number % 2 == 1 => (Verdict::Duplicate, None),
        _ => (Verdict::Applied, None),
    };
    let open = !matches!(verdict, Verdict::Rejected | Verdict::Failed);
    let refund = kind % 23 == 7;
    let order = if verdict == Verdict::Duplicate { number - 1 } else { trade };
    let row = CallbackRow {
        id: number,
        merchant: "shop".to_owned(),
        mchid: MCHID.to_owned(),
        received_at: at(number * 20 + i64::from(number % 5 == 0) * 45),
        verdict,
        reason: reason.map(str::to_owned),
        http_status: if open { 204 } else { 401 },
        latency_ms: 4,
        notification_id: (number % 31 != 5).then(|| format!("EV-{order:012}")),
        event_type: open.then(|| if refund { "REFUND.SUCCESS" } else { "TRANSACTION.SUCCESS" }.to_owned()),
        out_trade_no: open.then(|| format!("GT{order:010}")),
        amount: Some(1_250 + number % 7),
        order_id: None,
        first_id: (verdict == Verdict::Duplicate).then_some(number - 1),
    };
    let content = json!({
        "mchid": MCHID, "appid": "wx0000000000000001", "out_trade_no": row.out_trade_no,
        "transaction_id": format!("42000012342026{:014}", order * 7919 % 99_999_999_999_999), "trade_type": "JSAPI",
        "trade_state": "SUCCESS", "trade_state_desc": "支付成功", "bank_type": "OTHERS",
        "attach": NAMES[(number % 5) as usize], "success_time": "2026-11-24T18:00:00+08:00",
        "payer": { "openid": format!("oUpF8uMuAJO{:017}", order % 5_000) },
        "amount": { "total": row.amount, "payer_total": row.amount, "currency": "CNY", "payer_currency": "CNY" },
    });
    let content = open.then(|| content.to_string().into_bytes());
    let raw = CallbackRaw {
        target: "/notify/shop".to_owned(),
        source: SOURCES[usize::from(number % 50 == 0) + usize::from(number % 5_000 == 0)].to_owned(),
        headers: vec![("Wechatpay-Serial".to_owned(), "5157F09EFDC096DE15EBE81A47057A72".to_owned()); 6],
        body: vec![b'x'; 1_000],
        decrypted: content.clone(),
        intact: true,
    };
    (row, raw, content)
}

async fn fill(store: &Store, from: i64, to: i64) {
    let mut from = from;
    while from < to {
        let end = (from + 5_000).min(to);
        let write = store.write(move |tx| {
            for number in from..end {
                let (row, raw, content) = delivery(number);
                let ready = CallbackReady::of(&raw);
                tx.callback_insert(&row, &raw, &ready, &[], content.as_deref())?;
            }
            Ok::<_, StoreError>(())
        });
        write.await.expect("writes");
        from = end;
    }
}

fn query() -> CallbackQuery {
    CallbackQuery { mchid: MCHID.to_owned(), limit: 50, ..CallbackQuery::default() }
}

/// Every kind of question that the window asks.
fn questions(last: i64) -> Vec<(&'static str, CallbackQuery)> {
    let middle = at(last * 10);
    let number = |number: i64| format!("GT{:010}", number - number % 3);
    let searched = |text: &str| CallbackQuery { search: Some(text.to_owned()), ..query() };
    vec![
        ("newest", query()),
        ("far back", CallbackQuery { after: Some(last / 2), ..query() }),
        ("folded", CallbackQuery { folded: true, ..query() }),
        ("one verdict", CallbackQuery { verdicts: vec![Verdict::Held], ..query() }),
        ("rejected", CallbackQuery { verdicts: vec![Verdict::Rejected], ..query() }),
        ("verdicts", CallbackQuery { verdicts: vec![Verdict::Held, Verdict::Failed, Verdict::Rejected], ..query() }),
        (
            "applied refunds",
            CallbackQuery {
                verdicts: vec![Verdict::Applied],
                event_type: Some("REFUND.SUCCESS".to_owned()),
                ..query()
            },
        ),
        ("event", CallbackQuery { event_type: Some("REFUND.SUCCESS".to_owned()), ..query() }),
        ("usual event", CallbackQuery { event_type: Some("TRANSACTION.SUCCESS".to_owned()), ..query() }),
        ("cause", CallbackQuery { reasons: vec!["amount_matches".to_owned()], ..query() }),
        ("causes", CallbackQuery { reasons: vec!["order_known".to_owned(), "probe".to_owned()], ..query() }),
        ("order", CallbackQuery { out_trade_no: Some(number(last / 3)), ..query() }),
        ("source", CallbackQuery { source: Some(SOURCES[1].to_owned()), ..query() }),
        ("rare source", CallbackQuery { source: Some(SOURCES[2].to_owned()), ..query() }),
        (
            "held source",
            CallbackQuery { source: Some(SOURCES[0].to_owned()), verdicts: vec![Verdict::Held], ..query() },
        ),
        ("time", CallbackQuery { since: Some(at(last * 5)), until: Some(middle), ..query() }),
        ("failed in time", CallbackQuery { verdicts: vec![Verdict::Failed], until: Some(middle), ..query() }),
        ("no such time", CallbackQuery { since: Some(at(last * 40)), ..query() }),
        ("two characters", searched("火锅")),
        ("words", searched("vip 靠窗")),
        ("everywhere", searched("支付成功")),
        ("nowhere", searched("豆浆")),
        ("end of a number", searched("0042")),
        ("order's number", searched(&number(last / 7))),
        ("beginning of a number", searched("GT00000")),
        ("notification", searched("EV-00000000")),
        (
            "search under filters",
            CallbackQuery { verdicts: vec![Verdict::Duplicate], folded: false, ..searched("会员") },
        ),
    ]
}

#[tokio::test]
async fn every_question_has_the_answer_of_a_plain_reading() {
    const LAST: i64 = 1_200;
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    fill(&store, 1, LAST + 1).await;
    let all: Vec<(CallbackRow, CallbackRaw)> = (1..=LAST).rev().map(delivery).map(|(row, raw, _)| (row, raw)).collect();
    // words of the newer third wait for a quiet moment: the search reads those deliveries themselves
    let half = store.write(|tx| {
        while tx.callback_words_upto()? < LAST * 2 / 3 {
            tx.callback_words_follow(100)?;
        }
        tx.callback_words_upto()
    });
    assert!(half.await.expect("follows") >= LAST * 2 / 3);
    for (name, mut asked) in questions(LAST) {
        let plain: Vec<i64> = all.iter().filter(|(row, raw)| fits(&asked, row, raw)).map(|(row, _)| row.id).collect();
        let (mut found, mut pages) = (Vec::new(), 0);
        loop {
            let page = asked.clone();
            let (rows, next) = store.read(move |view| view.callbacks(&page)).await.expect("reads");
            found.extend(rows.iter().map(|row| row.id));
            pages += 1;
            asked.after = next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(found, plain, "{name}");
        assert!(pages > plain.len() / 51, "{name}: pages have an end");
    }
    let mut counts: HashMap<(Verdict, Option<String>), i64> = HashMap::new();
    for (row, _) in &all {
        *counts.entry((row.verdict, row.reason.clone())).or_default() += 1;
    }
    let causes = store.read(|view| view.callback_causes(MCHID)).await.expect("reads");
    let kept: HashMap<_, _> = causes.into_iter().map(|row| ((row.verdict, row.reason), row.deliveries)).collect();
    assert_eq!(kept, counts);
}

fn fits(asked: &CallbackQuery, row: &CallbackRow, raw: &CallbackRaw) -> bool {
    let one = |wanted: &Option<String>, is: Option<&str>| wanted.as_deref().is_none_or(|wanted| is == Some(wanted));
    let content = raw.decrypted.as_deref().map(String::from_utf8_lossy).unwrap_or_default().to_lowercase();
    let terms = |text: &str| text.split_whitespace().all(|term| content.contains(&term.to_lowercase()));
    let starts = |value: &Option<String>, text: &str| value.as_deref().is_some_and(|value| value.starts_with(text));
    (asked.verdicts.is_empty() || asked.verdicts.contains(&row.verdict))
        && (asked.reasons.is_empty() || row.reason.as_ref().is_some_and(|reason| asked.reasons.contains(reason)))
        && one(&asked.event_type, row.event_type.as_deref())
        && one(&asked.out_trade_no, row.out_trade_no.as_deref())
        && one(&asked.source, Some(&raw.source))
        && asked.since.is_none_or(|since| row.received_at >= since)
        && asked.until.is_none_or(|until| row.received_at < until)
        && asked.after.is_none_or(|after| row.id < after)
        && (!asked.folded || row.first_id.is_none())
        && asked.search.as_deref().is_none_or(|text| match text {
            // the end of a number is known, its middle is not
            "0042" => content.split('"').any(|value| value.ends_with("0042")),
            text => terms(text) || starts(&row.out_trade_no, text) || starts(&row.notification_id, text),
        })
}

#[tokio::test]
async fn lanes_hold_an_orders_deliveries_with_those_that_never_got_its_number() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    // order, notification, verdict, in the order of arrival
    let came = [
        (Some("A"), Some("n1"), Verdict::Applied),
        (None, Some("n2"), Verdict::Rejected),
        (Some("B"), Some("n2"), Verdict::Applied),
        (None, None, Verdict::Rejected),
        (Some("A"), Some("n1"), Verdict::Duplicate),
        (None, Some("n3"), Verdict::Failed),
        (None, None, Verdict::Rejected),
        (Some("C"), Some("n4"), Verdict::Held),
    ];
    let write = store.write(move |tx| {
        for (place, (order, notification, verdict)) in (1..).zip(came) {
            let (row, raw, _) = delivery(place);
            let row = CallbackRow {
                verdict,
                out_trade_no: order.map(str::to_owned),
                notification_id: notification.map(str::to_owned),
                first_id: None,
                ..row
            };
            tx.callback_insert(&row, &raw, &CallbackReady::of(&raw), &[], None)?;
        }
        Ok::<_, StoreError>(())
    });
    write.await.expect("writes");
    let read = async |asked: CallbackQuery, lanes: usize| {
        let found = store.read(move |view| view.callback_lanes(&asked, lanes)).await.expect("reads");
        let lanes: Vec<(Option<String>, Vec<i64>)> = found
            .0
            .iter()
            .map(|lane| (lane.out_trade_no.clone(), lane.deliveries.iter().map(|row| row.id).collect()))
            .collect();
        (lanes, found.1)
    };
    let lane = |order: Option<&str>, ids: &[i64]| (order.map(str::to_owned), ids.to_vec());
    let all = vec![
        lane(Some("C"), &[8]),
        lane(None, &[4, 7]),
        lane(None, &[6]),
        lane(Some("A"), &[1, 5]),
        lane(Some("B"), &[2, 3]),
    ];
    assert_eq!(read(query(), 10).await, (all.clone(), None));
    let (first, next) = read(query(), 3).await;
    assert_eq!((first.as_slice(), next), (&all[..3], Some(6)));
    let (second, next) = read(CallbackQuery { after: next, ..query() }, 3).await;
    // the lane of what has no number comes again; whoever draws keeps the first
    assert_eq!((second.as_slice(), next), ([all[3].clone(), all[1].clone(), all[4].clone()].as_slice(), Some(3)));
    let (held, _) = read(CallbackQuery { verdicts: vec![Verdict::Held], ..query() }, 3).await;
    assert_eq!(held, all[..1]);
}

/// Nobody has to ask for it: when nothing is written any more, the words are indexed to the last one, and once each.
#[tokio::test]
async fn words_are_indexed_when_it_is_quiet() {
    const LAST: i64 = 300;
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    fill(&store, 1, LAST + 1).await;
    let indexed = || store.read_now(|view| Ok::<_, StoreError>(!view.callback_words_wait()?)).expect("reads");
    let until = Instant::now() + Duration::from_secs(60);
    while !indexed() {
        assert!(Instant::now() < until, "still waiting");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let words = rusqlite::Connection::open(folder.path().join("guitai.db")).expect("opens");
    let found: Vec<i64> = words
        .prepare("SELECT rowid FROM callback_words WHERE callback_words MATCH '\"b706bx9505\"' ORDER BY rowid")
        .and_then(|mut rows| rows.query_map([], |row| row.get(0))?.collect())
        .expect("asks");
    let plain: Vec<i64> = (1..=LAST)
        .filter(|number| delivery(*number).2.is_some_and(|content| String::from_utf8_lossy(&content).contains("火锅")))
        .collect();
    assert_eq!(found, plain);
}

#[tokio::test]
async fn the_words_and_sums_of_an_older_store_are_there_after_the_step() {
    let folder = tempfile::tempdir().expect("folder");
    let old = rusqlite::Connection::open(folder.path().join("guitai.db")).expect("opens");
    schema::as_of(&old, 3).expect("as it was");
    old.execute_batch(&format!(
        "INSERT INTO callbacks VALUES
           (1, 'shop', '{MCHID}', 1790000000000, 'applied', NULL, 204, 3, 'n1', 'TRANSACTION.SUCCESS', 'A', 1, NULL, NULL, 0, '[]'),
           (2, 'shop', '{MCHID}', 1790003600000, 'held', 'order_known', 204, 3, 'n2', 'REFUND.SUCCESS', 'B', 1, NULL, NULL, 0, '[]');
         INSERT INTO callback_raw SELECT id, '/notify/shop', '::1', '[]', x'', zeroblob(32),
           CASE id WHEN 1 THEN CAST('{{\"attach\":\"火锅双人\"}}' AS BLOB) END FROM callbacks;"
    ))
    .expect("rows");
    drop(old);
    let store = Store::open(folder.path()).expect("migrates");
    for (asked, found) in [
        (CallbackQuery { search: Some("双人".to_owned()), ..query() }, vec![1]),
        (CallbackQuery { since: Some(Timestamp::from_second(1_790_003_000).expect("an instant")), ..query() }, vec![2]),
        (CallbackQuery { reasons: vec!["order_known".to_owned()], ..query() }, vec![2]),
    ] {
        let (rows, _) = store.read(move |view| view.callbacks(&asked)).await.expect("reads");
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), found);
    }
    let causes = store.read(|view| view.callback_causes(MCHID)).await.expect("reads");
    assert_eq!(causes.iter().map(|cause| cause.deliveries).sum::<i64>(), 2);
}

/// `GUITAI_DELIVERIES=1000000 cargo test --release -p guitai-console history_figures -- --ignored --nocapture`
#[tokio::test]
#[ignore = "measures; takes minutes at a million"]
async fn history_figures() {
    let last: i64 = std::env::var("GUITAI_DELIVERIES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let plain = tempfile::tempdir().expect("folder");
    let without = Store::open(plain.path()).expect("opens");
    let connection = rusqlite::Connection::open(plain.path().join("guitai.db")).expect("opens");
    connection
        .execute_batch(
            "DROP TRIGGER callbacks_counted; DROP INDEX callbacks_reason; DROP INDEX callbacks_event;
             DROP INDEX callbacks_firsts; DROP INDEX callbacks_repeats; DROP INDEX callback_raw_source;
             DROP TABLE callback_words; CREATE TABLE callback_words (words TEXT);",
        )
        .expect("without the history's own");
    drop(connection);
    let few = last.min(10_000);
    for (name, store) in [("with the history's indexes", &store), ("without them", &without)] {
        let begun = Instant::now();
        fill(store, 1, few + 1).await;
        let per = begun.elapsed().as_secs_f64() * 1e6 / few as f64;
        println!("keeping one of {few}, {name}: {per:.1} us");
    }
    let begun = Instant::now();
    fill(&store, few + 1, last + 1).await;
    let per = begun.elapsed().as_secs_f64() * 1e6 / (last - few).max(1) as f64;
    println!("{last} deliveries, {per:.1} us each to keep, {} MB", store.bytes() / 1_000_000);
    let mut worst = Duration::ZERO;
    let mut measure = |name: &str, times: &mut Vec<Duration>| {
        times.sort_unstable();
        let (middle, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        println!("{name:<24} median {:>8.3} ms   p99 {:>8.3} ms", middle.as_secs_f64() * 1e3, p99.as_secs_f64() * 1e3);
        worst = worst.max(p99);
    };
    const ROUNDS: usize = 200;
    for (name, asked) in questions(last) {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let asked = asked.clone();
            let begun = Instant::now();
            store.read(move |view| view.callbacks(&asked)).await.expect("reads");
            times.push(begun.elapsed());
        }
        measure(name, &mut times);
    }
    let mut times = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let asked = CallbackQuery { after: Some(last - round as i64 * (last / 400)), ..query() };
        let begun = Instant::now();
        store.read(move |view| view.callback_lanes(&asked, 40)).await.expect("reads");
        times.0.push(begun.elapsed());
        let begun = Instant::now();
        store.read(|view| view.callback_causes(MCHID)).await.expect("reads");
        times.1.push(begun.elapsed());
    }
    measure("lanes, 40 of them", &mut times.0);
    measure("causes", &mut times.1);
    let mut times = Vec::new();
    for number in last + 1..=last + 2_000 {
        let (row, raw, content) = delivery(number);
        let begun = Instant::now();
        let ready = CallbackReady::of(&raw);
        let write = store.write(move |tx| tx.callback_insert(&row, &raw, &ready, &[], content.as_deref()));
        write.await.expect("writes");
        times.push(begun.elapsed());
    }
    measure("keep one, with commit", &mut times);
    println!("worst p99 {:.3} ms", worst.as_secs_f64() * 1e3);
}
