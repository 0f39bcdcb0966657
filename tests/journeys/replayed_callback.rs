//! The same payment told again: later, at the same moment, under another id, for another transaction.

use guitai_console::wire::Verdict;
use guitai_tests::house::House;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_is_acknowledged_and_changes_nothing() {
    let mut house = House::open().await;
    let no = house.prepaid(100).await;
    let transaction = house.pay(&no, "SUCCESS", true).await;
    let first = house.delivery().await;
    let before = house.order(&no).await;
    let notification = house.notification(&no, "TRANSACTION.SUCCESS").await;
    let attempt = house.redeliver(notification["id"].as_str().unwrap(), None).await;
    assert_eq!(attempt["status"], 204, "{attempt}");
    let second = house.delivery().await;
    assert_eq!((second.verdict, second.first_id.as_deref()), (Verdict::Duplicate, Some(first.id.as_str())));

    // two at the same moment
    house.redeliver(notification["id"].as_str().unwrap(), Some("duplicate")).await;
    for _ in 0..2 {
        assert_eq!(house.delivery().await.verdict, Verdict::Duplicate);
    }
    // the same transaction under another notification id
    let (key, serial) = house.platform();
    let body = house.sealed("another-notification-id", "TRANSACTION.SUCCESS", &transaction);
    assert_eq!(house.send(&body, &key, &serial).await, 204);
    assert_eq!(house.delivery().await.verdict, Verdict::Duplicate);

    let after = house.order(&no).await;
    assert_eq!(after.order.success_time, before.order.success_time);
    assert_eq!(after.timeline.iter().filter(|entry| entry.kind == "paid").count(), 1, "{:?}", after.timeline);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_transaction_for_a_paid_order_is_held() {
    let mut house = House::open().await;
    let no = house.prepaid(100).await;
    let mut transaction = house.pay(&no, "SUCCESS", true).await;
    let paid_with = transaction["transaction_id"].clone();
    assert_eq!(house.delivery().await.verdict, Verdict::Applied);
    transaction["transaction_id"] = json!("4200009999202611240000000001");
    let (key, serial) = house.platform();
    assert_eq!(
        house.send(&house.sealed("second-payment", "TRANSACTION.SUCCESS", &transaction), &key, &serial).await,
        204
    );
    let held = house.delivery().await;
    assert_eq!((held.verdict, held.reason.as_deref()), (Verdict::Held, Some("state_allows")));
    assert_eq!(json!(house.order(&no).await.order.transaction_id), paid_with);
    house.close().await;
}
