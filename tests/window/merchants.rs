//! A merchant from its key files in the window: dropped, judged at once, added, checked.

use crate::driver::{System, Window};
use serde_json::json;
use std::path::Path;

impl Window {
    /// Drops files of `tests/keys` on the form, under the names that WeChat Pay gives them.
    async fn drop_keys(&self, files: &[(&str, &str)]) {
        self.find("merchant-files").await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys");
        let files: Vec<_> = files
            .iter()
            .map(|(file, name)| {
                let bytes = std::fs::read(folder.join(file)).expect("a key of the tests");
                json!({ "name": name, "bytes": bytes })
            })
            .collect();
        let script = "const all = new DataTransfer();
            for (const { name, bytes } of arguments[0]) all.items.add(new File([new Uint8Array(bytes)], name));
            const drop = new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: all });
            const area = document.querySelector('[data-testid=merchant-files]').closest('label');
            if (drop.dataTransfer?.files.length) { area.dispatchEvent(drop); return; }
            const input = document.querySelector('[data-testid=merchant-files]');
            input.files = all.files;
            input.dispatchEvent(new Event('change', { bubbles: true }))";
        self.client.execute(script, vec![json!(files)]).await.expect("a page that takes files");
    }
}

#[tokio::test]
async fn key_files_are_judged_when_they_are_dropped() {
    let window = Window::open(System::English).await;
    window.click("nav-settings").await;
    window.click("add-merchant").await;
    // a key of another set
    window.drop_keys(&[("other_key.pem", "apiclient_key.pem"), ("merchant_cert.pem", "apiclient_cert.pem")]).await;
    window.attribute_when("merchant-together", "data-ok", "false").await;
    window.text_when("merchant-together", |text| text.contains("belongs to no merchant certificate")).await;
    window.click("add-merchant").await;
    window.click("add-merchant").await;
    window
        .drop_keys(&[
            ("merchant_key.pem", "apiclient_key.pem"),
            ("merchant_cert.pem", "apiclient_cert.pem"),
            ("platform_cert.pem", "wechatpay.pem"),
            ("apiv3.key", "apiv3.key"),
            ("merchant_key_encrypted.pem", "old_key.pem"),
        ])
        .await;
    window.text_when("merchant-together", |text| text.contains("belongs to the merchant certificate")).await;
    // the encrypted one is named, and can be taken away again
    window.text_when("merchant-import", |text| text.contains("old_key.pem")).await;
    window.script("document.querySelector('[data-testid=merchant-import] li:nth-child(5) button').click()").await;
    window.attribute_when("merchant-together", "data-ok", "true").await;
    let mchid = window.script("return document.querySelector('[data-testid=merchant-mchid]').value").await;
    assert_eq!(mchid, json!("1900000001"), "read from the certificate");
    window.fill("merchant-name", "bakery").await;
    window.fill("merchant-appid", "wxd678efh567hg6787").await;
    window.click("merchant-submit").await;
    let card = "return [...document.querySelectorAll('[data-testid=merchant-card]')].map((it) => it.dataset.name)";
    window.text_when("toasts", |text| text.contains("bakery")).await;
    assert!(window.script(card).await.as_array().expect("cards").contains(&json!("bakery")));
    window.close().await;
}
