//! The main job: an order, a prepay, a payer, a callback; and a payer who doesn't pay.

use guitai_console::wire::{FoundBy, Verdict};
use guitai_tests::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_turns_paid_by_its_callback() {
    let mut house = House::open().await;
    let no = house.prepaid(1250).await;
    assert_eq!(house.order(&no).await.order.state, "NOTPAY");
    let transaction = house.pay(&no, "SUCCESS", true).await;
    let callback = house.delivery().await;
    assert_eq!(
        (callback.verdict, callback.http_status, callback.out_trade_no.as_deref()),
        (Verdict::Applied, 204, Some(no.as_str()))
    );
    let dossier = house.order(&no).await;
    assert_eq!((dossier.order.state.as_str(), dossier.order.found_by), ("SUCCESS", Some(FoundBy::Callback)));
    assert_eq!(dossier.order.transaction_id.as_deref(), transaction["transaction_id"].as_str());
    let kinds: Vec<_> = dossier.timeline.iter().map(|entry| entry.kind.as_str()).collect();
    assert!(kinds.starts_with(&["created", "prepay"]) && kinds.contains(&"paid"), "{kinds:?}");
    let came = dossier.timeline.iter().position(|entry| entry.callback_id == Some(callback.id.clone()));
    let came = came.and_then(|at| dossier.timeline.get(at..at + 2)).expect("the delivery and what it changed");
    let told: Vec<_> = came.iter().map(|entry| (entry.kind.as_str(), entry.detail.as_deref())).collect();
    assert_eq!(told, [("callback", Some("applied")), ("paid", transaction["transaction_id"].as_str())]);
    let reachable = |id: &str| dossier.timeline.iter().any(|entry| entry.exchange_id.as_deref() == Some(id));
    assert!(dossier.exchanges.iter().all(|exchange| reachable(&exchange.id)), "{:?}", dossier.timeline);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payer_who_cancels_leaves_the_order_unpaid() {
    let house = House::open().await;
    let no = house.prepaid(100).await;
    house.pay(&no, "CANCEL", true).await;
    house.pay(&no, "PAYERROR", true).await;
    let order = house.desk.order_query(None, &no).await.expect("the query works");
    assert_eq!(order.state, "NOTPAY");
    assert!(house.order(&no).await.callbacks.is_empty(), "nothing is notified but payments");
    let closed = house.desk.order_close(None, &no).await.expect("an unpaid order can be closed");
    assert_eq!(closed.state, "CLOSED");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_paid_before_its_prepay_was_heard_of_is_paid() {
    let mut house = House::open().await;
    house.fault("POST", "/v3/pay/transactions/native", "unsigned_response", 1).await;
    let no = house.created(500).await.out_trade_no;
    let lost = house.desk.order_prepay(None, &no, guitai_console::wire::Via::Native).await;
    assert!(lost.is_err(), "an unsigned answer is not believed");
    house.pay(&no, "SUCCESS", true).await;
    assert_eq!(house.delivery().await.verdict, Verdict::Applied);
    assert_eq!(house.order(&no).await.order.state, "SUCCESS");
    house.close().await;
}
