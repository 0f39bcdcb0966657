//! A picture of each screen in both languages and themes, for people to look at: `make shots`. Judges nothing.

use crate::driver::{System, Window};
use std::path::PathBuf;

const SCREENS: [&str; 6] = ["overview", "orders", "callbacks", "signatures", "sandbox", "settings"];

#[tokio::test]
#[ignore = "makes pictures for people: make shots"]
async fn shots() {
    let folder = PathBuf::from(std::env::var_os("GUITAI_SHOTS").expect("GUITAI_SHOTS names the folder"));
    let window = Window::open(System::Chinese).await;
    // Something to look at: orders in several states.
    for (amount, shown, description) in [
        ("12.50", "12.50", "热美式"),
        ("38", "38.00", "双人套餐"),
        ("0.01", "0.01", "测试"),
        ("1288", "1,288.00", "年卡"),
    ] {
        window.make_order(amount, description).await;
        window.pay_on_the_phone(shown).await;
        window.attribute_when("order-state", "data-state", "SUCCESS").await;
    }
    window.make_order("66", "待支付的订单").await;
    window.click("prepay-native").await;
    window.find("qr").await;
    window.make_order("25.80", "刚刚创建的订单").await;

    window
        .script("document.querySelectorAll('[data-testid=toasts] button:last-child').forEach((it) => it.click())")
        .await;

    for language in ["zh", "en"] {
        for theme in ["light", "dark"] {
            window.click("nav-settings").await;
            window.click(&format!("lang-{language}")).await;
            window.click(&format!("theme-{theme}")).await;
            window.attribute_when("app", "data-theme", theme).await;
            let file = |name: &str| folder.join(format!("{name}-{language}-{theme}.png"));
            for screen in SCREENS {
                window.click(&format!("nav-{screen}")).await;
                window.find(&format!("screen-{screen}")).await;
                window.settled().await;
                window.shot(&file(screen)).await;
            }
            window.click("nav-orders").await;
            window.click("order-row").await;
            window.find("order-detail").await;
            window.settled().await;
            window.shot(&file("order")).await;
            window.click("prepay-jsapi").await;
            window.click("open-phone").await;
            window.find("phone").await;
            window.settled().await;
            window.shot(&file("phone")).await;
            window.press_escape().await;
            window.click("nav-callbacks").await;
            window.click("callback-row").await;
            window.find("callback-detail").await;
            window.settled().await;
            window.shot(&file("callback")).await;
        }
    }
    window.close().await;
}
