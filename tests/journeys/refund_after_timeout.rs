//! Refunds whose answer got lost: the same number is asked again, never a second one.

use guitai_console::RefundInput;
use guitai_console::wire::Verdict;
use guitai_tests::house::House;
use wechatpay::money::Fen;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_never_refunds_twice() {
    for fault in ["connection_reset", "unsigned_response", "wrong_signature"] {
        let mut house = House::open().await;
        let no = house.prepaid(1000).await;
        house.pay(&no, "SUCCESS", true).await;
        assert_eq!(house.delivery().await.verdict, Verdict::Applied);
        house.fault("POST", "/v3/refund/domestic/refunds", fault, 50).await;
        let input = RefundInput { amount: Some(Fen::new(400)), ..RefundInput::default() };
        let lost = house.desk.order_refund(None, &no, input.clone()).await;
        assert!(lost.is_err(), "{fault}: what wasn't verified is not believed");
        let (status, _) = house.control("faults", &serde_json::json!([])).await;
        assert_eq!(status, 200, "the gateway behaves again");
        let kept = house.order(&no).await.refunds;
        assert_eq!(kept.len(), 1, "{fault}: the number was kept before it was sent");

        let again = RefundInput { out_refund_no: Some(kept[0].out_refund_no.clone()), ..input };
        // the gateway may have done it the first time: then it is settled by now, and its notification is no news
        let refund = house.desk.order_refund(None, &no, again).await.expect("the same refund again");
        assert_eq!(refund.out_refund_no, kept[0].out_refund_no, "{fault}");
        house.advance(2).await;
        let settled = house.delivery().await;
        assert_eq!(settled.event_type.as_deref(), Some("REFUND.SUCCESS"), "{fault}");
        assert!(matches!(settled.verdict, Verdict::Applied | Verdict::Duplicate), "{fault}: {:?}", settled.verdict);
        let dossier = house.order(&no).await;
        assert_eq!((dossier.refunds.len(), dossier.order.refunded), (1, 400), "{fault}");
        assert_eq!(dossier.refunds[0].status, "SUCCESS", "{fault}");
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_overtakes_its_payment_ends_the_same() {
    let mut house = House::open().await;
    let no = house.prepaid(1000).await;
    let transaction = house.pay(&no, "SUCCESS", false).await;
    let refund = serde_json::json!({
        "mchid": transaction["mchid"], "out_trade_no": no, "transaction_id": transaction["transaction_id"],
        "out_refund_no": "made-elsewhere-1", "refund_id": "50000000382019052709732678859", "refund_status": "SUCCESS",
        "success_time": "2026-11-24T12:00:00+08:00", "user_received_account": "支付用户零钱",
        "amount": { "total": 1000, "refund": 300, "payer_total": 1000, "payer_refund": 300 },
    });
    let (key, serial) = house.platform();
    assert_eq!(house.send(&house.sealed("refund-first", "REFUND.SUCCESS", &refund), &key, &serial).await, 204);
    house.delivery().await;
    assert_eq!(
        house.send(&house.sealed("payment-second", "TRANSACTION.SUCCESS", &transaction), &key, &serial).await,
        204
    );
    house.delivery().await;
    let dossier = house.order(&no).await;
    assert_eq!((dossier.order.state.as_str(), dossier.order.refunded), ("REFUND", 300));
    assert_eq!(json_id(&dossier.order.transaction_id), transaction["transaction_id"].as_str().unwrap_or_default());
    assert_eq!(dossier.refunds.len(), 1);
    house.close().await;
}

fn json_id(id: &Option<String>) -> &str {
    id.as_deref().unwrap_or_default()
}
