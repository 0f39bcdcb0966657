//! The history of callbacks in the real window: real signed deliveries of every kind, drawn in lanes, on the ladder, side by
//! side.

use crate::driver::{System, Window};
use serde_json::{Value, json};

/// Pays orders through the real host and has the sandbox deliver their notifications again with every fault: `arguments` are
/// how many orders, how many faults on each, and `done`.
const MAKE: &str = r#"
const [orders, faults, done] = arguments;
const invoke = window.__TAURI_INTERNALS__.invoke;
const FAULTS = ['duplicate', 'bad_signature', 'signature_probe', 'stale_timestamp', 'wrong_serial', 'tampered_ciphertext', null];
const GOODS = ['热美式 Americano', '双人套餐', '停车两小时', '会员年卡', '豆浆油条'];
(async () => {
  const made = new Set();
  const { openid } = (await invoke('app_state')).sandbox;
  for (let i = 0; i < orders; i++) {
    // every fifth is refused on the ladder at first, and comes again when the clock goes on
    const slow = i % 5 === 3;
    if (slow) await invoke('sandbox_set_callback_faults', { faults: [{ fault: i % 2 ? 'tampered_ciphertext' : 'signature_probe', times: 1 + (i % 4) }] });
    const order = await invoke('order_create', { m: null, input: { amount: 1250 + i * 310, description: GOODS[i % GOODS.length], openid } });
    made.add(order.out_trade_no);
    // … and another one is told with an amount that isn't the order's
    if (i % 5 === 1) await invoke('sandbox_set_callback_faults', { faults: [{ fault: 'wrong_amount', times: 1, out_trade_no: order.out_trade_no }] });
    await invoke('order_prepay', { m: null, outTradeNo: order.out_trade_no, via: 'jsapi' });
    await invoke('phone_pay', { outTradeNo: order.out_trade_no, outcome: 'SUCCESS' });
    if (slow) {
      for (const seconds of [20, 20, 40, 200]) await invoke('sandbox_advance', { seconds });
      await invoke('sandbox_set_callback_faults', { faults: [] });
    }
  }
  const notifications = (await invoke('sandbox_notifications')).filter((it) => made.has(it.out_trade_no));
  for (const [i, notification] of notifications.entries())
    for (let j = 0; j < faults; j++) await invoke('sandbox_redeliver', { id: notification.id, fault: FAULTS[(i + j) % FAULTS.length] });
})().then(() => done('made'), (error) => done(JSON.stringify(error) ?? String(error)));
"#;

impl Window {
    /// Makes a history of real deliveries: about `orders * (1 + faults)` of them.
    pub async fn make_history(&self, orders: usize, faults: usize) {
        let made = self.client.execute_async(MAKE, vec![json!(orders), json!(faults)]).await.expect("a script");
        assert_eq!(made, Value::from("made"));
    }
}

#[tokio::test]
async fn a_history_is_drawn_in_lanes_and_two_deliveries_side_by_side() {
    let window = Window::open(System::English).await;
    window.make_history(4, 7).await;
    window.click("nav-callbacks").await;
    window.find("callback-row").await;

    window.click("view-lanes").await;
    window.find("callback-lane").await;
    let mut verdicts = window.attributes("lane-mark", "data-verdict").await;
    verdicts.sort_unstable();
    verdicts.dedup();
    assert_eq!(verdicts, ["applied", "duplicate", "failed", "held", "rejected"]);
    let lanes = window.attributes("callback-lane", "data-testid").await.len();
    assert_eq!(lanes, 5, "retries are joined to their order; what was refused is believed no number and has one lane");

    window.script("document.querySelector('[data-testid=lane-mark][data-verdict=applied]').click()").await;
    window.find("callback-detail").await;
    window.click("tab-retries").await;
    window.find("retry-step").await;
    assert!(window.attributes("retry-step", "data-state").await.len() >= 16);

    window.click("view-list").await;
    window.click("filter-rejected").await;
    window.attributes_when("callback-row", "data-verdict", "rejected").await;
    let marked = window.attribute("callback-row", "data-id").await;
    window.click("callback-row").await;
    window.attribute_when("callback-detail", "data-id", &marked).await;
    window.click("callback-mark").await;
    window.click("filter-rejected").await;
    window.click("filter-applied").await;
    window.attributes_when("callback-row", "data-verdict", "applied").await;
    window.click("callback-row").await;
    window.click("callback-compare").await;
    window.find("compare").await;
    let paths = window.attributes("compare-pair", "data-path").await;
    assert!(paths.iter().any(|path| path == "verdict"), "{paths:?}");
    assert!(!paths.iter().any(|path| path == "wechatpay-signature-type"), "equal ones are folded: {paths:?}");

    window.click("compare-close").await;
    window.press_escape().await;

    // chosen by hand, to be sent again together
    window.click("callback-row").await;
    for key in ["x", "j", "x"] {
        window.press(key).await;
    }
    window.attribute_when("callback-picked", "data-count", "2").await;
    window.click("callback-replay-picked").await;
    window.fill("replay-to", "http://127.0.0.1:9/notify").await;
    window.text_when("replay-forecast", |text| text.contains('2')).await;
    window.click("replay-close").await;
    window.click("callback-unpick").await;

    window.click("view-causes").await;
    window.find("callback-cause").await;
    window.close().await;
}
