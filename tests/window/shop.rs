//! The merchant API and the catalogue in the window, by the keyboard: goods are added, named when wrong, removed and taken
//! back; the API answers while it is on, and isn't there while it is off.

use crate::driver::{System, Window};
use fantoccini::key::Key;

impl Window {
    /// The status of a request to the listener.
    async fn asked(&self, path: &str, origin: Option<&str>) -> (u16, Option<String>) {
        let place = self.text("listener-state").await;
        let place = place.split_whitespace().last().expect("an address").to_owned();
        let mut request =
            reqwest::Client::builder().no_proxy().build().expect("a client").get(format!("http://{place}{path}"));
        if let Some(origin) = origin {
            request = request.header("Origin", origin);
        }
        let answer = request.send().await.expect("an answer");
        let allowed = answer.headers().get("access-control-allow-origin");
        (answer.status().as_u16(), allowed.map(|origin| origin.to_str().expect("ASCII").to_owned()))
    }
}

#[tokio::test]
async fn goods_are_sold_through_an_api_that_can_be_switched() {
    let window = Window::open(System::English).await;
    window.click("nav-settings").await;
    window.attribute_when("settings-shop", "data-api", "off").await;
    assert_eq!(window.asked("/v1/openapi.json", None).await, (404, None));

    // the empty state's one button, then the keyboard alone
    window.attribute_when("catalog", "data-count", "0").await;
    window.click("catalog-new").await;
    let tab = String::from(char::from(Key::Tab));
    window.press_enter().await;
    window.text_when("catalog-error", |text| text.contains("letters, digits") && text.contains("price")).await;
    window.press("data-30g").await;
    window.press(&tab).await;
    window.press("流量包 30 GB").await;
    window.press(&tab).await;
    window.press("29.9").await;
    window.text_when("catalog-fen", |text| text.contains("2,990")).await;
    window.press(&tab).await;
    window.press("data").await;
    window.press_enter().await;
    window.attribute_when("catalog", "data-count", "1").await;
    assert_eq!(window.attribute("catalog-row", "data-price").await, "2990");
    // the form stays for the next one, its first field has the focus
    window.press("data-30g").await;
    window.press(&tab).await;
    window.press("Another").await;
    window.press(&tab).await;
    window.press("1").await;
    window.press_enter().await;
    window.text_when("catalog-error", |text| text.contains("data-30g")).await;
    window.press_escape().await;
    window.click("catalog-remove").await;
    window.attribute_when("catalog", "data-count", "0").await;
    window.click("toast-undo").await;
    window.attribute_when("catalog", "data-count", "1").await;

    window.click("api-switch").await;
    window.attribute_when("settings-shop", "data-api", "on").await;
    window.text_when("api-address", |text| text.contains("/v1/")).await;
    let shop = Some("https://shop.example");
    assert_eq!(window.asked("/v1/openapi.json", shop).await, (200, None), "no page was let in");
    window.fill("api-origins", "shop.example").await;
    window.click("api-save").await;
    window.text_when("api-problem", |text| text.contains("https://shop.example")).await;
    window.fill("api-origins", "https://shop.example").await;
    window.click("api-save").await;
    window.text_when("toasts", |text| text.contains("Saved")).await;
    assert_eq!(window.asked("/v1/openapi.json", shop).await, (200, shop.map(str::to_owned)));
    window.click("api-document").await;
    window.text_when("api-document-dialog", |text| text.contains("/v1/orders")).await;
    window.press_escape().await;

    // it is on again after the window was closed
    let window = window.reopen(System::English).await;
    window.click("nav-settings").await;
    window.attribute_when("settings-shop", "data-api", "on").await;
    window.click("api-switch").await;
    window.attribute_when("settings-shop", "data-api", "off").await;
    assert_eq!(window.asked("/v1/openapi.json", None).await, (404, None));
    window.close().await;
}
