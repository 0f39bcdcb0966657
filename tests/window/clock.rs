//! The sandbox's clock in the window: held, moved and hurried, and a refund that waits for it.

use crate::driver::{System, Window};

impl Window {
    /// Seconds of the day that the business clock shows.
    async fn business_seconds(&self) -> i64 {
        let text = self.text("business-time").await;
        text.split(':').fold(0, |sum, part| sum * 60 + part.parse::<i64>().expect("a time of day"))
    }
}

#[tokio::test]
async fn business_time_is_held_moved_and_hurried() {
    let window = Window::open(System::English).await;
    window.make_order("12.50", "拿铁 Latte").await;
    window.pay_on_the_phone("12.50").await;
    window.attribute_when("order-state", "data-state", "SUCCESS").await;
    window.click("phone-close").await;

    window.click("nav-sandbox").await;
    window.attribute_when("sandbox-clock", "data-rate", "1").await;
    window.click("pace-0").await;
    window.attribute_when("sandbox-clock", "data-rate", "0").await;
    let held = window.business_seconds().await;

    // A refund takes a second of business time, which doesn't pass now.
    window.click("nav-orders").await;
    window.click("order-row").await;
    window.click("order-refund").await;
    window.fill("refund-amount", "2.50").await;
    window.click("refund-submit").await;
    window.click("tab-refunds").await;
    window.attribute_when("refund-row", "data-state", "PROCESSING").await;
    window.click("nav-sandbox").await;
    assert_eq!(window.business_seconds().await, held, "it stood still");
    window.click("nav-orders").await;
    window.attribute_when("refund-row", "data-state", "PROCESSING").await;

    // Sixty times as fast it passes, and the refund's notification turns it.
    window.click("nav-sandbox").await;
    window.click("pace-60").await;
    window.attribute_when("sandbox-clock", "data-rate", "60").await;
    window.click("nav-orders").await;
    window.attribute_when("refund-row", "data-state", "SUCCESS").await;

    window.click("nav-sandbox").await;
    window.click("pace-0").await;
    window.attribute_when("sandbox-clock", "data-rate", "0").await;
    let before = window.business_seconds().await;
    window.click("advance-600").await;
    let jumped = loop {
        let now = window.business_seconds().await;
        if now != before {
            break now;
        }
    };
    assert_eq!((jumped - before).rem_euclid(86_400), 600, "a held clock can be moved");
    window.click("pace-1").await;
    window.attribute_when("sandbox-clock", "data-rate", "1").await;
    window.close().await;
}
