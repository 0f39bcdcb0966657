//! Commands that go on: ready lines, clean ends, restarts on the same folder.

use guitai_tests::command::{Guitai, get};
use serde_json::Value;

const READY: [&str; 16] = [
    "base_url",
    "mchid",
    "appid",
    "appsecret",
    "api_v3_key",
    "merchant_serial_no",
    "merchant_private_key",
    "merchant_certificate",
    "platform_serial_no",
    "platform_certificate",
    "platform_private_key",
    "public_key_id",
    "public_key",
    "public_key_private_key",
    "proxy_url",
    "ca_certificate",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_says_who_it_is_and_remembers() {
    let guitai = Guitai::new();
    let mut first = guitai.serve(&["sandbox", "--port", "0"]);
    let ready = first.ready.clone();
    for name in READY {
        assert!(ready[name].is_string(), "{name} in {ready}");
    }
    for name in [
        "merchant_private_key",
        "merchant_certificate",
        "platform_certificate",
        "public_key",
        "public_key_private_key",
        "ca_certificate",
    ] {
        assert!(std::fs::read_to_string(ready[name].as_str().unwrap()).unwrap().starts_with("-----BEGIN "), "{name}");
    }
    assert_eq!(ready["api_v3_key"].as_str().unwrap().len(), 32);
    assert!(get(&format!("{}/_sandbox/notifications", ready["base_url"].as_str().unwrap())).await.is_array());
    assert!(first.signal("TERM").success());

    let mut second = guitai.serve(&["sandbox", "--port", "0", "--json"]);
    for name in
        ["mchid", "appid", "appsecret", "api_v3_key", "merchant_serial_no", "platform_serial_no", "public_key_id"]
    {
        assert_eq!(second.ready[name], ready[name], "{name} outlives a restart");
    }
    assert!(second.signal("INT").success());
}

#[test]
fn several_merchants_have_keys_of_their_own() {
    let guitai = Guitai::new();
    let sandbox = guitai.serve(&["sandbox", "--port", "0", "--merchants", "2"]);
    let merchants = sandbox.ready["merchants"].as_array().unwrap();
    assert_eq!(merchants.len(), 2);
    for name in ["mchid", "api_v3_key", "merchant_serial_no", "platform_serial_no", "public_key_id"] {
        assert_ne!(merchants[0][name], merchants[1][name], "{name}");
    }
    let file = guitai.file("sandbox.json", sandbox.ready.to_string());
    let second = merchants[1]["mchid"].as_str().unwrap();
    let added = guitai.json(&["merchant", "add", "second", "--from-sandbox", &file, "--mchid", second]);
    assert_eq!(added["mchid"], second);
    assert_eq!(guitai.json(&["merchant", "check", "second"])["ok"], true);
}

#[test]
fn a_listener_says_where_it_is_and_ends_cleanly() {
    let guitai = Guitai::new();
    let (_sandbox, file) = guitai.sandbox();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    for signal in ["TERM", "INT"] {
        let mut listener = guitai.serve(&["listen", "--port", "0", "--json"]);
        assert!(listener.ready["listening"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{}", listener.ready);
        assert_eq!(listener.ready["notify_path"], "/notify/shop");
        // the window and other commands may use the same folder meanwhile
        assert_eq!(guitai.json(&["order", "list"])["next"], Value::Null);
        assert!(listener.signal(signal).success(), "{signal}");
    }
}
