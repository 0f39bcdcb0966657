//! `certify` is right: no false alarm on correct backends in three languages, and each seeded fault is found by its case.

#![allow(missing_docs)]

mod ci;
mod contract;
mod outgoing;
mod rust_backend;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use guitai_certify::{Options, Outcome, Report};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

struct Stand {
    _folder: tempfile::TempDir,
    sandbox: wechatpay_sandbox::Sandbox,
    line: PathBuf,
}

async fn stand() -> Stand {
    let folder = tempfile::tempdir().expect("a folder");
    let options =
        wechatpay_sandbox::Options { data_dir: folder.path().to_owned(), port: 0, proxy_port: 0, merchants: 1 };
    let sandbox = wechatpay_sandbox::start(options).await.expect("a sandbox");
    let line = folder.path().join("sandbox.json");
    std::fs::write(&line, sandbox.ready_line().to_string()).expect("the ready line");
    Stand { _folder: folder, sandbox, line }
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Starts a backend; it prints its port when it listens.
async fn backend(line: &Path, fault: &str, mut command: Command) -> (Child, u16) {
    let mut child = command
        .env("GUITAI_SANDBOX", line)
        .env("FAULT", fault)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // A backend whose sandbox goes away at the end of a test complains; that is no finding.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the backend starts; `make test` installs what it needs");
    let out = child.stdout.take().expect("stdout");
    let mut lines = BufReader::new(out).lines();
    let said = tokio::time::timeout(Duration::from_secs(30), lines.next_line());
    let said = said.await.expect("the backend is up in 30 s").expect("a line").expect("a line, not the end");
    let port = serde_json::from_str::<serde_json::Value>(&said).expect("JSON")["port"].as_u64().expect("a port");
    (child, u16::try_from(port).expect("a port"))
}

fn node() -> Command {
    let mut command = Command::new("node");
    command.arg(here("certify/backend.mjs"));
    command
}

fn python() -> Command {
    let mut command = Command::new(here("sdks/python/.venv/bin/python"));
    command.arg(here("certify/backend.py"));
    command
}

fn options(line: &Path, port: u16, only: Option<&str>, lost_wait: u64) -> Options {
    Options {
        url: format!("http://127.0.0.1:{port}/notify"),
        sandbox: serde_json::from_str(&std::fs::read_to_string(line).expect("the line")).expect("the line"),
        create_order: Some(format!("curl -fsS -X POST http://127.0.0.1:{port}/order")),
        probe: Some(format!("curl -fsS \"http://127.0.0.1:{port}/probe?no=$OUT_TRADE_NO\"")),
        refund: None,
        pay_params: None,
        only: only.map(|cases| cases.split(',').map(str::to_owned).collect()),
        lost_wait: Duration::from_secs(lost_wait),
        i_know: false,
    }
}

async fn examine(options: Options) -> Report {
    guitai_certify::run(options).await.unwrap_or_else(|error| panic!("{error}"))
}

fn no_alarm(report: &Report, who: &str) {
    for case in &report.cases {
        // A slow machine may make a correct backend slow; nothing else is forgiven.
        let forgiven = case.name == "answers_in_time" && case.result == Outcome::Warn;
        assert!(case.result == Outcome::Pass || forgiven, "{who}: {case:?}");
    }
    assert_eq!(report.cases.len(), guitai_certify::CASES.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn correct_backends_in_three_languages_get_no_false_alarm() {
    let stand = stand().await;
    let rust = rust_backend::start(&stand.line).await;
    let (_node, node_port) = backend(&stand.line, "", node()).await;
    let (_python, python_port) = backend(&stand.line, "", python()).await;
    for (who, port) in [("Rust", rust), ("Node", node_port), ("Python", python_port)] {
        let report = examine(options(&stand.line, port, None, 30)).await;
        no_alarm(&report, who);
        outgoing::no_alarm(&report, who);
        let shown = serde_json::to_string(&report).expect("JSON") + &guitai_certify::html(&report);
        let line: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&stand.line).expect("line")).expect("line");
        for secret in ["api_v3_key", "appsecret"] {
            assert!(!shown.contains(line[secret].as_str().expect("a secret")), "{who}: {secret} is in the report");
        }
    }
    stand.sandbox.stop().await;
}

const FAULTS: [(&str, &str, Outcome); 29] = [
    ("always_500", "genuine_accepted", Outcome::Fail),
    ("no_public_key", "public_key_accepted", Outcome::Fail),
    ("body_written_again", "raw_body_respected", Outcome::Fail),
    ("no_verification", "forged_signature_refused", Outcome::Fail),
    ("missing_header_is_fine", "missing_signature_refused", Outcome::Fail),
    ("age_not_checked", "stale_timestamp_refused", Outcome::Fail),
    ("any_key_will_do", "unknown_serial_refused", Outcome::Fail),
    ("trusts_the_merchant_key", "merchant_key_refused", Outcome::Fail),
    ("decrypting_is_enough", "tampered_body_refused", Outcome::Fail),
    ("tag_not_checked", "tampered_ciphertext_refused", Outcome::Fail),
    ("tag_not_checked", "wrong_associated_data_refused", Outcome::Fail),
    ("probe_is_fine", "signature_probe_refused", Outcome::Fail),
    ("applies_each_time", "duplicate_accepted", Outcome::Fail),
    ("duplicates_are_refused", "duplicate_accepted", Outcome::Fail),
    ("race", "concurrent_duplicates", Outcome::Fail),
    ("same_id_is_refused", "redelivery_accepted", Outcome::Fail),
    ("deduplicates_by_id_only", "second_notification_accepted", Outcome::Fail),
    ("amount_not_compared", "amount_mismatch_held", Outcome::Fail),
    ("merchant_not_compared", "foreign_merchant_held", Outcome::Fail),
    ("dies_of_a_stranger", "unknown_order_survived", Outcome::Fail),
    ("refunds_not_known", "refund_accepted", Outcome::Fail),
    ("refund_needs_payment", "refund_before_payment", Outcome::Fail),
    ("login_page", "no_login_no_redirect", Outcome::Fail),
    ("garbage_is_fine", "garbage_survived", Outcome::Fail),
    ("garbage_hangs", "garbage_survived", Outcome::Fail),
    ("slow", "answers_in_time", Outcome::Warn),
    ("refusals_in_plain_text", "failure_answer_shape", Outcome::Warn),
    ("certificates_never_fetched_again", "rotated_certificate_accepted", Outcome::Warn),
    ("never_queries", "lost_callback_recovered", Outcome::Warn),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_seeded_fault_is_found_by_its_case() {
    let stand = stand().await;
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(8));
    let mut runs = tokio::task::JoinSet::new();
    for (fault, case, wanted) in FAULTS {
        let (line, gate) = (stand.line.clone(), gate.clone());
        runs.spawn(async move {
            let _turn = gate.acquire_owned().await.expect("a turn");
            let (_child, port) = backend(&line, fault, node()).await;
            // The shape of refusals is judged by what the refusing cases got.
            let only =
                if case == "failure_answer_shape" { "forged_signature_refused,failure_answer_shape" } else { case };
            let report = examine(options(&line, port, Some(only), 4)).await;
            let found = report.cases.iter().find(|c| c.name == case).expect("the case");
            assert_eq!(found.result, wanted, "{fault}: {found:?}");
            assert!(!found.fix.zh.is_empty() && !found.fix.en.is_empty(), "{fault} has no fix");
        });
    }
    while let Some(done) = runs.join_next().await {
        if let Err(error) = done {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    let covered: std::collections::BTreeSet<_> = FAULTS.iter().map(|(_, case, _)| *case).collect();
    assert_eq!(covered.len(), guitai_certify::CASES.len(), "a case without a backend that fails it");
    stand.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_create_order_a_careful_backend_is_skipped_not_failed() {
    let stand = stand().await;
    let (_child, port) = backend(&stand.line, "", node()).await;
    let mut asked =
        options(&stand.line, port, Some("genuine_accepted,forged_signature_refused,amount_mismatch_held"), 4);
    asked.create_order = None;
    asked.probe = None;
    let report = examine(asked).await;
    let of = |name: &str| report.cases.iter().find(|c| c.name == name).map(|c| c.result);
    assert_eq!(of("forged_signature_refused"), Some(Outcome::Pass));
    assert_eq!(of("amount_mismatch_held"), Some(Outcome::Skip), "needs --probe");
    assert_eq!(report.failed, 0);
    stand.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_examined_is_said_and_nothing_is_sent() {
    let stand = stand().await;
    let mut asked = options(&stand.line, 1, None, 4);
    asked.only = Some(vec!["no_such_case".into()]);
    assert!(matches!(guitai_certify::run(asked).await, Err(guitai_certify::CertifyError::UnknownCase(..))));
    let asked = options(&stand.line, 1, None, 4);
    assert!(matches!(guitai_certify::run(asked).await, Err(guitai_certify::CertifyError::Unreachable(_))));
    let mut asked = options(&stand.line, 1, None, 4);
    asked.url = "https://shop.example.com/notify".into();
    assert!(matches!(guitai_certify::run(asked).await, Err(guitai_certify::CertifyError::LooksLive(_))));
    let mut asked = options(&stand.line, 1, None, 4);
    asked.url = "ftp://127.0.0.1/notify".into();
    assert!(matches!(guitai_certify::run(asked).await, Err(guitai_certify::CertifyError::BadUrl(_))));
    stand.sandbox.stop().await;
}
