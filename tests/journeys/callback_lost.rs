//! A callback that never comes: the patrol asks, and finds the payment.

use guitai_console::wire::FoundBy;
use guitai_tests::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_callback_is_found_by_the_patrol() {
    let mut house = House::open().await;
    house.stop_listening().await;
    let no = house.prepaid(100).await;
    house.pay(&no, "SUCCESS", false).await;
    house.listen(true).await;
    house.until(&no, "SUCCESS").await;
    let dossier = house.order(&no).await;
    assert_eq!(dossier.order.found_by, Some(FoundBy::Query));
    assert!(dossier.callbacks.is_empty());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_by_hand_finds_it_too() {
    let house = House::open().await;
    let no = house.prepaid(100).await;
    let transaction = house.pay(&no, "SUCCESS", false).await;
    let order = house.desk.order_query(None, &no).await.expect("the query works");
    assert_eq!((order.state.as_str(), order.found_by), ("SUCCESS", Some(FoundBy::Query)));
    assert_eq!(order.transaction_id.as_deref(), transaction["transaction_id"].as_str());
    house.close().await;
}
