//! A picture of each screen in both languages and themes, for people to look at: `make shots`. Judges nothing.

use crate::doctor::REQUEST;
use crate::driver::{System, Window};
use std::path::{Path, PathBuf};

/// Each screen, and what is opened on it first.
const SCREENS: [(&str, Option<&str>); 6] = [
    ("overview", None),
    ("orders", Some("order-row")),
    ("callbacks", Some("callback-row")),
    ("signatures", Some("signature-row")),
    ("sandbox", None),
    ("settings", None),
];

/// Languages and themes.
pub const DRESSES: [(&str, &str); 4] = [("zh", "light"), ("zh", "dark"), ("en", "light"), ("en", "dark")];

#[tokio::test]
#[ignore = "makes pictures for people: make shots"]
async fn shots() {
    let folder = PathBuf::from(std::env::var_os("GUITAI_SHOTS").expect("GUITAI_SHOTS names the folder"));
    crate::reconcile::shots(&folder).await;
    let (window, way) = Window::open_with_a_way_in(System::Chinese).await;
    // Something to look at: orders in several states.
    window.make_order("25.80", "刚刚创建的订单").await;
    window.make_order("66", "待支付的订单").await;
    window.click("prepay-native").await;
    window.find("qr").await;
    for (amount, shown, description) in
        [("38", "38.00", "双人套餐"), ("0.01", "0.01", "测试"), ("1288", "1,288.00", "年卡")]
    {
        window.make_order(amount, description).await;
        window.pay_on_the_phone(shown).await;
        window.attribute_when("order-state", "data-state", "SUCCESS").await;
        window.click("phone-close").await;
    }

    // about 300 deliveries of every kind
    for _ in 0..8 {
        window.make_history(5, 7).await;
    }

    window.click("nav-settings").await;
    window.click("tunnel-state").await;
    window.click("tunnel-preset-ssh").await;
    window.start_ssh(way.remote_port, &way.public).await;
    window.attribute_when("tunnel-state", "data-state", "up").await;
    window.click("api-switch").await;
    window.attribute_when("settings-shop", "data-api", "on").await;
    window.click("catalog-new").await;
    for (count, id, name, price) in [("1", "card-year", "年卡", "1288"), ("2", "data-30g", "流量包 30 GB", "29.90")]
    {
        window.fill("catalog-id", id).await;
        window.fill("catalog-name", name).await;
        window.fill("catalog-price", price).await;
        window.press_enter().await;
        window.attribute_when("catalog", "data-count", count).await;
    }
    window.press_escape().await;

    for (language, theme) in DRESSES {
        window.dress(language, theme).await;
        let shot = async |name: &str| window.picture(&folder, name, language, theme).await;

        window.make_order("12.50", "热美式 Americano").await;
        window.click("prepay-jsapi").await;
        window.attribute_when("order-state", "data-state", "NOTPAY").await;
        window.click("open-phone").await;
        window.text_when("phone-amount", |text| text.contains("12.50")).await;
        shot("phone").await;
        window.click("phone-pay").await;
        window.attribute_when("order-state", "data-state", "SUCCESS").await;
        window.click("phone-close").await;
        window.click("order-receipt").await;
        window.text_when("receipt", |text| text.contains("12.50")).await;
        shot("receipt").await;
        window.as_printed(true).await;
        shot("receipt-print").await;
        window.as_printed(false).await;
        window.click("receipt-close").await;
        window.press("r").await;
        window.fill("refund-amount", "2.50").await;
        shot("refund").await;
        window.press_enter().await;
        window.attribute_when("refund-row", "data-state", "SUCCESS").await;
        window.click("tab-callbacks").await;
        window.click("order-callback").await;
        window.find("order-callback-detail").await;
        shot("order-callback").await;
        window.click("tab-timeline").await;

        for (screen, opened) in SCREENS {
            window.click(&format!("nav-{screen}")).await;
            window.find(&format!("screen-{screen}")).await;
            if let Some(row) = opened {
                window.click(row).await;
            }
            shot(screen).await;
        }
        window.click("tab-health").await;
        window.find("serving").await;
        shot("health").await;
        window.click("tab-settings").await;
        window.click("tunnel-state").await;
        shot("settings-tunnel").await;
        window.press_with_control('k').await;
        window.fill("palette-input", if language == "zh" { "商品目录" } else { "catalogue" }).await;
        window.find("palette-item").await;
        window.press_enter().await;
        shot("settings-shop").await;
        window.click("nav-callbacks").await;
        window.click("view-lanes").await;
        window.press_escape().await;
        window.find("callback-lane").await;
        shot("callbacks-lanes").await;
        window.script("document.querySelector('[data-testid=lane-mark][data-verdict=failed]').click()").await;
        window.click("tab-retries").await;
        window.find("retry-step").await;
        shot("callbacks-retries").await;
        // the mark of the round before stands
        if window.attribute("callback-mark", "aria-pressed").await != "true" {
            window.click("callback-mark").await;
        }
        window.script("document.querySelector('[data-testid=lane-mark][data-verdict=applied]').click()").await;
        window.click("callback-compare").await;
        window.find("compare").await;
        shot("callbacks-compare").await;
        window.click("compare-close").await;
        window.press_escape().await;
        window.click("view-causes").await;
        window.find("callback-cause").await;
        shot("callbacks-causes").await;
        window.click("view-list").await;
        window.click("callback-row").await;
        window.click("callback-replay").await;
        window.fill("replay-to", "http://127.0.0.1:8080/notify").await;
        window.find("replay-forecast").await;
        shot("replay").await;
        window.click("replay-close").await;
        window.click("nav-signatures").await;
        window.click("tab-doctor").await;
        window.paste("doctor-text", REQUEST).await;
        window.click("doctor-run").await;
        window.find("doctor-finding").await;
        shot("doctor").await;
        window.click("doctor-play").await;
        window.find("play-verdict").await;
        shot("playground").await;
        window.click("tab-keys").await;
        window.find("key-entry").await;
        shot("keys").await;
        window.click("tab-migration").await;
        window.click("rehearse").await;
        window.find("rehearsal-verdict").await;
        shot("migration").await;
        window.click("tab-exchanges").await;
        window.click("nav-sandbox").await;
        window.click("tab-certify").await;
        window.find("certify-url").await;
        shot("certify").await;
        window.click("tab-board").await;

        window.click("nav-orders").await;
        window.click("open-filters").await;
        window.click("filter-SUCCESS").await;
        window.click("filter-NOTPAY").await;
        window.click("filter-month").await;
        window.click("order-row").await;
        for key in ["x", "j", "x", "j", "x"] {
            window.press(key).await;
        }
        window.find("bulk-offer").await;
        shot("filters").await;
        window.click("bulk-unmark").await;
        window.click("clear-filters").await;
        window.click("open-filters").await;
        for (amount, description) in [("12.50", "咖啡"), ("8", "面包")] {
            window.make_order(amount, description).await;
        }
        for key in ["x", "j", "x"] {
            window.press(key).await;
        }
        window.click("bulk-combine").await;
        window.find("combined-qr").await;
        shot("combined").await;
        window.click("combined-done").await;
        window.make_order("66", "给顾客扫的码").await;
        window.click("prepay-native").await;
        window.find("qr").await;
        window.click("qr-enlarge").await;
        window.find("qr-across").await;
        shot("qr").await;
        window.press_escape().await;
        window.make_order("9.90", "网页支付 H5").await;
        window.press_with_control('k').await;
        window.fill("palette-input", "H5").await;
        window.press_enter().await;
        window.find("handoff-copy").await;
        shot("handoff").await;
        window.make_order("5", "App 内付款").await;
        window.press_with_control('k').await;
        window.fill("palette-input", "App").await;
        window.press_enter().await;
        window.click("handoff-sign").await;
        window.find("handoff-copy").await;
        shot("handoff-app").await;
        window.click("new-order").await;
        window.find("new-order-amount").await;
        window.script("document.querySelector('[data-testid=new-order-more]').open = true").await;
        shot("new-order").await;
        window.press_with_control('k').await;
        window.find("palette-input").await;
        shot("palette").await;
        window.press_escape().await;
    }
    window.close().await;
}

impl Window {
    /// Speaks and looks so.
    pub async fn dress(&self, language: &str, theme: &str) {
        self.click("nav-settings").await;
        self.click(&format!("lang-{language}")).await;
        self.click(&format!("theme-{theme}")).await;
        self.attribute_when("app", "data-theme", theme).await;
    }

    /// A picture without what comes and goes.
    pub async fn picture(&self, folder: &Path, name: &str, language: &str, theme: &str) {
        self.close_toasts().await;
        self.settled().await;
        self.shot(&folder.join(format!("{name}-{language}-{theme}.png"))).await;
    }

    /// Messages in the corner go by themselves, but not before the picture.
    async fn close_toasts(&self) {
        let script = "document.querySelectorAll('[data-testid=toasts] button:last-child').forEach((it) => it.click())";
        self.script(script).await;
    }
}
