//! `guitai demo`: the steps, the folder, several at once, a machine full of proxies.

use guitai_tests::command::{Guitai, finish};
use serde_json::Value;

const STEPS: [&str; 13] = [
    "sandbox_started",
    "order_created",
    "prepay",
    "pay_params",
    "payer_paid",
    "callback_received",
    "signature_verified",
    "resource_decrypted",
    "order_paid",
    "duplicate_ignored",
    "forgery_rejected",
    "refunded",
    "done",
];

fn steps(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["step"].as_str().unwrap_or_default()).collect()
}

#[test]
fn prints_its_steps_in_order_and_no_others() {
    let guitai = Guitai::new();
    let ran = guitai.run(&["demo", "--json"]);
    assert_eq!(ran.status, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let lines = ran.lines();
    assert_eq!(steps(&lines), STEPS);
    assert!(lines.iter().all(|line| line["ok"] == true), "{lines:?}");
    let done = &lines[12];
    assert_eq!(done["out_trade_no"], lines[1]["out_trade_no"]);
    assert_eq!(done["transaction_id"], lines[4]["transaction_id"]);
    assert!(done["elapsed_ms"].is_u64(), "{done}");
}

#[test]
fn leaves_nothing_behind_and_ignores_proxies() {
    let guitai = Guitai::new();
    let folder = guitai.path("tmp");
    std::fs::create_dir(&folder).unwrap();
    let mut command = guitai.command(&["demo", "--json"]);
    command.env("TMPDIR", &folder);
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:9");
    }
    let ran = finish(command, b"");
    assert_eq!(ran.status, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "the temporary folder is removed");
    assert!(!guitai.path("data").exists(), "the data folder is not touched");
}

#[test]
fn several_run_at_once() {
    let guitai = Guitai::new();
    let running: Vec<_> = (0..3).map(|_| guitai.command(&["demo", "--json"]).spawn().unwrap()).collect();
    for child in running {
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    }
}

#[test]
fn explains_itself_in_both_languages() {
    let guitai = Guitai::new();
    for (language, word) in [("zh_CN.UTF-8", "签名"), ("C.UTF-8", "signed")] {
        let mut command = guitai.command(&["demo"]);
        command.env_remove("GUITAI_LANG").env("LANG", language);
        let ran = finish(command, b"");
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains(word), "{}", ran.stdout);
        assert!(STEPS.iter().all(|step| ran.stdout.contains(step)), "{}", ran.stdout);
        assert!(!ran.stdout.contains('\u{1b}'), "colour is for terminals");
    }
}

#[test]
fn a_failing_step_says_so_and_exits_with_1() {
    let guitai = Guitai::new();
    let mut command = guitai.command(&["demo", "--json"]);
    command.env("TMPDIR", guitai.path("nowhere"));
    let ran = finish(command, b"");
    assert_eq!(ran.status, Some(1));
    let lines = ran.lines();
    assert_eq!(steps(&lines), ["sandbox_started"]);
    assert_eq!(lines[0]["ok"], false);
    assert!(lines[0]["error"]["message"].is_string(), "{}", lines[0]);
}
