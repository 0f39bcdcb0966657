//! What the contract says beside its cases: secrets are masked, commands that fail skip their case, a backend that dies
//! fails the case that killed it and no other.

use guitai_certify::Outcome;

use crate::{backend, examine, node, options, stand};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_backend_echoes_is_masked() {
    let stand = stand().await;
    let (_child, port) = backend(&stand.line, "echoes_secrets", node()).await;
    let report = examine(options(&stand.line, port, Some("genuine_accepted,forged_signature_refused"), 4)).await;
    let shown = serde_json::to_string(&report).expect("JSON") + &guitai_certify::html(&report);
    let line: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&stand.line).expect("line")).expect("line");
    assert!(shown.contains("***"), "the backend echoed something: {shown}");
    for secret in ["api_v3_key", "appsecret"] {
        assert!(!shown.contains(line[secret].as_str().expect("a secret")), "{secret} is in the report");
    }
    let pem = std::fs::read_to_string(line["merchant_private_key"].as_str().expect("a path")).expect("a key");
    for part in pem.lines().filter(|it| !it.starts_with('-') && it.len() > 16) {
        assert!(!shown.contains(part), "a line of the key is in the report");
    }
    let paid = report.cases.iter().find(|case| case.name == "genuine_accepted").expect("the case");
    assert!(paid.got.body.contains("\"openid\":\"***\""), "{paid:?}");
    stand.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_skips_its_case() {
    let stand = stand().await;
    let (_child, port) = backend(&stand.line, "", node()).await;
    for broken in ["create_order", "probe"] {
        let mut asked = options(&stand.line, port, Some("genuine_accepted,amount_mismatch_held"), 4);
        let command = Some("echo not today >&2; exit 7".to_owned());
        if broken == "probe" {
            asked.probe = command
        } else {
            asked.create_order = command
        }
        let report = examine(asked).await;
        assert_eq!((report.failed, report.skipped), (0, 2), "{broken}: {report:?}");
        assert!(report.cases.iter().all(|case| case.why.en.contains("not today")), "{broken}: {report:?}");
    }
    stand.sandbox.stop().await;
}

/// It comes back without its memory, as one behind a supervisor does.
#[tokio::test(flavor = "multi_thread")]
async fn who_dies_fails_one_case_and_the_run_goes_on() {
    let stand = stand().await;
    let (mut child, port) = backend(&stand.line, "dies_of_a_stranger", node()).await;
    let line = stand.line.clone();
    let supervisor = tokio::spawn(async move {
        child.wait().await.expect("its end");
        let mut again = node();
        again.env("PORT", port.to_string());
        let (mut child, _) = backend(&line, "dies_of_a_stranger", again).await;
        child.wait().await
    });
    let only = "genuine_accepted,foreign_merchant_held,unknown_order_survived,refund_accepted,no_login_no_redirect";
    let report = examine(options(&stand.line, port, Some(only), 4)).await;
    for case in &report.cases {
        let wanted = if case.name == "unknown_order_survived" { Outcome::Fail } else { Outcome::Pass };
        // What was looked at before it died may be forgotten; it may not be failed for that.
        assert_eq!(case.result, wanted, "{case:?}");
    }
    supervisor.abort();
    stand.sandbox.stop().await;
}
