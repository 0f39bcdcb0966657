//! The orders desk in the window: the order of five seconds and the code across the counter; chips that narrow the list;
//! many orders closed at once.

use crate::driver::{System, Window};
use fantoccini::key::Key;
use std::time::{Duration, Instant};

impl Window {
    /// Takes an order by keys alone, from wherever one is on the orders' screen, and prepays it as Native at once.
    pub async fn order_by_keys(&self, amount: &str, description: &str) {
        let typed = |key: Key| String::from(char::from(key));
        self.press("n").await;
        self.find("new-order-form").await;
        self.press(amount).await;
        self.press(&typed(Key::Tab)).await;
        self.press(description).await;
        self.press(&format!("{}3{}", char::from(Key::Alt), char::from(Key::Null))).await;
        self.attribute_when("new-order-via-native", "aria-pressed", "true").await;
        self.press_enter().await;
        self.text_when("order-detail", |text| text.contains(description)).await;
        self.attribute_when("order-state", "data-state", "NOTPAY").await;
    }

    /// Waits until so many elements of a kind are on the page.
    pub async fn count_when(&self, testid: &str, wanted: usize) {
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
    window.press("q").await;
    window.find("qr-across").await;
    window.text_when("qr-left", |text| text.contains(':') || text.contains('秒')).await;
    // a new one by its key: asked for again with the same parameters, and it still can be paid
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

#[tokio::test]
async fn a_part_is_refunded_and_the_rest_is_still_there() {
    let window = Window::open(System::English).await;
    window.make_order("12.50", "Latte").await;
    window.pay_on_the_phone("12.50").await;
    window.attribute_when("order-state", "data-state", "SUCCESS").await;
    window.click("phone-close").await;
    window.press("r").await;
    window.text_when("refund-form", |text| text.contains("¥0.00 of ¥12.50") && text.contains("Part 1 of 50")).await;
    window.fill("refund-amount", "12.51").await;
    window.text_when("refund-error", |text| text.contains("12.50")).await;
    window.fill("refund-amount", "2.50").await;
    window.fill("refund-reason", "one cup less").await;
    window.press_enter().await;
    window.attribute_when("refund-row", "data-state", "SUCCESS").await;
    window.attribute_when("order-state", "data-state", "REFUND").await;
    window.text_when("refund-row", |text| text.contains("2.50") && text.contains("one cup less")).await;

    // once more the same: it says that there is one, and asks
    window.press("r").await;
    window.text_when("refund-form", |text| text.contains("¥2.50 of ¥12.50") && text.contains("¥10.00 can be")).await;
    window.fill("refund-amount", "2.50").await;
    window.find("refund-twin").await;
    window.click("refund-submit").await;
    window.click("question-no").await;
    assert_eq!(window.attributes("refund-row", "data-id").await.len(), 1, "a no refunds nothing");
    // … and all that is left
    window.fill("refund-amount", "10").await;
    assert!(!window.has("refund-twin").await);
    window.press_enter().await;
    window.count_when("refund-row", 2).await;
    window.attributes_when("refund-row", "data-state", "SUCCESS").await;
    assert!(!window.has("order-refund").await, "nothing is left to refund");
    window.click("tab-timeline").await;
    window.text_when("timeline", |text| text.contains("¥0.00")).await;

    // from an entry of the timeline to the delivery behind it, in its place
    window.click("tab-callbacks").await;
    window.click("order-callback").await;
    window.find("order-callback-detail").await;
    let checks = window.attributes("check", "data-ok").await;
    assert_eq!((checks.len(), checks.iter().all(|ok| ok == "true")), (10, true));
    window.find("screen-orders").await;
    window.close().await;
}

#[tokio::test]
async fn what_else_a_prepay_can_say_goes_out_with_it() {
    let window = Window::open(System::English).await;
    window.click("nav-orders").await;
    window.press("n").await;
    window.fill("new-order-amount", "12.50").await;
    window.fill("new-order-description", "Latte").await;
    window.script("document.querySelector('[data-testid=new-order-more]').open = true").await;
    window.fill("new-order-attach", "table 3").await;
    window.fill("new-order-goods-tag", "WXG").await;
    window.fill("new-order-minutes", "30").await;
    window.click("new-order-noCredit").await;
    window.fill("new-order-fields", "[]").await;
    window.click("new-order-submit").await;
    window.text_when("new-order-error", |text| text.contains("JSON object")).await;
    window.fill("new-order-fields", r#"{"detail":{"invoice_id":"wx123"}}"#).await;
    window.click("new-order-via-native").await;
    window.click("new-order-submit").await;
    window.attribute_when("order-state", "data-state", "NOTPAY").await;
    window.click("tab-requests").await;
    window.click("exchange-row").await;
    let sent = window.text_when("sign-string", |text| text.contains("/v3/pay/transactions/native")).await;
    for part in ["\"attach\":\"table 3\"", "\"goods_tag\":\"WXG\"", "\"time_expire\":\"20", "no_credit", "wx123"] {
        assert!(sent.contains(part), "{part} was not sent:\n{sent}");
    }
    window.close().await;
}

#[tokio::test]
async fn two_orders_are_paid_at_once() {
    let window = Window::open(System::Chinese).await;
    for (amount, description) in [("12.50", "咖啡"), ("8", "面包")] {
        window.make_order(amount, description).await;
    }
    for key in ["x", "j", "x"] {
        window.press(key).await;
    }
    window.attribute_when("bulk-offer", "data-count", "2").await;
    window.click("bulk-combine").await;
    window.find("combined-qr").await;
    window.text_when("combined-state", |text| text.contains("20.50") && text.contains("咖啡")).await;
    // a key of the dialog is none of what lies under it
    window.press("w").await;
    window.attribute_when("combined-state", "data-state", "NOTPAY").await;
    let whole = "const done = arguments[0]; const invoke = window.__TAURI_INTERNALS__.invoke; (async () => { \
        const { items } = await invoke('order_look', { m: null, filter: {} }); \
        await invoke('phone_pay', { outTradeNo: items[0].combine_out_trade_no, outcome: 'SUCCESS' }); \
        })().then(() => done('paid'), (error) => done(JSON.stringify(error)))";
    assert_eq!(window.client.execute_async(whole, vec![]).await.expect("a script"), "paid");
    window.attribute_when("combined-state", "data-state", "SUCCESS").await;
    window.click("combined-done").await;
    window.attributes_when("order-row", "data-state", "SUCCESS").await;
    window.click("order-row").await;
    window.click("order-combined").await;
    window.find("combined-state").await;
    window.close().await;
}
