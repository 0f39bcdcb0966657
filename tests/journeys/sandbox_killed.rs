//! A sandbox is killed with notifications on their way and a refund under way, and comes back on the same folder: the same
//! keys, orders and refunds; the ladder goes on where it was.

use guitai_tests::command::{Guitai, Serving, call, get, post};
use serde_json::{Value, json};

/// The notifications, once the one of this order has as many attempts as wanted.
async fn told(base: &str, number: &str, wanted: usize) -> Value {
    loop {
        let all = get(&format!("{base}/_sandbox/notifications")).await;
        let found = all.as_array().unwrap().iter().find(|n| n["out_trade_no"] == number);
        if let Some(notice) = found.filter(|n| n["attempts"].as_array().unwrap().len() >= wanted) {
            return notice.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Every file of a folder and below, by name.
fn files(folder: &std::path::Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut all = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            all.extend(files(&entry.path()));
        } else {
            all.insert(entry.path(), std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sandbox_goes_on_where_it_was() {
    let guitai = Guitai::new();
    let mut sandbox = guitai.serve(&["sandbox", "--port", "0"]);
    let ready = sandbox.ready.clone();
    let base = ready["base_url"].as_str().unwrap().to_owned();
    let mut backend = Serving::start(guitai.command(&["catch", "--port", "0", "--status", "500", "--json"]));
    let notify_url = format!("{}/notify", backend.note().rsplit(' ').next().unwrap());
    // Held, so that nothing but the test moves business time.
    assert_eq!(post(&format!("{base}/_sandbox/clock"), &json!({ "rate": 0 })).await.0, 200);

    let order = |number: &str| {
        json!({ "appid": ready["appid"], "mchid": ready["mchid"], "description": "tea",
        "out_trade_no": number, "notify_url": notify_url, "amount": { "total": 100 } })
    };
    for number in ["KILLED-1", "KILLED-2", "UNPAID-1"] {
        let (status, said) = call(&ready, "POST", "/v3/pay/transactions/native", &order(number)).await;
        assert_eq!(status, 200, "{said}");
    }
    for number in ["KILLED-1", "KILLED-2"] {
        let paid =
            post(&format!("{base}/_sandbox/payments"), &json!({ "out_trade_no": number, "outcome": "SUCCESS" })).await;
        assert_eq!(paid.0, 200, "{paid:?}");
        told(&base, number, 1).await;
    }
    let refund = json!({ "out_trade_no": "KILLED-2", "out_refund_no": "R1", "notify_url": notify_url,
        "amount": { "refund": 40, "total": 100, "currency": "CNY" } });
    let (status, object) = call(&ready, "POST", "/v3/refund/domestic/refunds", &refund).await;
    assert_eq!((status, object["status"].as_str()), (200, Some("PROCESSING")), "{object}");
    // One step up the ladder, within which the refund settles; a second refund stays under way.
    assert_eq!(post(&format!("{base}/_sandbox/clock"), &json!({ "advance_seconds": 15 })).await.0, 200);
    told(&base, "KILLED-1", 2).await;
    let second = json!({ "out_refund_no": "R2" });
    let mut again = refund.clone();
    again.as_object_mut().unwrap().extend(second.as_object().unwrap().clone());
    assert_eq!(call(&ready, "POST", "/v3/refund/domestic/refunds", &again).await.1["status"], "PROCESSING");
    let before = told(&base, "KILLED-1", 2).await;
    let keys = files(&guitai.path("data").join("sandbox").join("keys"));
    assert_eq!(sandbox.signal("KILL").code(), None);

    let port = base.rsplit(':').next().unwrap().to_owned();
    let sandbox = guitai.serve(&["sandbox", "--port", &port]);
    let mut same = sandbox.ready.clone();
    same["proxy_url"] = ready["proxy_url"].clone();
    assert_eq!(same, ready, "the same keys, numbers and places");
    assert_eq!(files(&guitai.path("data").join("sandbox").join("keys")), keys);
    assert_eq!(told(&base, "KILLED-1", 2).await, before, "the notification, its attempts and its next one");
    let state = async |number: &str| {
        let target = format!("/v3/pay/transactions/out-trade-no/{number}?mchid={}", ready["mchid"].as_str().unwrap());
        call(&ready, "GET", &target, &Value::Null).await.1["trade_state"].clone()
    };
    assert_eq!(state("KILLED-1").await, "SUCCESS");
    assert_eq!(state("KILLED-2").await, "REFUND");
    assert_eq!(state("UNPAID-1").await, "NOTPAY");
    let of_refund = async |number: &str| {
        call(&ready, "GET", &format!("/v3/refund/domestic/refunds/{number}"), &Value::Null).await.1["status"].clone()
    };
    assert_eq!(of_refund("R1").await, "SUCCESS");
    assert_eq!(of_refund("R2").await, "PROCESSING", "still under way");

    assert_eq!(post(&format!("{base}/_sandbox/clock"), &json!({ "advance_seconds": 1 })).await.0, 200);
    assert_eq!(of_refund("R2").await, "SUCCESS", "what was under way settles");
    assert_eq!(told(&base, "KILLED-1", 2).await["attempts"].as_array().unwrap().len(), 2, "not before its time");
    assert_eq!(post(&format!("{base}/_sandbox/clock"), &json!({ "advance_seconds": 14 })).await.0, 200);
    let after = told(&base, "KILLED-1", 3).await;
    let at = |notice: &Value, nth: usize| notice["attempts"][nth]["at"].clone();
    assert_eq!(at(&after, 2), before["next_attempt_at"], "the third step, when it was due");
    assert_eq!((at(&after, 0), at(&after, 1)), (at(&before, 0), at(&before, 1)));
    assert_eq!(after["state"], "PENDING");
}
