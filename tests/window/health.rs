//! How everything is, in the window: what real and forged callbacks left in the counters, by the palette and from the
//! overview; and the program's own log in the workbench.

use crate::driver::{System, Window};

#[tokio::test]
async fn what_was_counted_is_shown() {
    let window = Window::open(System::English).await;
    window.make_order("12.50", "Latte").await;
    window.pay_on_the_phone("12.50").await;
    window.attribute_when("order-state", "data-state", "SUCCESS").await;
    window.click("phone-close").await;
    // the listener writes what it counts beside the store, under its port
    let port = std::fs::read_dir(window.data_dir().join("serving"))
        .expect("a listener that tells")
        .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str()?.parse::<u16>().ok())
        .next()
        .expect("a port");
    let forged = reqwest::Client::builder().no_proxy().build().expect("a client");
    let forged = forged.post(format!("http://127.0.0.1:{port}/notify/sandbox")).body("{}").send().await;
    assert_eq!(forged.expect("an answer").status().as_u16(), 401);

    window.press_with_control('k').await;
    window.fill("palette-input", "health").await;
    window.press_enter().await;
    window.find("health").await;
    window.text_when("health-applied", |text| text.contains('1')).await;
    window.text_when("health-rejected", |text| text.contains('1')).await;
    assert_eq!(window.attribute("health-cause", "data-cause").await, "header_missing");
    assert_eq!(window.attribute("serving", "data-here").await, "true");
    window.text_when("health-store", |text| text.contains('B')).await;

    window.click("nav-overview").await;
    window.click("health-all").await;
    window.find("health").await;
    window.click("open-workbench").await;
    window.text_when("workbench", |text| text.contains("the callback listener is open")).await;
    window.close().await;
}
