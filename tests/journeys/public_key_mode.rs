//! WeChat Pay's public key in place of the platform certificate, and both at once during the migration.

use guitai_console::wire::Verdict;
use guitai_tests::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn notifications_by_either_key_are_believed() {
    let mut house = House::open().await;
    let public = (house.key("public_key_private_key"), house.ready["public_key_id"].as_str().unwrap().to_owned());
    for (n, (key, serial)) in [public, house.platform()].into_iter().enumerate() {
        let no = house.prepaid(100).await;
        let transaction = house.pay(&no, "SUCCESS", false).await;
        let body = house.sealed(&format!("by-key-{n}"), "TRANSACTION.SUCCESS", &transaction);
        assert_eq!(house.send(&body, &key, &serial).await, 204, "{serial}");
        assert_eq!(house.delivery().await.verdict, Verdict::Applied, "{serial}");
        assert_eq!(house.order(&no).await.order.state, "SUCCESS", "{serial}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_under_the_others_name_is_a_forgery() {
    let mut house = House::open().await;
    let no = house.prepaid(100).await;
    let transaction = house.pay(&no, "SUCCESS", false).await;
    let body = house.sealed("mixed", "TRANSACTION.SUCCESS", &transaction);
    let (key, _) = house.platform();
    assert_eq!(house.send(&body, &key, house.ready["public_key_id"].as_str().unwrap()).await, 401);
    let callback = house.delivery().await;
    assert_eq!((callback.verdict, callback.reason.as_deref()), (Verdict::Rejected, Some("signature_mismatch")));
    house.close().await;
}
