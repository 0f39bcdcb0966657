//! What bad input gets: a clear error that says what, why and what next; and nothing changed.

use guitai_tests::command::{Guitai, finish};
use std::net::TcpListener;

fn shop() -> (Guitai, guitai_tests::command::Serving) {
    let guitai = Guitai::new();
    let (sandbox, file) = guitai.sandbox();
    let _ = guitai.json(&[
        "merchant",
        "add",
        "shop",
        "--from-sandbox",
        &file,
        "--notify-url",
        "http://127.0.0.1:9/notify/shop",
    ]);
    (guitai, sandbox)
}

#[test]
fn an_order_that_breaks_a_rule_is_not_made() {
    let (guitai, _sandbox) = shop();
    let long = "长".repeat(128);
    let longest = "长".repeat(127);
    // (option, value, field that is named)
    let cases = [
        ("--amount", "0", "amount"),
        ("--amount", "-1.00", "amount"),
        ("--amount", "+1.00", "amount"),
        ("--amount", "1.005", "amount"),
        ("--amount", "1e3", "amount"),
        ("--amount", "10000000.01", "amount"),
        ("--amount", "99999999999999999999", "amount"),
        ("--out-trade-no", "short", "out_trade_no"),
        ("--out-trade-no", "has space in it", "out_trade_no"),
        ("--out-trade-no", "中文单号中文单号", "out_trade_no"),
        ("--out-trade-no", "123456789012345678901234567890123", "out_trade_no"),
        ("--description", "", "description"),
        ("--description", &long, "description"),
        ("--openid", "o p e n", "openid"),
        ("--notify-url", "https://pay.example.com/notify?order=1", "notify_url"),
        ("--notify-url", "ftp://pay.example.com/notify", "notify_url"),
    ];
    for (option, value, field) in cases {
        let mut arguments = vec!["order", "create"];
        for (name, good) in [("--amount", "1.00"), ("--description", "tea")] {
            if name != option {
                arguments.extend([name, good]);
            }
        }
        arguments.extend([option, value]);
        let error = guitai.error(2, &arguments);
        assert!(error["field"].as_str().unwrap_or_default().contains(field), "{option} {value:?}: {error}");
    }
    assert_eq!(guitai.json(&["order", "list"])["items"], serde_json::json!([]), "nothing was kept");
    let _ = guitai.json(&[
        "order",
        "create",
        "--amount",
        "10000000",
        "--description",
        &longest,
        "--out-trade-no",
        "AB|cd_-*",
    ]);
    let again =
        guitai.error(1, &["order", "create", "--amount", "1", "--description", "x", "--out-trade-no", "AB|cd_-*"]);
    assert!(again["message"].as_str().unwrap().contains("AB|cd_-*"), "{again}");
}

#[test]
fn what_is_not_there_is_said() {
    let (guitai, _sandbox) = shop();
    for arguments in [
        &["order", "show", "20261124000001"][..],
        &["order", "prepay", "20261124000001", "--via", "native"],
        &["order", "query", "20261124000001"],
        &["order", "refund", "20261124000001"],
        &["callback", "show", "999999"],
        &["callback", "show", "no-such-id"],
        &["callback", "apply", "999999"],
        &["order", "list", "--merchant", "nobody"],
        &["merchant", "show", "nobody"],
        &["decrypt", "--resource", "missing.json", "--api-v3-key-file", "missing.key"],
        &["merchant", "add", "x", "--from-sandbox", "missing.json"],
    ] {
        let _ = guitai.error(1, arguments);
    }
    let order = guitai.json(&["order", "create", "--amount", "1", "--description", "x"]);
    let no = order["out_trade_no"].as_str().unwrap();
    let _ = guitai.error(1, &["order", "pay-params", no]);
    let _ = guitai.error(1, &["order", "refund", no]);
}

#[test]
fn jsapi_without_an_openid_is_refused_before_anything_is_sent() {
    let (guitai, _sandbox) = shop();
    let order = guitai.json(&["order", "create", "--amount", "1", "--description", "x"]);
    let no = order["out_trade_no"].as_str().unwrap();
    let ran = guitai.run(&["order", "prepay", no, "--via", "jsapi", "--json"]);
    assert!(matches!(ran.status, Some(1 | 2)), "{}", ran.stdout);
    assert!(ran.document()["error"]["message"].as_str().unwrap().contains("openid"), "{}", ran.stdout);
    let shown = guitai.json(&["order", "show", no]);
    assert_eq!((&shown["state"], &shown["exchanges"]), (&"CREATED".into(), &serde_json::json!([])), "{shown}");
}

#[test]
fn a_port_in_use_is_named() {
    let (guitai, _sandbox) = shop();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let elsewhere = Guitai::new();
    for (guitai, arguments) in [
        (&guitai, ["listen", "--port", &port]),
        (&guitai, ["catch", "--port", &port]),
        (&elsewhere, ["sandbox", "--port", &port]),
        (&elsewhere, ["sandbox", "--proxy-port", &port]),
    ] {
        let error = guitai.error(1, &arguments);
        assert!(error["message"].as_str().unwrap().contains(&port), "{arguments:?}: {error}");
    }
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let guitai = Guitai::new();
    let file = guitai.file("occupied", "a file where the folder should be");
    for arguments in [&["merchant", "list", "--data-dir", &file][..], &["sandbox", "--port", "0", "--data-dir", &file]]
    {
        let error = guitai.error(1, arguments);
        assert!(error["message"].as_str().unwrap().contains("occupied"), "{error}");
    }
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let guitai = Guitai::new();
    let _ = guitai.json(&["merchant", "list"]);
    let stores: Vec<_> = std::fs::read_dir(guitai.path("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "db"))
        .collect();
    assert_eq!(stores.len(), 1, "{stores:?}");
    let connection = rusqlite::Connection::open(&stores[0]).unwrap();
    connection.pragma_update(None, "user_version", 9999).unwrap();
    drop(connection);
    let error = guitai.error(1, &["merchant", "list"]);
    assert_eq!(error["code"], "STORE_NEWER");
    let version: i64 =
        rusqlite::Connection::open(&stores[0]).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 9999);
}

#[test]
fn a_sandbox_that_is_gone_leaves_the_outcome_unknown_not_wrong() {
    let (guitai, mut sandbox) = shop();
    let order = guitai.json(&["order", "create", "--amount", "1", "--description", "x"]);
    let no = order["out_trade_no"].as_str().unwrap();
    assert!(sandbox.signal("KILL").code().is_none());
    let error = guitai.error(1, &["order", "prepay", no, "--via", "native"]);
    assert!(error["message"].as_str().unwrap().len() > 10, "{error}");
    let shown = guitai.json(&["order", "show", no]);
    assert_eq!(shown["exchanges"].as_array().unwrap().len(), 1, "{shown}");
    assert_ne!(shown["state"], "SUCCESS");
}

#[test]
fn a_wrong_passphrase_opens_nothing() {
    let guitai = Guitai::new();
    let (_sandbox, file) = guitai.sandbox();
    let (right, wrong) = (guitai.file("right", "correct horse battery staple\n"), guitai.file("wrong", "guess\n"));
    let run = |passphrase: &str, arguments: &[&str]| {
        let mut command = guitai.command(arguments);
        command.env("GUITAI_PASSPHRASE_FILE", passphrase);
        finish(command, b"")
    };
    let added = run(&right, &["merchant", "add", "shop", "--from-sandbox", &file, "--json"]);
    assert_eq!(added.status, Some(0), "{}\n{}", added.stdout, added.stderr);
    let sign = ["sign", "--method", "GET", "--url", "/v3/certificates", "--json"];
    assert_eq!(run(&right, &sign).status, Some(0));
    let refused = run(&wrong, &sign);
    assert_eq!(refused.status, Some(1), "{}", refused.stdout);
    assert!(refused.document()["error"]["code"].is_string());
}
