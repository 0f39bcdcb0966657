//! What a page that was taken over could not do: load from elsewhere, run text as code, go elsewhere, call what the
//! capability doesn't name.

use crate::driver::{System, Window};
use serde_json::{Value, json};

impl Window {
    /// What an `invoke` of the page comes to: `{"ok":…}` or `{"error":…}`.
    pub async fn invoke(&self, command: &str, arguments: Value) -> Value {
        const SCRIPT: &str = "const [command, args, done] = arguments;
            window.__TAURI_INTERNALS__.invoke(command, args).then((ok) => done({ ok }), (error) => done({ error }));";
        self.client.execute_async(SCRIPT, vec![json!(command), arguments]).await.expect("a promise that settles")
    }
}

#[tokio::test]
async fn a_page_that_was_taken_over_gets_nowhere() {
    // A container's locale, too: the host mends it before WebKit sees it.
    let window = Window::open(System::Container).await;
    window.find("app").await;

    let seen = "return [navigator.language, typeof window.__TAURI__, Object.isFrozen(Object.prototype)]";
    assert_eq!(window.script(seen).await, json!(["en-US", "undefined", true]));

    let ran = "const s = document.createElement('script'); s.textContent = 'window.ran = 1';
        document.body.append(s); return window.ran === 1";
    assert_eq!(window.script(ran).await, json!(false), "an inline script ran");

    let fetched = window
        .client
        .execute_async(
            "const [done] = arguments; fetch('http://127.0.0.1:8788/').then(() => done(true), () => done(false))",
            vec![],
        )
        .await;
    assert_eq!(fetched.expect("settles"), json!(false), "the page reached the network");

    let opened = "window.open('https://example.com/'); location.href = 'https://example.com/'; return 1";
    window.script(opened).await;
    assert_eq!(window.invoke("app_state", json!({})).await["ok"]["version"], json!(env!("CARGO_PKG_VERSION")));
    assert_eq!(window.script("return location.origin").await, json!("tauri://localhost"), "the page went elsewhere");
    assert_eq!(window.client.windows().await.expect("windows").len(), 1, "a second window opened");

    for command in [
        "plugin:window|close",
        "plugin:clipboard-manager|read_text",
        "plugin:dialog|open",
        "plugin:fs|read_file",
        "plugin:event|emit",
    ] {
        let answer = window.invoke(command, json!({})).await;
        let refusal = answer["error"].as_str().unwrap_or_default().to_owned();
        assert!(refusal.contains("not allowed"), "{command}: {answer}");
    }
    window.close().await;
}
