//! Language, theme and palette: they change at once, and are remembered.

use crate::driver::{System, Window};

#[tokio::test]
async fn language_and_theme_change_at_once_and_are_remembered() {
    let window = Window::open(System::Chinese).await;
    window.attribute_when("app", "data-lang", "zh").await;
    window.text_when("nav-orders", |text| text.contains("订单")).await;

    window.click("nav-settings").await;
    window.click("lang-en").await;
    window.text_when("nav-orders", |text| text.contains("Orders")).await;
    for theme in ["dark", "light"] {
        window.click(&format!("theme-{theme}")).await;
        window.attribute_when("app", "data-theme", theme).await;
    }
    window.click("theme-dark").await;
    window.attribute_when("app", "data-theme", "dark").await;

    let window = window.reopen(System::Chinese).await;
    window.attribute_when("app", "data-lang", "en").await;
    window.attribute_when("app", "data-theme", "dark").await;
    window.close().await;
}

/// A bar along the bottom lies over the last row, and what is under it can't be clicked.
#[tokio::test]
async fn no_screen_scrolls_sideways() {
    let window = Window::open(System::English).await;
    window.make_order("12.50", "热美式").await;
    for screen in ["overview", "orders", "callbacks", "signatures", "sandbox", "settings"] {
        window.click(&format!("nav-{screen}")).await;
        window.find(&format!("screen-{screen}")).await;
        window.settled().await;
        let wide = window
            .script(
                "return [...document.querySelectorAll('*')] \
                 .filter((it) => it.scrollWidth > it.clientWidth && ['auto', 'scroll'].includes(getComputedStyle(it).overflowX)) \
                 .map((it) => { const end = it.getBoundingClientRect().left + it.clientWidth; \
                   const out = [...it.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > end + 0.5); \
                   return `${it.tagName}.${it.className} ${it.scrollWidth} > ${it.clientWidth}: ${out.map((one) => one.outerHTML.slice(0, 120)).join(' | ')}` })",
            )
            .await;
        assert_eq!(wide, serde_json::json!([]), "{screen}");
    }
    window.close().await;
}

#[tokio::test]
async fn an_english_system_gets_english() {
    let window = Window::open(System::English).await;
    window.attribute_when("app", "data-lang", "en").await;
    window.text_when("nav-orders", |text| text.contains("Orders")).await;
    window.close().await;
}

#[tokio::test]
async fn the_palette_opens_and_leads_somewhere() {
    let window = Window::open(System::English).await;
    window.find("screen-overview").await;
    window.press_with_control('k').await;
    window.fill("palette-input", "callbacks").await;
    window.find("palette-item").await;
    window.press_enter().await;
    window.find("screen-callbacks").await;
    assert!(!window.has("palette").await, "the palette stays open");
    window.close().await;
}
