//! The desk ends in the middle and comes back: nothing is forgotten, nothing is done twice.

use guitai_console::wire::Verdict;
use guitai_tests::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_during_a_restart_arrives_after_it() {
    let mut house = House::open().await;
    let no = house.prepaid(777).await;
    house.reopen_desk().await;
    house.pay(&no, "SUCCESS", true).await;
    house.listen(false).await;
    // the first attempt met a closed door; the ladder's next one is 15 seconds of business time later
    let mut notification = house.notification(&no, "TRANSACTION.SUCCESS").await;
    while notification["attempts"].as_array().is_none_or(Vec::is_empty) {
        tokio::task::yield_now().await;
        notification = house.notification(&no, "TRANSACTION.SUCCESS").await;
    }
    house.advance(16).await;
    let callback = house.delivery().await;
    assert_eq!((callback.verdict, callback.out_trade_no.as_deref()), (Verdict::Applied, Some(no.as_str())));
    assert_eq!(house.order(&no).await.order.state, "SUCCESS");

    house.reopen_desk().await;
    assert_eq!(house.order(&no).await.order.state, "SUCCESS");
    house.listen(false).await;
    house.redeliver(notification["id"].as_str().unwrap(), None).await;
    assert_eq!(house.delivery().await.verdict, Verdict::Duplicate, "what was seen before the restart is still known");
    house.close().await;
}
