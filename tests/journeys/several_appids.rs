//! One merchant number with several apps: an order names the one it is for, and a callback must be of that one.

use guitai_console::wire::Verdict;
use guitai_console::{MerchantPatch, OrderInput};
use guitai_tests::house::{House, SHOP};
use serde_json::json;
use wechatpay::money::Fen;

const SECOND: &str = "wxaaaaaaaaaaaaaaa2";
const THIRD: &str = "wxaaaaaaaaaaaaaaa3";

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_of_every_app_reach_their_orders() {
    let mut house = House::open().await;
    let first = house.ready["appid"].as_str().unwrap().to_owned();
    let patch =
        MerchantPatch { also_appids: Some(vec![SECOND.into(), first.clone(), SECOND.into()]), ..Default::default() };
    let merchant = house.desk.merchant_update(SHOP, patch).await.expect("more appids");
    assert_eq!(merchant.also_appids, [SECOND], "each once, without the default one");
    let order = |appid: Option<&str>| OrderInput {
        amount: Fen::new(100),
        description: "journey".to_owned(),
        appid: appid.map(str::to_owned),
        ..OrderInput::default()
    };
    let problem = house.desk.order_create(None, order(Some(THIRD))).await.expect_err("not the merchant's");
    assert_eq!((problem.code.as_str(), problem.field.as_deref()), ("INVALID_FIELD", Some("appid")));

    let (key, serial) = house.platform();
    for (n, (named, paid_with, verdict)) in [
        (None, first.as_str(), Verdict::Applied),
        (Some(SECOND), SECOND, Verdict::Applied),
        // right keys, right number, but the other app's payment
        (Some(SECOND), first.as_str(), Verdict::Held),
        (None, THIRD, Verdict::Held),
    ]
    .into_iter()
    .enumerate()
    {
        let made = house.desk.order_create(None, order(named)).await.expect("an order");
        assert_eq!(made.appid, named.unwrap_or(&first));
        let transaction = json!({
            "mchid": made.mchid, "appid": paid_with, "out_trade_no": made.out_trade_no, "trade_type": "NATIVE",
            "transaction_id": format!("42000009852026120100000001{n:02}"), "trade_state": "SUCCESS",
            "success_time": "2026-12-01T11:59:58+08:00", "amount": { "total": 100, "payer_total": 100, "currency": "CNY" },
        });
        let body = house.sealed(&format!("appid-{n}"), "TRANSACTION.SUCCESS", &transaction);
        assert_eq!(house.send(&body, &key, &serial).await, 204);
        let callback = house.delivery().await;
        assert_eq!(callback.verdict, verdict, "{named:?} paid with {paid_with}: {:?}", callback.reason);
        if verdict == Verdict::Held {
            assert_eq!(callback.reason.as_deref(), Some("merchant_matches"));
        }
    }
    house.close().await;
}
