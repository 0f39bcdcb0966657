//! The doctor in the window: a broken request is pasted and its mistake is read; a private key is not taken; a delivery
//! that was refused comes with its diagnosis; the playground's verdict follows; the register names the keys.

use crate::driver::{System, Window};
use serde_json::{Value, json};

/// A request signed by nobody's key: what is visible is named, and that nothing proves more.
pub const REQUEST: &str = "GET https://api.mch.weixin.qq.com/v3/certificates\nAuthorization: WECHATPAY2-SHA256-RSA2048 \
                       mchid=\"1900000001\",nonce_str=\"593BEC0C930BF1AFEB40B4A08C8FB242\",timestamp=\"1554208460\",\
                       serial_no=\"1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C\"";

impl Window {
    /// Puts a text of several lines into a field at once, as pasting does.
    pub async fn paste(&self, testid: &str, text: &str) {
        self.find(testid).await;
        let script = "const [testid, text] = arguments;
            const field = document.querySelector(`[data-testid=\"${testid}\"]`);
            field.focus();
            field.value = text;
            field.dispatchEvent(new Event('input', { bubbles: true }));";
        self.client.execute(script, vec![json!(testid), json!(text)]).await.expect("a field that takes a text");
    }
}

#[tokio::test]
async fn a_broken_request_is_pasted_and_its_cause_read() {
    let window = Window::open(System::English).await;
    window.click("nav-signatures").await;
    window.click("tab-doctor").await;

    window.paste("doctor-text", REQUEST).await;
    window.attribute_when("doctor-detected", "data-kind", "request").await;
    window.click("doctor-run").await;
    assert_eq!(window.text("doctor-cause").await, "authorization_field_missing");
    assert!(!window.text("doctor-explanation").await.is_empty());
    assert!(!window.text("doctor-fix").await.is_empty());
    assert_eq!(window.attributes("sign-line", "data-field").await, ["method", "url", "timestamp", "nonce", "body"]);

    // What it should have signed, taken to the playground: without a signature nothing is claimed.
    window.click("doctor-play").await;
    window.attribute_when("play-verdict", "data-ok", "null").await;
    let digest = window.text("play-sha256").await;
    window.fill("play-method", "POST").await;
    window.text_when("play-sha256", |text| text != digest).await;

    window.click("tab-doctor").await;
    window.paste("doctor-text", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----").await;
    window.text_when("doctor-detected", |text| text.contains("private key")).await;
    assert!(!window.find("doctor-run").await.is_enabled().await.expect("a button"));

    window.click("tab-keys").await;
    window.find("key-entry").await;
    let kinds = window.attributes("key-entry", "data-kind").await;
    for kind in ["merchant_key", "merchant_certificate", "platform_certificate", "wechatpay_public_key", "sandbox_ca"] {
        assert!(kinds.iter().any(|it| it == kind), "{kind} is not among {kinds:?}");
    }
    let page = window.script("return document.body.innerText").await;
    assert!(!page.as_str().unwrap_or_default().contains("PRIVATE KEY"), "{page}");
    window.close().await;
}

#[tokio::test]
async fn a_sound_call_is_valid_in_the_playground_until_a_line_changes() {
    let window = Window::open(System::Chinese).await;
    window.make_order("3", "茶").await;
    window.click("prepay-native").await;
    window.find("qr").await;
    window.press_escape().await;
    window.click("nav-signatures").await;
    window.click("signature-row").await;
    window.click("exchange-play").await;
    window.attribute_when("play-verdict", "data-ok", "true").await;
    window.fill("play-nonce", "0").await;
    window.attribute_when("play-verdict", "data-ok", "false").await;
    window.close().await;
}

#[tokio::test]
async fn a_refused_delivery_is_diagnosed_from_where_it_is_shown() {
    let window = Window::open(System::English).await;
    // Who sends this is nobody: it has no signature at all.
    let address = window.text_when("listener-state", |text| text.contains("127.0.0.1")).await;
    let address = address.split_whitespace().find(|word| word.starts_with("127.0.0.1")).expect("an address").to_owned();
    let sent = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = sent.post(format!("http://{address}/notify/sandbox")).body("{}").send().await.expect("an answer");
    assert!(answer.status().is_client_error(), "{}", answer.status());

    window.click("nav-callbacks").await;
    window.click("callback-row").await;
    window.click("callback-diagnose").await;
    window.attribute_when("doctor-finding", "data-cause", "header_missing").await;
    let detected: Value = window.script("return document.querySelector('[data-testid=doctor-text]').value").await;
    assert!(detected.as_str().unwrap_or_default().ends_with("{}"), "{detected}");
    window.close().await;
}

#[tokio::test]
async fn a_request_that_the_sandbox_refused_is_diagnosed_and_found_by_its_request_id() {
    let window = Window::open(System::English).await;
    window.click("nav-sandbox").await;
    window.text_when("sandbox-address", |text| text.contains("http://127.0.0.1:")).await;
    let script = "return document.querySelector('[data-testid=sandbox-address] dd').textContent.trim()";
    let base = window.script(script).await.as_str().expect("the gateway's address").to_owned();
    let sent = reqwest::Client::builder().no_proxy().build().expect("a client");
    let authorization = REQUEST.split_once("Authorization: ").expect("a header").1;
    let answer = sent
        .get(format!("{base}/v3/certificates"))
        .header("Authorization", authorization)
        .header("Accept", "*/*")
        .header("User-Agent", "test")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 401);
    let diagnosis = answer.headers().get("X-Guitai-Diagnosis").and_then(|it| it.to_str().ok()).map(str::to_owned);
    let diagnosis = diagnosis.expect("a diagnosis");
    let request_id = answer.headers().get("Request-ID").and_then(|it| it.to_str().ok()).map(str::to_owned);

    window.click("request-row").await;
    window.click("request-diagnose").await;
    window.attribute_when("doctor-finding", "data-cause", &diagnosis).await;

    // The same by its Request-ID alone.
    if let Some(request_id) = request_id {
        window.paste("doctor-text", &request_id).await;
        window.click("doctor-run").await;
        window.attribute_when("doctor-finding", "data-cause", &diagnosis).await;
    }
    window.close().await;
}

#[tokio::test]
async fn the_change_to_the_public_key_is_rehearsed() {
    let window = Window::open(System::Chinese).await;
    window.click("nav-signatures").await;
    window.click("tab-migration").await;
    window.click("rehearse").await;
    window.attribute_when("rehearsal", "data-ok", "true").await;
    assert_eq!(window.attributes("rehearsed-step", "data-step").await, ["apply", "switch", "mixed", "retire"]);
    let broken = window.attributes("rehearsed-setup", "data-ok").await;
    assert_eq!(broken.iter().filter(|ok| *ok == "false").count(), 3, "{broken:?}");
    window.close().await;
}

#[tokio::test]
async fn an_examination_says_why_it_did_not_begin() {
    let window = Window::open(System::English).await;
    window.click("nav-sandbox").await;
    window.click("tab-certify").await;
    for (url, words) in [
        ("nowhere", "no callback URL"),
        ("https://example.com/notify", "public address"),
        ("http://127.0.0.1:1/", "reached"),
    ] {
        window.fill("certify-url", url).await;
        window.click("certify-start").await;
        window.text_when("certify-problem", |text| text.contains(words)).await;
    }
    window.close().await;
}
