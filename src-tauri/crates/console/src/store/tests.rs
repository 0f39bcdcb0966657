//! The store's promises: what was acknowledged is there, what was refused left nothing, what isn't ours isn't touched.

use super::*;
use crate::orders::state::{RefundState, State};
use crate::wire::{FoundBy, Verdict, Via};
use std::io::BufRead;
use std::process::{Command, Stdio};
use wechatpay::money::Fen;
use wechatpay::time::Timestamp;

pub(super) const MCHID: &str = "1900000001";

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("an instant")
}

pub(super) fn order(number: usize) -> NewOrder {
    NewOrder {
        merchant: "shop".to_owned(),
        mchid: MCHID.to_owned(),
        appid: "wx0000000000000001".to_owned(),
        out_trade_no: format!("GT{number:010}"),
        description: ["火锅双人套餐", "停车两小时", "Coffee beans 250 g"][number % 3].to_owned(),
        total: Fen::new(100),
        attach: None,
        openid: None,
        notify_url: None,
        fields: None,
        created_at: at(i64::try_from(number).unwrap_or(0)),
    }
}

async fn add(store: &Store, number: usize) -> Result<OrderRow, StoreError> {
    store.write(move |tx| tx.order_insert(&order(number))).await
}

fn page(state: Option<State>, search: Option<&str>, limit: usize, after: Option<OrderCursor>) -> OrderQuery {
    OrderQuery {
        mchid: MCHID.to_owned(),
        states: state.into_iter().collect(),
        search: search.map(str::to_owned),
        limit,
        after,
        ..OrderQuery::default()
    }
}

#[tokio::test]
async fn a_refused_job_leaves_nothing_and_its_neighbours_stay() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let jobs: Vec<_> = (0..40)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .write(move |tx| {
                        tx.order_insert(&order(number))?;
                        if number % 4 == 3 {
                            return Err(StoreError::Other("refused".to_owned()));
                        }
                        assert_ne!(number % 4, 2, "one caller's panic");
                        Ok(())
                    })
                    .await
            })
        })
        .collect();
    for (number, job) in jobs.into_iter().enumerate() {
        assert_eq!(job.await.expect("joins").is_ok(), number % 4 < 2, "job {number}");
    }
    let (rows, _) = store.read(|view| view.orders(&page(None, None, 100, None))).await.expect("reads");
    assert_eq!(rows.len(), 20);
    let unpaid = store.read(|view| view.orders_unpaid(MCHID)).await.expect("reads");
    assert_eq!(unpaid, 20, "sums roll back with their rows");
    store.close().await;
    assert_eq!(add(&store, 99).await.err(), Some(StoreError::Closed));
}

#[tokio::test]
async fn a_full_queue_says_busy_at_once() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let (entered, inside) = tokio::sync::oneshot::channel();
    let (gate, mut entered) = (std::sync::Mutex::new(gate), Some(entered));
    let first = store.clone();
    let first = tokio::spawn(async move {
        first
            .write(move |_| {
                if let Some(entered) = entered.take() {
                    let _ = entered.send(());
                    let _ = gate.lock().map(|gate| gate.recv());
                }
                Ok::<_, StoreError>(())
            })
            .await
    });
    inside.await.expect("the writer is at it");
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..8_192 {
        let store = store.clone();
        waiting.spawn(async move { store.write(|_| Ok::<_, StoreError>(())).await });
    }
    // one turn of this thread's queue each: all of them have sent
    while store.inner.writer.room() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.write(|_| Ok::<_, StoreError>(())).await, Err(StoreError::Busy));
    release.send(()).expect("goes on");
    assert_eq!(first.await.expect("joins"), Ok(()));
    while let Some(done) = waiting.join_next().await {
        assert_eq!(done.expect("joins"), Ok(()));
    }
}

#[tokio::test]
async fn a_number_is_used_once() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    add(&store, 1).await.expect("first");
    assert!(matches!(add(&store, 1).await, Err(StoreError::Exists(_))));
}

#[tokio::test]
async fn two_stores_on_one_file_both_write() {
    let folder = tempfile::tempdir().expect("folder");
    let stores = [Store::open(folder.path()).expect("one"), Store::open(folder.path()).expect("two")];
    let mut writing = tokio::task::JoinSet::new();
    for number in 0..200 {
        let store = stores[number % 2].clone();
        writing.spawn(async move { add(&store, number).await.map(|_| ()) });
    }
    while let Some(done) = writing.join_next().await {
        assert_eq!(done.expect("joins"), Ok(()));
    }
    let (rows, _) = stores[0].read(|view| view.orders(&page(None, None, 500, None))).await.expect("reads");
    assert_eq!(rows.len(), 200);
}

#[tokio::test]
async fn pages_meet_without_gap_or_overlap() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    for number in 0..57 {
        let mut new = order(number);
        new.created_at = at(i64::try_from(number / 5).unwrap_or(0));
        store.write(move |tx| tx.order_insert(&new)).await.expect("inserts");
    }
    for (search, want) in [
        (None, 57),
        (Some("火锅"), 19),
        (Some("GT000000001"), 10),
        (Some("coffee bea"), 19),
        (Some("没有"), 0),
        (Some("'\"*"), 0),
        (Some("火"), 19),
    ] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let query = page(Some(State::Created), search, 7, after);
            let (rows, next) = store.read(move |view| view.orders(&query)).await.expect("reads");
            assert!(rows.len() <= 7);
            seen.extend(rows.into_iter().map(|row| (row.created_at, row.id)));
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), want, "{search:?}");
        assert!(seen.is_sorted_by(|one, two| one > two), "{search:?}");
    }
}

#[test]
fn what_is_not_ours_is_not_touched() {
    let newer = |path: &std::path::Path| {
        let connection = rusqlite::Connection::open(path).expect("opens");
        connection.pragma_update(None, "application_id", open::APPLICATION_ID).expect("set");
        connection.pragma_update(None, "user_version", schema::NEWEST + 1).expect("set");
        connection.execute_batch("CREATE TABLE later (x TEXT) STRICT").expect("table");
    };
    let foreign = |path: &std::path::Path| {
        let connection = rusqlite::Connection::open(path).expect("opens");
        connection.execute_batch("CREATE TABLE photos (x TEXT)").expect("table");
    };
    let text = |path: &std::path::Path| {
        std::fs::write(path, "a letter, not a database, long enough to have a header ".repeat(4)).expect("writes")
    };
    type Spoil<'a> = &'a dyn Fn(&std::path::Path);
    let cases: [(&str, Spoil<'_>); 3] = [("newer", &newer), ("foreign", &foreign), ("text", &text)];
    for (name, make) in cases {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("guitai.db");
        make(&file);
        let before = std::fs::read(&file).expect("reads");
        match (name, Store::open(folder.path()).err()) {
            ("newer", Some(StoreError::Newer { found, known })) => {
                assert_eq!((found, known), (schema::NEWEST + 1, schema::NEWEST))
            }
            ("foreign" | "text", Some(StoreError::Foreign { path })) => assert_eq!(path, file),
            (_, other) => panic!("{name}: {other:?}"),
        }
        assert!(std::fs::read(&file).expect("reads") == before, "{name}: bytes changed");
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 1, "{name}: nothing beside it");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("in-the-way");
    std::fs::write(&file, "x").expect("writes");
    let problem = crate::wire::Problem::from(Store::open(&file).err().expect("refused"));
    assert_eq!(problem.code, "DATA_DIR_NOT_WRITABLE");
    for text in [&problem.message.zh, &problem.message.en] {
        assert!(text.contains("in-the-way"), "{text}");
    }
}

#[test]
fn a_commit_survives_a_power_cut_by_its_pragmas() {
    let folder = tempfile::tempdir().expect("folder");
    let file = open::prepare(folder.path()).expect("prepares");
    let connection = open::writing(&file).expect("opens");
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).expect(name);
    assert_eq!(number("synchronous"), 2);
    assert_eq!(number("foreign_keys"), 1);
    assert_eq!(number("busy_timeout"), 5_000);
    assert_eq!(number("application_id"), i64::from(open::APPLICATION_ID));
    let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).expect("mode");
    assert_eq!(journal, "wal");
}

#[test]
fn money_and_states_outside_their_rules_are_refused_by_the_file_itself() {
    let folder = tempfile::tempdir().expect("folder");
    let file = open::prepare(folder.path()).expect("prepares");
    let connection = open::writing(&file).expect("opens");
    let insert = |state: &str, total: i64, refunded: i64| {
        connection.execute(
            "INSERT INTO orders (merchant, mchid, appid, out_trade_no, state, description, total, currency, refunded, created_at)
             VALUES ('a', 'b', 'c', ?1, ?2, 'd', ?3, 'CNY', ?4, 0)",
            rusqlite::params![format!("{state}{total}{refunded}"), state, total, refunded],
        )
    };
    assert!(insert("NOTPAY", 1, 1).is_ok());
    for (state, total, refunded) in
        [("NOTPAY", 0, 0), ("NOTPAY", -1, 0), ("PAID", 1, 0), ("SUCCESS", 10, 11), ("SUCCESS", 10, -1)]
    {
        assert!(insert(state, total, refunded).is_err(), "{state} {total} {refunded}");
    }
}

#[test]
fn a_backup_is_whole_before_it_counts() {
    let folder = tempfile::tempdir().expect("folder");
    let file = open::prepare(folder.path()).expect("prepares");
    let connection = open::writing(&file).expect("opens");
    schema::back_up(&connection, &file).expect("backs up");
    let copy = folder.path().join("backups").join(format!("guitai-v{}.db", schema::NEWEST));
    let copy = rusqlite::Connection::open(copy).expect("opens");
    let tables = |connection: &rusqlite::Connection| -> i64 {
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).expect("counts")
    };
    assert_eq!(tables(&copy), tables(&connection));
}

#[tokio::test]
async fn the_quarantine_keeps_the_newest_thousand() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let keep = |verdict: Verdict, second: i64| {
        let row = CallbackRow {
            id: 0,
            merchant: "shop".to_owned(),
            mchid: MCHID.to_owned(),
            received_at: at(second),
            verdict,
            reason: None,
            http_status: 401,
            latency_ms: 0,
            notification_id: None,
            event_type: None,
            out_trade_no: None,
            amount: None,
            order_id: None,
            first_id: None,
        };
        let raw = CallbackRaw {
            target: "/notify/shop".to_owned(),
            source: "127.0.0.1".to_owned(),
            headers: vec![("Host".to_owned(), "x".to_owned())],
            body: second.to_string().into_bytes(),
            decrypted: None,
            intact: true,
        };
        (row, raw)
    };
    store
        .write(move |tx| {
            let (row, raw) = keep(Verdict::Held, -1);
            tx.callback_insert(&row, &raw, &CallbackReady::of(&raw), &[], None)?;
            for second in 0..1_050 {
                let (row, raw) = keep(Verdict::Rejected, second);
                tx.callback_insert(&row, &raw, &CallbackReady::of(&raw), &[], None)?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .expect("writes");
    let query = CallbackQuery { mchid: MCHID.to_owned(), limit: 2_000, ..CallbackQuery::default() };
    let (rows, next) = store.read(move |view| view.callbacks(&query)).await.expect("reads");
    assert_eq!(next, None);
    assert_eq!(rows.iter().filter(|row| row.verdict == Verdict::Rejected).count(), 1_000);
    assert_eq!(rows.iter().filter(|row| row.verdict == Verdict::Held).count(), 1, "the genuine one stays");
    assert_eq!(rows.first().map(|row| row.received_at), Some(at(1_049)), "the newest stays");
    let (gone, kept) = (rows.last().map_or(0, |row| row.id) + 1, rows.first().map_or(0, |row| row.id));
    store
        .read(move |view| {
            assert!(view.callback_raw(gone)?.is_none(), "its bytes went with it");
            assert!(view.callback_raw(kept)?.expect("there").0.intact);
            Ok::<_, StoreError>(())
        })
        .await
        .expect("reads");
    // large ones are bounded by their bytes; the newest stays whatever it has
    store
        .write(move |tx| {
            for second in 2_000..2_100 {
                let (row, mut raw) = keep(Verdict::Rejected, second);
                raw.body = vec![b'x'; 60_000];
                tx.callback_insert(&row, &raw, &CallbackReady::of(&raw), &[], None)?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .expect("writes");
    let query = CallbackQuery { mchid: MCHID.to_owned(), limit: 2_000, ..CallbackQuery::default() };
    let (rows, _) = store.read(move |view| view.callbacks(&query)).await.expect("reads");
    assert_eq!(rows.iter().filter(|row| row.verdict == Verdict::Rejected).count(), 34, "2 MiB of 60,000 bytes each");
    assert_eq!(rows.first().map(|row| row.received_at), Some(at(2_099)));
}

#[tokio::test]
async fn a_payment_is_written_once_and_only_over_what_was_read() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    for (number, found_by, lamp) in [(1, FoundBy::Callback, Some(Verdict::Applied)), (2, FoundBy::Query, None)] {
        let id = add(&store, number).await.expect("inserts").id;
        let pay = |from: State| {
            let payment = Payment {
                transaction_id: "4200000000202611240000000001",
                success_time: at(60),
                openid: Some("payer"),
                payer_total: Some(Fen::new(90)),
                found_by,
            };
            store.write(move |tx| tx.order_pay(id, from, State::Success, &payment))
        };
        assert!(pay(State::Notpay).await.is_err(), "it is not NOTPAY");
        pay(State::Created).await.expect("pays");
        let row = store.read(move |view| view.order_at(id)).await.expect("reads").expect("there");
        assert_eq!((row.state, row.found_by, row.callback_verdict), (State::Success, Some(found_by), lamp));
        assert_eq!((row.success_time, row.openid.as_deref()), (Some(at(60)), Some("payer")));
        assert!(pay(State::Success).await.is_err(), "it is paid already");
    }
    let days = store.read(|view| view.days_since(MCHID, "")).await.expect("reads");
    assert_eq!(days.iter().map(|day| (day.payments, day.amount)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)), (2, 200));
}

/// Random histories by a seeded generator: the kept sums are the sums over all rows.
#[tokio::test]
async fn the_summary_is_the_sum() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut dice = move |sides: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % sides
    };
    for number in 0..300_usize {
        let mut new = order(number);
        new.created_at = at(i64::try_from(dice(40 * 86_400)).unwrap_or(0));
        new.total = Fen::new(101 + i64::try_from(dice(9_900)).unwrap_or(0));
        let row = store.write(move |tx| tx.order_insert(&new)).await.expect("inserts");
        let paid = at(i64::try_from(dice(40 * 86_400)).unwrap_or(0));
        let (pay, refund, settle, fail) = (dice(3) > 0, dice(3) > 0, dice(3) > 0, dice(5) == 0);
        let via = [Some(Via::Jsapi), Some(Via::Native), Some(Via::App), Some(Via::H5), None][number % 5];
        let part = Fen::new(1 + i64::try_from(dice(100)).unwrap_or(0));
        let result: Result<(), StoreError> = store
            .write(move |tx| {
                if let Some(via) = via {
                    tx.order_set_handle(row.id, via, &Handle::default(), paid, paid)?;
                }
                if !pay && settle {
                    tx.order_move(row.id, State::Created, State::Closed)?;
                }
                if pay {
                    let payment = Payment {
                        transaction_id: &format!("42{}", row.id),
                        success_time: paid,
                        openid: None,
                        payer_total: None,
                        found_by: FoundBy::Callback,
                    };
                    tx.order_pay(row.id, State::Created, State::Success, &payment)?;
                }
                if pay && refund {
                    let refund = tx.refund_insert(&NewRefund {
                        order_id: row.id,
                        mchid: MCHID.to_owned(),
                        out_refund_no: format!("R{}", row.id),
                        refund_id: None,
                        transaction_id: None,
                        status: if settle { RefundState::Processing } else { RefundState::Success },
                        refund: part,
                        total: row.total,
                        reason: None,
                        notify_url: None,
                        elsewhere: false,
                        user_received_account: None,
                        success_time: Some(paid),
                        created_at: paid,
                    })?;
                    if settle {
                        tx.refund_move(&refund, RefundState::Success, &RefundFacts::default())?;
                    }
                }
                if fail {
                    return Err(StoreError::Other("thrown away".to_owned()));
                }
                Ok(())
            })
            .await;
        assert_eq!(result.is_err(), fail);
    }
    store
        .read(|view| {
            let days = view.days_since(MCHID, "")?;
            assert!(days.len() > 30);
            assert!(days.iter().any(|day| day.refunds > 0) && days.iter().any(|day| day.paid < day.made));
            assert_eq!(days, view.days_recomputed(MCHID)?);
            let channels = view.channels_since(MCHID, "")?;
            assert_eq!(channels.len(), 5, "four products and none");
            assert_eq!(channels, view.channels_recomputed(MCHID)?);
            let [states, counted] = view.states_compared(MCHID)?;
            assert!(states.len() > 2);
            assert_eq!(states, counted);
            Ok::<_, StoreError>(())
        })
        .await
        .expect("reads");
}

/// The storm of `killed_in_a_storm…`: run by it as a process of its own, never by itself.
#[test]
fn storm_child() {
    let Some(folder) = std::env::var_os("GUITAI_STORM_DIR") else { return };
    let from: usize = std::env::var("GUITAI_STORM_FROM").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async {
        let store = Store::open(Path::new(&folder)).expect("opens");
        let mut storm = tokio::task::JoinSet::new();
        for lane in 0..16 {
            let store = store.clone();
            storm.spawn(async move {
                for number in (from + lane..).step_by(16) {
                    add(&store, number).await.expect("kept");
                    // one write call a line: a kill can't cut it in two
                    println!("kept {number}");
                }
            });
        }
        storm.join_next().await;
    });
}

#[test]
fn killed_in_a_storm_everything_acknowledged_is_there() {
    let folder = tempfile::tempdir().expect("folder");
    let (mut acknowledged, mut from) = (std::collections::HashSet::new(), 0_usize);
    for round in 0..6_usize {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "store::tests::storm_child", "--nocapture"])
            .env("GUITAI_STORM_DIR", folder.path())
            .env("GUITAI_STORM_FROM", from.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let mut lines = std::io::BufReader::new(child.stdout.take().expect("piped")).lines();
        let (mut heard, enough) = (0, 50 + round * 37);
        let mut take = |line: &str, heard: &mut usize| {
            if let Some(number) = line.split("kept ").nth(1).and_then(|text| text.trim().parse::<usize>().ok()) {
                assert!(acknowledged.insert(number), "{number} twice");
                from = from.max(number + 1);
                *heard += 1;
            }
        };
        while heard < enough {
            let line = lines.next().expect("the storm goes on").expect("a line");
            take(&line, &mut heard);
        }
        child.kill().expect("kill -9");
        for line in lines.map_while(Result::ok) {
            take(&line, &mut heard);
        }
        child.wait().expect("ends");
        // numbers that were kept but not heard of must not be used again
        let store = Store::open(folder.path()).expect("opens after the kill");
        let (kept, next) = store.read_now(|view| view.orders(&page(None, None, 7_000, None))).expect("reads");
        assert_eq!(next, None, "all of them");
        let there: std::collections::HashSet<usize> =
            kept.iter().filter_map(|row| row.out_trade_no.trim_start_matches("GT").parse().ok()).collect();
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?}");
        from = there.iter().max().map_or(from, |newest| newest + 1);
        let sound: String = store
            .read_now(|view| Ok::<_, StoreError>(view.conn.query_row("PRAGMA integrity_check", [], |row| row.get(0))?))
            .expect("checks");
        assert_eq!(sound, "ok");
    }
    assert!(acknowledged.len() >= 600);
}
