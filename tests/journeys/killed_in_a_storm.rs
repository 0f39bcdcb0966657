//! A listener is killed while callbacks are being acknowledged: what was acknowledged is there, the rest comes again.

use guitai_tests::command::{Guitai, get, post};
use serde_json::{Value, json};

const ORDERS: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost() {
    let guitai = Guitai::new();
    let (sandbox, file) = guitai.sandbox();
    let base = sandbox.ready["base_url"].as_str().unwrap().to_owned();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    let mut listener = guitai.serve(&["listen", "--port", "0", "--json"]);
    let place = listener.ready["listening"].as_str().unwrap().to_owned();
    let notify_url = format!("{place}/notify/shop");

    let desk = guitai_tests::house::open_desk(&guitai.path("data")).await;
    let mut numbers = Vec::new();
    for _ in 0..ORDERS {
        let input = guitai_console::OrderInput {
            amount: wechatpay::money::Fen::new(100),
            description: "storm".to_owned(),
            notify_url: Some(notify_url.clone()),
            ..guitai_console::OrderInput::default()
        };
        let no = desk.order_create(None, input).await.expect("the order is made").out_trade_no;
        desk.order_prepay(None, &no, guitai_console::wire::Via::Native).await.expect("the prepay works");
        numbers.push(no);
    }
    desk.close().await;

    let storm: Vec<_> = numbers
        .iter()
        .map(|no| {
            let (url, body) =
                (format!("{base}/_sandbox/payments"), json!({ "out_trade_no": no, "outcome": "SUCCESS" }));
            tokio::spawn(async move { post(&url, &body).await })
        })
        .collect();
    // killed while callbacks are coming in: some are answered, others are not
    for _ in 0..ORDERS / 4 {
        let _ = listener.line();
    }
    assert_eq!(listener.signal("KILL").code(), None);
    for payment in storm {
        assert_eq!(payment.await.unwrap().0, 200);
    }

    let port = place.rsplit(':').next().unwrap();
    let _listener = guitai.serve(&["listen", "--port", port, "--json"]);
    let acknowledged = acknowledged(&base).await;
    assert!(!acknowledged.is_empty());
    for no in &acknowledged {
        let order = guitai.json(&["order", "show", no]);
        assert_eq!(order["state"], "SUCCESS", "{no} was acknowledged");
    }

    // and WeChat Pay's ladder brings what was not
    while self::acknowledged(&base).await.len() < ORDERS {
        let (status, _) = post(&format!("{base}/_sandbox/clock"), &json!({ "advance_seconds": 60 })).await;
        assert_eq!(status, 200);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let paid = guitai.json(&["order", "list", "--state", "SUCCESS", "--limit", "500"]);
    assert_eq!(paid["items"].as_array().unwrap().len(), ORDERS);
    for no in &numbers {
        // by its callback, or by the patrol after the restart; never by both
        let order = guitai.json(&["order", "show", no]);
        let timeline = order["timeline"].as_array().unwrap();
        assert_eq!(
            timeline.iter().filter(|entry| entry["kind"] == "paid").count(),
            1,
            "{no} is paid once: {timeline:?}"
        );
    }
}

/// Numbers of the orders whose notification was answered with success.
async fn acknowledged(base: &str) -> Vec<String> {
    let all = get(&format!("{base}/_sandbox/notifications")).await;
    let delivered = all.as_array().unwrap().iter().filter(|it| it["state"] == "DELIVERED");
    delivered.map(|it: &Value| it["out_trade_no"].as_str().unwrap().to_owned()).collect()
}
