//! `guitai merchant`: from files, from a sandbox, changed, checked, removed; what wrong pieces get.

use guitai_tests::command::Guitai;
use serde_json::Value;

macro_rules! key {
    ($name:literal) => {
        include_bytes!(concat!("../keys/", $name)).as_slice()
    };
}

const API_V3_KEY: &str = "0123456789abcdef0123456789abcdef";

fn serial() -> String {
    wechatpay::keys::Certificate::from_pem(key!("merchant_cert.pem")).unwrap().serial().to_string()
}

fn add(guitai: &Guitai, name: &str, more: &[&str]) -> Vec<String> {
    let private_key = guitai.file("apiclient_key.pem", key!("merchant_key.pem"));
    let api_v3_key = guitai.file("apiv3.key", format!("{API_V3_KEY}\n"));
    let serial = serial();
    let mut arguments = vec!["merchant", "add", name];
    for (option, value) in [
        ("--mchid", "1900000001"),
        ("--appid", "wx0123456789abcdef"),
        ("--serial-no", serial.as_str()),
        ("--private-key", private_key.as_str()),
        ("--api-v3-key-file", api_v3_key.as_str()),
    ] {
        if !more.contains(&option) {
            arguments.extend([option, value]);
        }
    }
    arguments.extend(more);
    arguments.into_iter().map(str::to_owned).collect()
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn a_profile_lives_from_add_to_remove() {
    let guitai = Guitai::new();
    let secret = guitai.file("appsecret", "appsecretofthistest0123456789abc");
    let added = guitai.run(&[words(&add(&guitai, "shop", &["--app-secret-file", &secret])), vec!["--json"]].concat());
    assert_eq!(added.status, Some(0), "{}\n{}", added.stdout, added.stderr);
    let merchant = added.document();
    assert_eq!((&merchant["name"], &merchant["mchid"]), (&Value::from("shop"), &Value::from("1900000001")));
    assert_eq!(
        (&merchant["private_key"], &merchant["api_v3_key"], &merchant["app_secret"]),
        (&"set".into(), &"set".into(), &"set".into())
    );
    assert_eq!(merchant["current"], true, "the first one is the current one");

    let shown = guitai.run(&["merchant", "show", "shop"]);
    for said in [&added.stdout, &added.stderr, &shown.stdout, &guitai.json(&["merchant", "list"]).to_string()] {
        for canary in [API_V3_KEY, "appsecretofthistest0123456789abc", "PRIVATE KEY"] {
            assert!(!said.contains(canary), "{canary} is told: {said}");
        }
    }
    let listed = guitai.json(&["merchant", "list"]);
    assert_eq!((&listed["items"][0]["name"], &listed["next"]), (&"shop".into(), &Value::Null));

    let _ = guitai.json(&["merchant", "update", "shop", "--notify-url", "https://pay.example.com/notify/shop"]);
    assert_eq!(guitai.json(&["merchant", "show"])["notify_url"], "https://pay.example.com/notify/shop");
    assert_eq!(guitai.error(1, &["merchant", "use", "nobody"])["code"], "MERCHANT_NOT_FOUND");
    let _ = guitai.json(&["merchant", "remove", "shop"]);
    assert_eq!(guitai.json(&["merchant", "list"])["items"], serde_json::json!([]));
    let _ = guitai.error(1, &["order", "create", "--amount", "1", "--description", "x"]);
}

#[test]
fn the_key_file_is_private_and_told_once() {
    let guitai = Guitai::new();
    let first = guitai.run(&words(&add(&guitai, "shop", &[])));
    assert_eq!(first.status, Some(0), "{}", first.stderr);
    assert!(!first.stderr.is_empty(), "how secrets are sealed without a keychain has to be said");
    let second = guitai.run(&["merchant", "list"]);
    assert_eq!((second.status, second.stderr.as_str()), (Some(0), ""), "and said once");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mut open_files = Vec::new();
        let mut folders = vec![guitai.path("data")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let mode = entry.metadata().unwrap().permissions().mode();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else if mode & 0o077 != 0 && entry.file_name().to_string_lossy().contains("key") {
                    open_files.push(entry.path());
                }
            }
        }
        assert_eq!(open_files, Vec::<std::path::PathBuf>::new(), "key files are for their owner only");
    }
}

#[test]
fn wrong_pieces_are_refused_and_nothing_is_kept() {
    let guitai = Guitai::new();
    let short = guitai.file("short.key", "0123456789abcdef");
    let certificate = guitai.file("cert.pem", key!("merchant_cert.pem"));
    let other = guitai.file("other.pem", key!("other_key.pem"));
    let missing = guitai.path("missing.pem").to_str().unwrap().to_owned();
    let cases: [&[&str]; 8] = [
        &["--private-key", &certificate],
        &["--private-key", &missing],
        &["--private-key", &other, "--certificate", &certificate],
        &["--api-v3-key-file", &short],
        &["--serial-no", "not-hex"],
        &["--mchid", "19OO"],
        &["--notify-url", "https://pay.example.com/notify?x=1"],
        &["--platform-certificate", &other],
    ];
    for more in cases {
        let ran = guitai.run(&[words(&add(&guitai, "shop", more)), vec!["--json"]].concat());
        assert!(matches!(ran.status, Some(1 | 2)), "{more:?}: {:?} {}", ran.status, ran.stdout);
        let error = ran.document()["error"].clone();
        assert!(error["message"].as_str().is_some_and(|text| text.len() > 10), "{more:?}: {error}");
        assert!(error["hint"].as_str().is_some_and(|text| text.len() > 10), "{more:?}: {error}");
    }
    assert_eq!(guitai.json(&["merchant", "list"])["items"], serde_json::json!([]));
}

#[test]
fn a_sandbox_gives_a_whole_profile_that_checks_out() {
    let guitai = Guitai::new();
    let (mut sandbox, file) = guitai.sandbox();
    let merchant = guitai.json(&["merchant", "add", "test", "--from-sandbox", &file]);
    assert_eq!((&merchant["mchid"], &merchant["sandbox"]), (&sandbox.ready["mchid"], &true.into()));
    assert_eq!(merchant["base_url"], sandbox.ready["base_url"]);
    let check = guitai.json(&["merchant", "check", "test"]);
    assert_eq!(check["ok"], true, "{check}");
    assert!(sandbox.signal("TERM").success());
    let gone = guitai.run(&["merchant", "check", "test", "--json"]);
    assert_eq!(gone.status, Some(1), "a sandbox that is gone: {}", gone.stdout);
    let _ = guitai.error(1, &["merchant", "add", "test", "--from-sandbox", &file]);
}

#[test]
fn a_rehearsal_tells_what_breaks_and_exits_by_the_merchants_own_set_up() {
    let guitai = Guitai::new();
    let (mut sandbox, file) = guitai.sandbox();
    let _ = guitai.json(&["merchant", "add", "test", "--from-sandbox", &file]);
    let played = guitai.json(&["merchant", "rehearse", "test"]);
    assert_eq!((&played["yours"], &played["ok"]), (&"both".into(), &true.into()), "{played}");
    let steps: Vec<_> = played["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["apply", "switch", "mixed", "retire"]);
    let people = guitai.run(&["merchant", "rehearse"]);
    assert_eq!(people.status, Some(0), "{}", people.stderr);
    for words in
        ["1. apply:", "4. retire:", "way back", "✗ certificates only", "✓ certificates and public key (your set-up)"]
    {
        assert!(people.stdout.contains(words), "{words} is not in {}", people.stdout);
    }
    assert!(sandbox.signal("TERM").success());
    assert_eq!(guitai.error(1, &["merchant", "rehearse"])["code"], "REHEARSAL_FAILED");
}
