//! Accepted deliveries are passed on to a merchant's backends: verbatim, marked, over dead targets, slow ones and kills.

use crate::backend::Backend;
use guitai_console::wire::Verdict;
use guitai_console::{CallbackWait, Console, Forward, ForwardFilter, ForwardOptions, ForwardRecovery};
use guitai_door::Answer;
use guitai_tests::command::{Guitai, post};
use guitai_tests::house::House;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

/// Orders that are paid while the listener is killed.
const ORDERS: usize = 12;

async fn start(desk: &Console, targets: &[String]) {
    let options = ForwardOptions { targets: targets.to_vec(), allow_private: false };
    desk.forward_start(options).await.expect("the targets are good");
}

async fn all(desk: &Console) -> Vec<Forward> {
    desk.forward_list(ForwardFilter { limit: 500, ..ForwardFilter::default() }).await.expect("a list").items
}

/// Waits until the newest forward is as asked; its end is written a moment after the target was answered.
async fn until(desk: &Console, what: &str, is_it: impl Fn(&Forward) -> bool) -> Forward {
    let waiting = async {
        loop {
            if let Some(forward) = all(desk).await.into_iter().next().filter(|forward| is_it(forward)) {
                return forward;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("it never is {what}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_goes_on_verbatim_and_what_is_not_stays() {
    let mut house = House::open().await;
    let (mut one, mut two) = (Backend::open(&house.ready, 0), Backend::open(&house.ready, 0));
    start(&house.desk, &[one.url(), two.url(), one.url()]).await;
    let no = house.prepaid(100).await;
    house.pay(&no, "SUCCESS", true).await;
    let applied = house.delivery().await;
    let kept = house.desk.callback_show(&applied.id).await.expect("it is kept");
    for backend in [&mut one, &mut two] {
        let got = backend.next().await;
        assert_eq!((got.mark(), &got.verified), ((applied.id.clone(), 1), &Ok(no.clone())));
        assert_eq!(String::from_utf8(got.body).expect("JSON"), kept.body, "byte for byte");
    }
    // forged: the listener keeps it to itself
    let notification = house.notification(&no, "TRANSACTION.SUCCESS").await;
    let id = notification["id"].as_str().expect("an id");
    house.redeliver(id, Some("bad_signature")).await;
    assert_eq!(house.delivery().await.verdict, Verdict::Rejected);
    // a duplicate: the backend may have missed the first
    house.redeliver(id, None).await;
    let duplicate = house.delivery().await;
    assert_eq!(duplicate.verdict, Verdict::Duplicate);
    for backend in [&mut one, &mut two] {
        assert_eq!(backend.next().await.mark(), (duplicate.id.clone(), 1));
        assert!(backend.rest().is_empty());
    }
    assert_eq!(all(&house.desk).await.len(), 4, "a target that is named twice is one");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_target_gets_everything_when_it_is_back() {
    let mut house = House::open().await;
    let gone = Backend::open(&house.ready, 0);
    let (port, url) = (gone.port(), gone.url());
    gone.close().await;
    start(&house.desk, std::slice::from_ref(&url)).await;
    let no = house.prepaid(100).await;
    house.pay(&no, "SUCCESS", true).await;
    let applied = house.delivery().await;
    let tried = until(&house.desk, "tried", |forward| forward.last_error.is_some()).await;
    assert_eq!((tried.state.as_str(), tried.callback_id.as_str()), ("waiting", applied.id.as_str()));

    house.reopen_desk().await;
    let mut back = Backend::open(&house.ready, port);
    start(&house.desk, std::slice::from_ref(&url)).await;
    let got = back.next().await;
    let (delivery, attempt) = got.mark();
    assert_eq!((&delivery, got.verified), (&applied.id, Ok(no)));
    assert!(attempt > tried.attempts, "{attempt}: a repetition says that it is one");
    let done = until(&house.desk, "delivered", |forward| forward.state == "delivered").await;
    assert_eq!((done.attempts, done.last_status), (attempt, Some(204)));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_target_keeps_nobody_waiting() {
    let mut house = House::open().await;
    let (mut slow, mut quick) = (Backend::open(&house.ready, 0), Backend::open(&house.ready, 0));
    slow.answers(|| Answer::Hang);
    start(&house.desk, &[slow.url(), quick.url()]).await;
    // more than the slow one is sent at once
    for _ in 0..8 {
        let no = house.prepaid(100).await;
        house.pay(&no, "SUCCESS", true).await;
        let applied = house.delivery().await;
        assert_eq!(applied.verdict, Verdict::Applied);
        assert_eq!(quick.next().await.mark(), (applied.id, 1));
    }
    let told = slow.next().await.mark();
    assert_eq!(told.1, 1);
    slow.answers(|| Answer::empty(200));
    let mut again = slow.next().await;
    while again.mark() != (told.0.clone(), 2) {
        again = slow.next().await;
    }
    assert_eq!(again.redelivery(), Some("unknown"), "it may have taken the one that it never answered");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_are_listed_and_brought_back() {
    let mut house = House::open().await;
    let mut backend = Backend::open(&house.ready, 0);
    backend.answers(|| Answer::empty(500));
    let targets = [backend.url()];
    start(&house.desk, &targets).await;
    let no = house.prepaid(100).await;
    house.pay(&no, "SUCCESS", true).await;
    house.delivery().await;
    backend.next().await;
    until(&house.desk, "refused", |forward| forward.last_status == Some(500)).await;
    // ten hours later: the ladder's last step
    house.reopen_desk().await;
    let store = rusqlite::Connection::open(house.data_dir().join("guitai.db")).expect("the store");
    assert_eq!(store.execute("UPDATE forwards SET step = 9", []).expect("set"), 1);
    drop(store);
    start(&house.desk, &targets).await;
    let dead = until(&house.desk, "dead", |forward| forward.state == "dead").await;
    assert_eq!((dead.out_trade_no.as_deref(), dead.next_at), (Some(no.as_str()), None));

    backend.answers(|| Answer::empty(204));
    let since = |day: &str| ForwardRecovery { since: Some(day.to_owned()), ..ForwardRecovery::default() };
    assert_eq!(house.desk.forward_recover(since("2100-01-01")).await.expect("none"), 0);
    assert_eq!(house.desk.forward_recover(since("2020-01-01")).await.expect("one"), 1);
    let done = until(&house.desk, "delivered", |forward| forward.state == "delivered").await;
    assert_eq!(done.attempts, dead.attempts + 1, "attempts go on counting");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_backend_gets_what_came_before_it_was_named() {
    let mut house = House::open().await;
    let mut paid = Vec::new();
    for _ in 0..3 {
        let no = house.prepaid(100).await;
        house.pay(&no, "SUCCESS", true).await;
        paid.push(house.delivery().await.id);
    }
    let mut backend = Backend::open(&house.ready, 0);
    let targets = vec![backend.url()];
    start(&house.desk, &targets).await;
    let early = ForwardRecovery { targets: targets.clone(), ..ForwardRecovery::default() };
    assert_eq!(house.desk.forward_recover(early).await.expect_err("since when").code, "INVALID_FIELD");
    let all_since = ForwardRecovery { since: Some("2020-01-01".to_owned()), targets, allow_private: false };
    assert_eq!(house.desk.forward_recover(all_since.clone()).await.expect("all three"), 3);
    assert_eq!(house.desk.forward_recover(all_since).await.expect("known already"), 0);
    let mut got = Vec::new();
    for _ in 0..3 {
        got.push(backend.next().await.mark().0);
    }
    got.sort();
    paid.sort();
    assert_eq!(got, paid);
    house.close().await;
}

#[test]
fn addresses_and_conditions_are_judged_before_anything_starts() {
    let guitai = Guitai::new();
    let (_sandbox, file) = guitai.sandbox();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    for (status, code, arguments) in [
        (2, "INVALID_FIELD", &["listen", "--port", "0", "--forward-to", "ftp://127.0.0.1/"][..]),
        (1, "TARGET_REFUSED", &["listen", "--port", "0", "--forward-to", "http://169.254.169.254/"]),
        (2, "USAGE", &["callback", "wait", "--out-trade-no", "n", "--expect", "nonsense"]),
        (1, "CALLBACK_NOT_SEEN", &["callback", "wait", "--out-trade-no", "n", "--timeout", "0"]),
        (2, "USAGE", &["forward", "recover", "--to", "http://127.0.0.1:1/"]),
        (2, "INVALID_FIELD", &["forward", "recover", "--since", "yesterday"]),
        (2, "USAGE", &["forward", "list", "--state", "lost"]),
    ] {
        assert_eq!(guitai.error(status, arguments)["code"], code, "{arguments:?}");
    }
    assert_eq!(guitai.json(&["forward", "list"]), json!({ "items": [], "next": null }));
    assert_eq!(guitai.json(&["forward", "recover"]), json!({ "recovered": 0 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_that_forwards_to_itself_stops_after_one_round() {
    let mut house = House::open().await;
    start(&house.desk, &[house.notify_url()]).await;
    let no = house.prepaid(100).await;
    house.pay(&no, "SUCCESS", true).await;
    assert_eq!(house.delivery().await.verdict, Verdict::Applied);
    assert_eq!(house.delivery().await.verdict, Verdict::Duplicate);
    until(&house.desk, "delivered", |forward| forward.state == "delivered").await;
    assert_eq!(all(&house.desk).await.len(), 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_waits_for_a_delivery() {
    let house = House::open().await;
    let no = house.prepaid(1_250).await;
    let wait = |timeout_s, expect: &[(&str, &str)]| CallbackWait {
        out_trade_no: no.clone(),
        timeout_s,
        expect: expect.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect(),
    };
    let none = house.desk.callback_wait(None, wait(0, &[])).await;
    assert_eq!(none.expect_err("nothing came").code, "CALLBACK_NOT_SEEN");
    let desk = house.desk.clone();
    let expected = wait(60, &[("verdict", "applied"), ("trade_state", "SUCCESS"), ("amount.total", "1250")]);
    let waiting = tokio::spawn(async move { desk.callback_wait(None, expected).await });
    house.pay(&no, "SUCCESS", true).await;
    let found = waiting.await.expect("it ends").expect("it came");
    assert_eq!(found.callback.out_trade_no.as_deref(), Some(no.as_str()));
    for other in [("verdict", "held"), ("amount.total", "1251"), ("no.such.field", "")] {
        let none = house.desk.callback_wait(None, wait(0, &[("verdict", "applied"), other])).await;
        assert_eq!(none.expect_err("not that").code, "CALLBACK_NOT_SEEN", "{other:?}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_listener_loses_nothing_and_marks_what_it_repeats() {
    let guitai = Guitai::new();
    let (sandbox, file) = guitai.sandbox();
    let base = sandbox.ready["base_url"].as_str().expect("an address").to_owned();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    let mut backend = Backend::open(&sandbox.ready, 0);
    backend.answers(|| Answer::Hang);
    let url = backend.url();
    let mut listener = guitai.serve(&["listen", "--port", "0", "--forward-to", &url, "--json"]);
    assert_eq!(listener.ready["forward_to"], json!([url]));
    let place = listener.ready["listening"].as_str().expect("an address").to_owned();

    let desk = guitai_tests::house::open_desk(&guitai.path("data")).await;
    let mut numbers = Vec::new();
    for _ in 0..ORDERS {
        let input = guitai_console::OrderInput {
            amount: wechatpay::money::Fen::new(100),
            description: "forwarded".to_owned(),
            notify_url: Some(format!("{place}/notify/shop")),
            ..guitai_console::OrderInput::default()
        };
        let no = desk.order_create(None, input).await.expect("the order is made").out_trade_no;
        desk.order_prepay(None, &no, guitai_console::wire::Via::Native).await.expect("the prepay works");
        numbers.push(no);
    }
    for no in &numbers {
        let paid =
            post(&format!("{base}/_sandbox/payments"), &json!({ "out_trade_no": no, "outcome": "SUCCESS" })).await;
        assert_eq!(paid.0, 200);
    }
    // killed while deliveries are on their way
    let mut got = vec![backend.next().await];
    assert_eq!(listener.signal("KILL").code(), None);
    backend.answers(|| Answer::empty(204));
    let port = place.rsplit(':').next().expect("a port");
    let mut listener = guitai.serve(&["listen", "--port", port, "--forward-to", &url, "--json"]);
    let minute = json!({ "advance_seconds": 60 });
    for no in &numbers {
        // what was not acknowledged comes again by WeChat Pay's own ladder
        let wait = ["callback", "wait", "--out-trade-no", no, "--timeout", "1", "--expect", "trade_state=SUCCESS"];
        while guitai.run(&wait).status != Some(0) {
            assert_eq!(post(&format!("{base}/_sandbox/clock"), &minute).await.0, 200);
        }
    }
    let due = |items: &Value| items["items"].as_array().expect("a list").iter().any(|it| it["state"] != "delivered");
    while due(&guitai.json(&["forward", "list", "--limit", "500"])) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(listener.signal("TERM").success());
    got.extend(backend.rest());
    let marks: Vec<_> = got.iter().map(crate::backend::Got::mark).collect();
    for it in &got {
        // nobody can know whether the killed one was taken, so its repetition says so
        assert_eq!(it.redelivery().is_some(), it.mark().1 > 1, "{:?}", it.headers);
    }
    let forwards = guitai.json(&["forward", "list", "--limit", "500"]);
    let forwards = forwards["items"].as_array().expect("a list");
    let told: HashSet<_> = marks.iter().map(|(delivery, _)| delivery.as_str()).collect();
    for no in &numbers {
        let its = |it: &&Value| it["out_trade_no"] == json!(no);
        assert!(
            forwards.iter().filter(its).any(|it| told.contains(it["callback_id"].as_str().expect("an id"))),
            "{no}"
        );
    }
    let distinct: HashSet<_> = marks.iter().collect();
    assert_eq!(distinct.len(), marks.len(), "no attempt comes twice under one number: {marks:?}");
    assert!(distinct.contains(&(marks[0].0.clone(), 2)), "what was on its way is repeated, and marked: {marks:?}");
    let again = got.iter().find(|it| it.mark() == (marks[0].0.clone(), 2)).expect("the repetition");
    assert_eq!(again.redelivery(), Some("unknown"));
    assert_eq!(guitai.json(&["forward", "dead"])["items"], json!([]));
}
