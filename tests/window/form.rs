//! What the form for a new order does with what can't be an order: it says what is wrong, and nothing is made.

use crate::driver::{System, Window};

#[tokio::test]
async fn bad_input_is_named_and_makes_nothing() {
    let window = Window::open(System::English).await;
    window.click("nav-orders").await;
    window.click("new-order").await;
    let long = "字".repeat(128);
    for (amount, description, number) in [
        ("0", "Tea", ""),
        ("-1", "Tea", ""),
        ("1.234", "Tea", ""),
        ("100000000.01", "Tea", ""),
        ("ten", "Tea", ""),
        ("1", "", ""),
        ("1", &long, ""),
        ("1", "Tea", "with space"),
        ("1", "Tea", "short"),
    ] {
        window.fill("new-order-amount", amount).await;
        window.fill("new-order-description", description).await;
        window.fill("new-order-out-trade-no", number).await;
        window.press_enter().await;
        let said = window.text_when("new-order-error", |text| !text.trim().is_empty()).await;
        assert!(!window.has("order-detail").await, "{amount:?} {description:?} {number:?} made an order: {said}");
    }
    assert!(!window.has("order-row").await, "an order was made of bad input");

    window.fill("new-order-amount", "1.20").await;
    window.fill("new-order-description", "Tea").await;
    window.fill("new-order-out-trade-no", "").await;
    window.click("new-order-submit").await;
    window.attribute_when("order-state", "data-state", "CREATED").await;
    window.close().await;
}
