//! The main job in the window: an order is made, prepaid, paid on the phone, called back, and shown as paid.

use crate::driver::{System, Window};

impl Window {
    /// Makes an order by the form and opens its detail.
    pub async fn make_order(&self, amount: &str, description: &str) {
        self.click("nav-orders").await;
        self.click("new-order").await;
        self.fill("new-order-amount", amount).await;
        self.fill("new-order-description", description).await;
        self.click("new-order-submit").await;
        self.find("order-detail").await;
    }

    /// Prepays the open order and pays it on the phone.
    pub async fn pay_on_the_phone(&self, amount: &str) {
        self.click("prepay-jsapi").await;
        self.attribute_when("order-state", "data-state", "NOTPAY").await;
        self.click("open-phone").await;
        self.text_when("phone-amount", |text| text.contains(amount)).await;
        self.click("phone-pay").await;
    }
}

#[tokio::test]
async fn an_order_is_paid_by_its_callback() {
    let window = Window::open(System::Chinese).await;
    window.make_order("12.50", "热美式 Americano").await;
    window.attribute_when("order-state", "data-state", "CREATED").await;
    window.pay_on_the_phone("12.50").await;
    // Nobody asks: the callback's event turns it.
    window.attribute_when("order-state", "data-state", "SUCCESS").await;

    window.click("nav-callbacks").await;
    window.click("callback-row").await;
    window.find("callback-detail").await;
    assert_eq!(window.attribute("callback-row", "data-verdict").await, "applied");
    let rungs = window.attributes("check", "data-name").await;
    let ladder = [
        "headers_present",
        "timestamp_fresh",
        "serial_known",
        "signature_valid",
        "body_is_json",
        "resource_decrypts",
        "merchant_matches",
        "order_known",
        "amount_matches",
        "state_allows",
    ];
    assert_eq!(rungs, ladder);
    assert!(window.attributes("check", "data-ok").await.iter().all(|ok| ok == "true"));
    window.text_when("callback-decrypted", |text| text.contains("trade_state") && text.contains("1250")).await;

    window.click("nav-orders").await;
    window.click("order-row").await;
    window.click("tab-requests").await;
    window.click("exchange-row").await;
    let signed = window.text_when("sign-string", |text| text.contains("/v3/pay/transactions/jsapi")).await;
    for part in ["POST", "\"out_trade_no\"", "\"total\":1250"] {
        assert!(signed.contains(part), "{part} is not in the string to sign:\n{signed}");
    }
    window.close().await;
}

#[tokio::test]
async fn what_was_paid_is_there_after_a_restart() {
    let window = Window::open(System::Chinese).await;
    window.make_order("0.01", "一分钱").await;
    window.pay_on_the_phone("0.01").await;
    window.attribute_when("order-state", "data-state", "SUCCESS").await;

    let window = window.reopen(System::Chinese).await;
    window.click("nav-orders").await;
    window.click("order-row").await;
    window.attribute_when("order-state", "data-state", "SUCCESS").await;
    // The sandbox and the listener go on, too: the next order is paid as well.
    window.make_order("3", "第二单").await;
    window.pay_on_the_phone("3.00").await;
    window.attribute_when("order-state", "data-state", "SUCCESS").await;
    window.close().await;
}

#[tokio::test]
async fn an_order_is_shown_as_a_qr_code() {
    let window = Window::open(System::English).await;
    window.make_order("99", "Poster").await;
    window.click("prepay-native").await;
    window.find("qr").await;
    window.close().await;
}
