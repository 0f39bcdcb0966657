//! The voice: what is said aloud, word for word, by the program that the system has for it; and when nothing is.

use crate::driver::{System, Window};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Stands for the system's voice: writes down what it is told to say.
const SPEAKER: &str = "#!/bin/sh\nfor word; do :; done\nprintf '%s\\n' \"$word\" >> \"$HOME/said\"\n";

/// Waits until so much was said, and gives it.
async fn said_when(file: &Path, sentences: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let said: Vec<String> = text.lines().map(str::to_owned).collect();
        if said.len() >= sentences {
            return said;
        }
        assert!(Instant::now() < deadline, "only {said:?} was said");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Window {
    async fn set(&self, key: &str, value: &str) {
        let script = "const [key, value, done] = arguments; \
            window.__TAURI_INTERNALS__.invoke('settings_set', { key, value }).then(() => done('set'), (e) => done(JSON.stringify(e)))";
        let told = self.client.execute_async(script, vec![key.into(), value.into()]).await.expect("a script");
        assert_eq!(told, "set");
    }

    async fn paid(&self, amount: &str, shown: &str) {
        self.make_order(amount, "说出来").await;
        self.pay_on_the_phone(shown).await;
        self.attribute_when("order-state", "data-state", "SUCCESS").await;
        self.click("phone-close").await;
    }
}

#[tokio::test]
async fn a_payment_is_said_aloud_and_nothing_else_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = folder.path().join("said");
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).expect("a folder for programs");
    let speaker = bin.join("spd-say");
    std::fs::write(&speaker, SPEAKER).expect("a voice");
    std::fs::set_permissions(&speaker, std::fs::Permissions::from_mode(0o755)).expect("it can be run");
    let window = Window::open_in(System::Chinese, folder).await;
    window.paid("12.50", "12.50").await;
    assert_eq!(said_when(&said, 1).await, ["收款到账12.5元"]);

    // the same told again, and told by a stranger
    let again = "const done = arguments[0]; const invoke = window.__TAURI_INTERNALS__.invoke; (async () => { \
        const [{ id }] = await invoke('sandbox_notifications'); \
        for (const fault of ['duplicate', 'bad_signature', 'wrong_amount']) await invoke('sandbox_redeliver', { id, fault }); \
        })().then(() => done('told'), (error) => done(JSON.stringify(error)))";
    assert_eq!(window.client.execute_async(again, vec![]).await.expect("a script"), "told");
    window.paid("7", "7.00").await;
    assert_eq!(said_when(&said, 2).await, ["收款到账12.5元", "收款到账7元"]);

    // at night, if that is wanted
    window.set("quiet_from", "00:00").await;
    window.set("quiet_until", "23:59").await;
    window.paid("5", "5.00").await;
    window.set("quiet_from", "").await;
    window.set("quiet_until", "").await;
    window.paid("6", "6.00").await;
    assert_eq!(said_when(&said, 3).await, ["收款到账12.5元", "收款到账7元", "收款到账6元"]);
    window.close().await;
}
