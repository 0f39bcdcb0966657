//! Secrets of the merchant and the window: none is on any page, in what the page keeps, or in what the window leaves on
//! disk but the sandbox's own folder, whose keys are there to be used.

use crate::driver::{System, Window};
use crate::hostile::merchant;
use serde_json::json;
use std::path::{Path, PathBuf};

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            if path.file_name().is_none_or(|name| name != "sandbox") {
                walk(&path, files);
            }
        } else {
            files.push(path);
        }
    }
}

#[tokio::test]
async fn no_secret_reaches_a_page_or_a_file() {
    let window = Window::open(System::English).await;
    let (known, folder) = merchant(&window);
    let pem = std::fs::read_to_string(folder.join("apiclient_key.pem")).expect("the merchant's key");
    let mut secrets: Vec<String> =
        ["api_v3_key", "appsecret"].map(|name| known[name].as_str().expect("a text").to_owned()).to_vec();
    secrets.extend(pem.lines().filter(|line| !line.starts_with("-----")).take(20).map(str::to_owned));

    window.make_order("12.50", "canary").await;
    window.pay_on_the_phone("12.50").await;
    window.attribute_when("order-state", "data-state", "SUCCESS").await;
    window.click("phone-close").await;
    let found = async |place: &str| {
        let page = "return document.documentElement.outerHTML + [...document.querySelectorAll('input, textarea')]\
            .map((it) => it.value).join('\\n') + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage })";
        let page = window.script(page).await.as_str().unwrap_or_default().to_owned();
        assert!(page.len() > 1_000, "{place}: there is a page");
        for secret in &secrets {
            assert!(!page.contains(secret.as_str()), "{place} shows {}…", &secret[..4]);
        }
    };
    for (screen, tabs) in [
        ("overview", &[][..]),
        ("orders", &["order-row", "tab-reconcile", "bill-fetch", "tab-orders"]),
        ("callbacks", &["callback-row", "tab-raw", "tab-signed"]),
        ("signatures", &["signature-row", "tab-doctor", "tab-keys", "tab-migration", "tab-exchanges"]),
        ("sandbox", &["tab-certify", "tab-board"]),
        ("settings", &["backup-now", "store-check"]),
    ] {
        window.click(&format!("nav-{screen}")).await;
        window.find(&format!("screen-{screen}")).await;
        window.settled().await;
        found(screen).await;
        for step in tabs {
            if window.has(step).await {
                window.click(step).await;
                window.settled().await;
                found(&format!("{screen} {step}")).await;
            }
        }
    }
    window.click("nav-settings").await;
    window.find("backup-row").await;

    // What commands say, errors included.
    for (command, arguments) in [
        ("app_state", json!({})),
        ("merchant_list", json!({})),
        ("merchant_show", json!({ "m": null })),
        ("merchant_check", json!({ "m": null })),
        ("key_register", json!({ "m": null })),
        ("vault_status", json!({})),
        ("merchant_add_from_sandbox", json!({ "name": "again" })),
    ] {
        let answer = window.invoke(command, arguments).await.to_string();
        for secret in &secrets {
            assert!(!answer.contains(secret.as_str()), "{command} says {}…", &secret[..4]);
        }
    }
    let mut files = Vec::new();
    walk(&window.data_dir(), &mut files);
    let backups = files.iter().filter(|file| file.components().any(|part| part.as_os_str() == "backups")).count();
    assert!(backups > 0, "{files:?}");
    for file in &files {
        let text = String::from_utf8_lossy(&std::fs::read(file).expect("a file")).into_owned();
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{} holds {}…", file.display(), &secret[..4]);
        }
    }
    window.close().await;
}
