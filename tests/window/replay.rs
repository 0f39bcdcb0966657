//! A delivery is replayed from the window to a practice target: as received, edited, and to nobody who may be sent to.

use crate::driver::{System, Window};
use guitai_tests::command::Guitai;
use serde_json::Value;

#[tokio::test]
async fn a_delivery_is_replayed_to_a_practice_target() {
    let window = Window::open(System::Chinese).await;
    let guitai = Guitai::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a place").port();
    let mut target =
        guitai_tests::command::Serving::start(guitai.command(&["catch", "--port", &port.to_string(), "--json"]));
    assert!(target.note().contains("127.0.0.1"), "it says where it listens");
    window.make_order("12.50", "重放").await;
    window.pay_on_the_phone("12.50").await;
    window.attribute_when("order-state", "data-state", "SUCCESS").await;

    window.click("nav-callbacks").await;
    window.click("callback-row").await;
    window.click("callback-replay").await;
    window.fill("replay-to", "http://169.254.169.254/").await;
    window.find("replay-problem").await;
    window.fill("replay-to", &format!("http://127.0.0.1:{port}/notify")).await;
    window.text_when("replay-forecast", |text| text.contains("300")).await;
    window.click("replay-send").await;
    window.attribute_when("replay-answer", "data-status", "204").await;
    let body = |line: &Value| line["body"].as_str().expect("a body").to_owned();
    let received = target.line();
    assert_eq!(received["path"], "/notify");

    window.click("replay-edited").await;
    window.text_when("replay-forecast", |text| text.contains("沙箱的密钥")).await;
    window.click("replay-send").await;
    let edited = target.line();
    assert_ne!(body(&received), body(&edited), "sealed anew");
    window.text_when("replay-summary", |text| text.contains('1')).await;
    window.click("replay-close").await;
}
