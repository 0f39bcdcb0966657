//! R19: nobody listened for a day and ten minutes, and WeChat Pay has given up. The sweep of queries finds every payment.

use crate::shop::{ends, figure, size, sound};
use guitai_console::OrderInput;
use guitai_console::wire::Via;
use guitai_tests::command::{Guitai, get, post};
use guitai_tests::house::open_desk;
use serde_json::json;
use std::time::{Duration, Instant};
use wechatpay::money::Fen;

/// A day and ten minutes, in seconds: past the fifteenth try of every notification.
const AWAY: i64 = 87_000;
/// What is not found in this time by the clock on the wall is late.
const GOAL: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_payment_of_a_day_without_a_listener_is_found() {
    let orders = size(60, 1_000);
    let guitai = Guitai::new();
    let (sandbox, file) = guitai.sandbox();
    let base = sandbox.ready["base_url"].as_str().expect("base_url").to_owned();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    // a place where nobody listens, and where somebody will
    let mut listener = guitai.serve(&["listen", "--port", "0", "--json"]);
    let place = listener.ready["listening"].as_str().expect("where").to_owned();
    assert_eq!(listener.signal("TERM").code(), Some(0));
    let desk = open_desk(&guitai.path("data")).await;
    let numbers: Vec<String> = (0..orders).map(|order| format!("LATE{order:06}")).collect();
    let mut making = tokio::task::JoinSet::new();
    for no in numbers.clone() {
        let (desk, notify_url) = (desk.clone(), Some(format!("{place}/notify/shop")));
        making.spawn(async move {
            let input = OrderInput {
                amount: Fen::new(1_000),
                description: "storm".to_owned(),
                out_trade_no: Some(no.clone()),
                notify_url,
                ..OrderInput::default()
            };
            desk.order_create(None, input).await.expect("an order");
            desk.order_prepay(None, &no, Via::Native).await.expect("a prepay");
        });
        if making.len() >= 16 {
            making.join_next().await.expect("one").expect("an order");
        }
    }
    while let Some(made) = making.join_next().await {
        made.expect("an order");
    }
    desk.close().await;
    // the sandbox's clock goes on a day and ten minutes below; for the desk it was as long: its orders are that old
    let store = rusqlite::Connection::open(guitai.path("data").join("guitai.db")).expect("opens");
    let aged =
        "UPDATE orders SET created_at = created_at - ?1, prepaid_at = prepaid_at - ?1, patrol_at = patrol_at - ?1";
    assert_eq!(store.execute(aged, [AWAY * 1_000]).expect("aged"), orders);
    drop(store);
    // the sums of each day follow
    assert_eq!(guitai.json(&["doctor", "store", "--mend"])["ok"], true);
    for no in &numbers {
        let paid = json!({ "out_trade_no": no, "outcome": "SUCCESS" });
        assert_eq!(post(&format!("{base}/_sandbox/payments"), &paid).await.0, 200);
    }
    let (status, _) = post(&format!("{base}/_sandbox/clock"), &json!({ "advance_seconds": AWAY })).await;
    assert_eq!(status, 200);
    loop {
        let all = get(&format!("{base}/_sandbox/notifications")).await;
        let open = all.as_array().expect("a list").iter().filter(|it| it["state"] != "GAVE_UP").count();
        if open == 0 {
            break;
        }
        // the tries are made one after the other, each over HTTP
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    let since = Instant::now();
    let port = place.rsplit(':').next().expect("a port");
    let mut listener = guitai.serve(&["listen", "--port", port, "--json"]);
    let ready = since.elapsed();
    let found = || {
        let store = crate::shop::reading(&guitai.path("data").join("guitai.db"));
        ends(&store).values().filter(|end| *end == "SUCCESS 0 1").count()
    };
    while found() < orders {
        assert!(since.elapsed() < GOAL, "{} of {orders} found", found());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let took = since.elapsed();
    // and if WeChat Pay should come once more after all, nothing is paid twice
    let all = get(&format!("{base}/_sandbox/notifications")).await;
    for notification in all.as_array().expect("a list").iter().take(10) {
        let id = notification["id"].as_str().expect("an id");
        let (status, attempt) = post(&format!("{base}/_sandbox/notifications/{id}/redeliver"), &json!({})).await;
        assert_eq!((status, &attempt["status"]), (200, &json!(204)), "{attempt}");
        assert_eq!(listener.line()["verdict"], "duplicate");
    }
    assert_eq!(listener.signal("TERM").code(), Some(0));
    assert_eq!(found(), orders, "each is paid once");
    let by_query: i64 = crate::shop::reading(&guitai.path("data").join("guitai.db"))
        .query_row("SELECT count(*) FROM orders WHERE found_by = 'query'", [], |row| row.get(0))
        .expect("counts");
    assert_eq!(usize::try_from(by_query).expect("a count"), orders);
    sound(&guitai);
    figure(
        "R19",
        &format!(
            "{orders} orders paid while nobody listened for 24 h 10 min: all found by query {} ms after the start \
             (ready after {} ms), none twice",
            took.as_millis(),
            ready.as_millis()
        ),
    );
}
