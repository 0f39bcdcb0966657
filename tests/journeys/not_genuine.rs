//! What doesn't come from WeChat Pay, and what does but doesn't fit: never applied, always kept, told apart.

use guitai_console::wire::Verdict;
use guitai_tests::house::House;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn forged_stale_probing_and_unknown_deliveries_are_rejected() {
    let mut house = House::open().await;
    let no = house.prepaid(100).await;
    house.stop_listening().await;
    house.pay(&no, "SUCCESS", true).await;
    let notification = house.notification(&no, "TRANSACTION.SUCCESS").await;
    let id = notification["id"].as_str().unwrap();
    house.listen(false).await;
    // (fault, the check that fails)
    let cases = [
        ("bad_signature", "signature_valid"),
        ("stale_timestamp", "timestamp_fresh"),
        ("wrong_serial", "serial_known"),
        ("signature_probe", "signature_valid"),
    ];
    for (fault, check) in cases {
        let attempt = house.redeliver(id, Some(fault)).await;
        assert_eq!(attempt["status"], 401, "{fault}: {attempt}");
        let callback = house.delivery().await;
        assert_eq!(callback.verdict, Verdict::Rejected, "{fault}");
        let dossier = house.desk.callback_show(&callback.id).await.expect("a rejected delivery is kept");
        let last = dossier.checks.last().expect("it climbed at least one rung");
        assert_eq!((last.name.as_str(), last.ok), (check, false), "{fault}");
        assert_eq!(dossier.decrypted, None, "{fault}: nothing of it is believed");
        assert_eq!(house.order(&no).await.order.state, "NOTPAY", "{fault}");
    }
    let attempt = house.redeliver(id, Some("tampered_ciphertext")).await;
    assert_eq!(attempt["status"], 500, "genuine, but nothing opens it: {attempt}");
    assert_eq!(house.delivery().await.verdict, Verdict::Failed);
    assert_eq!(house.order(&no).await.order.state, "NOTPAY");
    // and the true one goes through after all of them
    assert_eq!(house.redeliver(id, None).await["status"], 204);
    assert_eq!(house.delivery().await.verdict, Verdict::Applied);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_from_the_order_is_held() {
    let mut house = House::open().await;
    let no = house.prepaid(1000).await;
    let transaction = house.pay(&no, "SUCCESS", false).await;
    let (key, serial) = house.platform();
    let other_case = no.to_uppercase().replace(|c: char| c.is_ascii_digit(), "0");
    // (pointer, value, the check that fails)
    let cases: [(&str, Value, &str); 6] = [
        ("/amount/total", json!(1), "amount_matches"),
        ("/amount/total", json!(1001), "amount_matches"),
        ("/amount/currency", json!("USD"), "amount_matches"),
        ("/mchid", json!("1900000000"), "merchant_matches"),
        ("/appid", json!("wx00000000000000ff"), "merchant_matches"),
        ("/out_trade_no", json!(format!("{other_case}x")), "order_known"),
    ];
    for (n, (pointer, value, check)) in cases.into_iter().enumerate() {
        let mut changed = transaction.clone();
        *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} in {transaction}")) = value.clone();
        let body = house.sealed(&format!("changed-{n}"), "TRANSACTION.SUCCESS", &changed);
        assert_eq!(house.send(&body, &key, &serial).await, 204, "{pointer} = {value}");
        let callback = house.delivery().await;
        assert_eq!((callback.verdict, callback.reason.as_deref()), (Verdict::Held, Some(check)), "{pointer} = {value}");
        assert_eq!(house.order(&no).await.order.state, "NOTPAY", "{pointer} = {value}");
    }
    // a coupon is no difference
    let mut coupon = transaction.clone();
    coupon["amount"]["payer_total"] = json!(900);
    assert_eq!(house.send(&house.sealed("right", "TRANSACTION.SUCCESS", &coupon), &key, &serial).await, 204);
    assert_eq!(house.delivery().await.verdict, Verdict::Applied);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn genuine_but_not_understood_is_held_byte_for_byte() {
    let mut house = House::open().await;
    let (key, serial) = house.platform();
    let unknown =
        house.sealed("unknown-event", "PAYSCORE.USER_OPEN_SERVICE", &json!({ "mchid": house.ready["mchid"] }));
    for body in [unknown.as_str(), "{\"id\":\"not-closed\"", "[]", "{\"id\":\"a\",\"id\":\"b\"}"] {
        assert_eq!(house.send(body, &key, &serial).await, 204, "{body}");
        let callback = house.delivery().await;
        assert_eq!(callback.verdict, Verdict::Held, "{body}");
        let dossier = house.desk.callback_show(&callback.id).await.expect("it is kept");
        assert_eq!(dossier.body, body);
        assert!(house.desk.callback_apply(&callback.id).await.is_err(), "this version doesn't understand it: {body}");
    }
    house.close().await;
}
