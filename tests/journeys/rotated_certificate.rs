//! WeChat Pay changes its certificate: the first delivery by the new key asks for it, the next one is believed.

use guitai_console::wire::Verdict;
use guitai_tests::house::{House, read_key};
use serde_json::json;
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_serial_fetches_the_certificate_and_the_retry_is_applied() {
    let mut house = House::open().await;
    let (status, added) = house.control("certificates", &json!({})).await;
    assert!(matches!(status, 200 | 201), "{added}");
    let key = read_key(Path::new(added["private_key"].as_str().unwrap()));
    let serial = added["serial_no"].as_str().unwrap();
    let no = house.prepaid(100).await;
    let transaction = house.pay(&no, "SUCCESS", false).await;
    let body = house.sealed("by-the-new-key", "TRANSACTION.SUCCESS", &transaction);
    assert_eq!(house.send(&body, &key, serial).await, 401);
    let first = house.delivery().await;
    assert_eq!((first.verdict, first.reason.as_deref()), (Verdict::Rejected, Some("serial_unknown")));
    // the fetch runs beside the callback's path; the retry finds it
    let mut answered = 401;
    while answered == 401 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        answered = house.send(&body, &key, serial).await;
    }
    assert_eq!(answered, 204);
    house.until(&no, "SUCCESS").await;
    house.close().await;
}
