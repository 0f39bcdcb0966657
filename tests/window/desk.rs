//! The orders desk in the window: the order of five seconds and the code across the counter; chips that narrow the list;
//! many orders closed at once.

use crate::driver::{System, Window};
use std::time::{Duration, Instant};

impl Window {
    /// Takes an order by the keyboard and prepays it as Native at once.
    async fn order_by_keys(&self, amount: &str, description: &str) {
        self.press("n").await;
        self.find("new-order-form").await;
        self.fill("new-order-amount", amount).await;
        self.fill("new-order-description", description).await;
        self.click("new-order-via-native").await;
        self.find("new-order-description").await.send_keys("\u{e007}").await.expect("Enter");
        self.text_when("order-detail", |text| text.contains(description)).await;
        self.attribute_when("order-state", "data-state", "NOTPAY").await;
    }

    /// Waits until so many elements of a kind are on the page.
    async fn count_when(&self, testid: &str, wanted: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let found = self.attributes(testid, "data-testid").await.len();
            if found == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "{found} of {testid}, not {wanted}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn a_customer_pays_the_code_across_the_counter() {
    let window = Window::open(System::Chinese).await;
    window.click("nav-orders").await;
    window.order_by_keys("38", "双人套餐").await;
    window.find("qr").await;
    window.click("open-phone").await;
    window.text_when("phone-amount", |text| text.contains("38.00")).await;
    window.click("qr-enlarge").await;
    window.find("qr-across").await;
    window.text_when("qr-left", |text| text.contains(':') || text.contains('秒')).await;
    // a new one by its key; it still can be paid
    window.press("w").await;
    window.attribute_when("qr-across-state", "data-state", "NOTPAY").await;
    window.find("phone-pay").await;
    // the customer's phone isn't under the cashier's hand: the dialog lies over everything else
    window.script("document.querySelector('[data-testid=phone-pay]').click()").await;
    window.attribute_when("qr-across-state", "data-state", "SUCCESS").await;
    window.text_when("qr-across-state", |text| text.contains("收款成功") && text.contains("回调")).await;
    window.click("qr-done").await;
    window.attribute_when("order-state", "data-state", "SUCCESS").await;
    let steps = window.text("timeline").await;
    for step in ["创建订单", "下单成功", "收到回调", "已支付", "净收"] {
        assert!(steps.contains(step), "{step} is not in the timeline:\n{steps}");
    }
    window.click("nav-overview").await;
    window.text_when("figure-takings", |text| text.contains("38.00")).await;
    window.text_when("channels", |text| text.contains("Native") && text.contains("100 %")).await;
    window.close().await;
}

#[tokio::test]
async fn chips_narrow_the_list_and_many_are_closed_at_once() {
    let window = Window::open(System::English).await;
    window.click("nav-orders").await;
    for (amount, description) in [("1", "One"), ("20", "Two"), ("300", "Three"), ("4000", "Four")] {
        window.order_by_keys(amount, description).await;
    }
    window.attribute_when("order-totals", "data-orders", "4").await;

    window.click("open-filters").await;
    window.click("filter-NOTPAY").await;
    window.click("filter-native").await;
    window.fill("filter-amount-from", "20").await;
    window.find("chip-amount").await;
    window.count_when("order-row", 3).await;
    window.fill("order-search", "300").await;
    window.count_when("order-row", 1).await;
    window.fill("order-search", "").await;
    window.click("chip-amount").await;
    window.count_when("order-row", 4).await;
    window.click("clear-filters").await;
    window.click("toast-undo").await;
    window.find("chip-via-native").await;
    window.click("open-filters").await;

    window.click("order-sort").await;
    window.script("document.querySelectorAll('[data-testid=context-menu] button')[2].click()").await;
    window.attribute_when("order-sort", "data-sort", "largest").await;
    window.attribute_when("order-totals", "data-exact", "true").await;
    window.text_when("order-row", |text| text.contains("4,000.00")).await;

    window.click("order-row").await;
    for key in ["x", "j", "x", "j", "x"] {
        window.press(key).await;
    }
    window.attribute_when("bulk-offer", "data-count", "3").await;
    window.click("bulk-close").await;
    window.click("question-yes").await;
    window.attribute_when("bulk", "data-done", "3").await;
    window.attribute_when("bulk", "data-running", "false").await;
    window.attribute_when("bulk", "data-failed", "0").await;
    window.click("bulk-clear").await;
    // what is closed has left the list of what waits to be paid
    window.click("chip-via-native").await;
    window.click("chip-state-NOTPAY").await;
    window.count_when("order-row", 4).await;
    let closed = window.attributes("order-row", "data-state").await;
    assert_eq!(closed.iter().filter(|state| *state == "CLOSED").count(), 3, "{closed:?}");
    window.close().await;
}
