//! By keys alone: lists walked to their ends, menus, what is over closed first, and any id that finds what it names.

use crate::driver::{System, Window};
use fantoccini::key::Key;
use serde_json::json;

impl Window {
    /// Types an id into the palette and takes what it offers first.
    async fn look_up(&self, id: &str) {
        self.press_with_control('k').await;
        self.fill("palette-input", id).await;
        self.find("palette-item").await;
        self.press_enter().await;
    }

    /// Types `key`, a key without a letter.
    async fn press_key(&self, key: Key) {
        self.press(&String::from(char::from(key))).await;
    }

    /// The description in the row that is selected.
    async fn selected(&self) -> String {
        let row = self.script("return document.querySelector('.line.selected')?.innerText ?? ''").await;
        row.as_str().expect("a text").to_owned()
    }
}

#[tokio::test]
async fn any_id_finds_what_it_names() {
    let window = Window::open(System::English).await;
    window.make_order("12.50", "Latte").await;
    window.pay_on_the_phone("12.50").await;
    window.attribute_when("order-state", "data-state", "SUCCESS").await;
    let order = window.attribute("order-detail", "data-id").await;
    let paid = window.invoke("order_show", json!({ "m": null, "outTradeNo": order })).await;
    let callbacks = window.invoke("callback_list", json!({ "m": null, "filter": {} })).await;
    let calls = window.invoke("exchange_list", json!({ "m": null, "limit": 1, "after": null })).await;
    let id = |value: &serde_json::Value| value.as_str().expect("an id").to_owned();
    let callback = id(&callbacks["ok"]["items"][0]["id"]);

    window.click("nav-overview").await;
    window.look_up(&id(&paid["ok"]["transaction_id"])).await;
    window.attribute_when("order-detail", "data-id", &order).await;
    window.look_up(&id(&callbacks["ok"]["items"][0]["notification_id"])).await;
    window.attribute_when("callback-detail", "data-id", &callback).await;
    window.look_up(&id(&calls["ok"]["items"][0]["request_id"])).await;
    window.find("signature-detail").await;
    window.click("nav-overview").await;
    window.look_up(&callback).await;
    window.attribute_when("callback-detail", "data-id", &callback).await;
    window.look_up("NOTHING-HAS-THIS").await;
    window.text_when("toasts", |text| text.contains("NOTHING-HAS-THIS")).await;
    window.close().await;
}

#[tokio::test]
async fn a_list_is_walked_and_its_menu_opened_by_keys() {
    let window = Window::open(System::Chinese).await;
    for description in ["第一单", "第二单", "第三单"] {
        window.make_order("1", description).await;
    }
    // the reconciliation is left by the key for a new order, which would else open a form that nobody sees
    window.click("tab-reconcile").await;
    window.press("n").await;
    window.find("new-order-form").await;
    window.press_escape().await;

    window.script("document.querySelector('[role=listbox]').focus()").await;
    for (key, wanted) in [(Key::End, "第一单"), (Key::Home, "第三单"), (Key::Down, "第二单")] {
        window.press_key(key).await;
        window.text_when("order-detail", |text| text.contains(wanted)).await;
        assert!(window.selected().await.contains(wanted), "{key:?}");
    }
    let menu = format!("{}{}{}", char::from(Key::Shift), char::from(Key::F10), char::from(Key::Null));
    window.press(&menu).await;
    window.find("context-menu").await;
    window.press_escape().await;
    window.count_when("context-menu", 0).await;
    window.find("order-detail").await;
    let focused = "return document.activeElement.getAttribute('role')";
    assert_eq!(window.script(focused).await, "listbox", "the focus comes back");
    // Enter leads into the detail, not to the tabs of the screen
    window.press_enter().await;
    assert_eq!(window.script("return document.activeElement.dataset.testid").await, "tab-timeline");
    window.close().await;
}

/// WebKitGTK draws the bars of what scrolls over everything, dialogs too.
#[tokio::test]
async fn nothing_of_what_lies_behind_shows_through() {
    let window = Window::open(System::Chinese).await;
    window.client.set_window_size(800, 560).await.expect("a smaller window");
    for _ in 0..16 {
        window.invoke("test_order", json!({ "m": null })).await;
    }
    window.click("nav-orders").await;
    window.click("order-row").await;
    let list = "return getComputedStyle(document.querySelector('[role=listbox]')).overflowY";
    window.press("?").await;
    window.find("keys").await;
    assert_eq!(window.script(list).await, "hidden");
    window.press_escape().await;
    window.count_when("keys", 0).await;
    assert_eq!(window.script(list).await, "auto");

    // the workbench over the whole window leaves nothing of the screen
    window.press("`").await;
    window.press("`").await;
    window.find("workbench").await;
    window.settled().await;
    let seen = "const box = document.querySelector('[data-testid=workbench]').getBoundingClientRect();
        const at = document.elementFromPoint(box.x + 30, box.y + 60);
        return at.closest('[data-testid=workbench]') !== null";
    assert_eq!(window.script(seen).await, true, "the rail lies over the workbench");
    window.close().await;
}
