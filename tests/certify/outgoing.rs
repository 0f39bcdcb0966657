//! The outgoing side: what a backend does by itself is judged rightly, and counts for nothing in the contract.

use std::path::Path;

use guitai_certify::{OUTGOING, Options, Outcome, Report};

use crate::{backend, examine, node, options, stand};

/// A correct backend is neither failed nor warned about. What it does not do is skipped.
pub fn no_alarm(report: &Report, who: &str) {
    assert_eq!(report.outgoing.len(), OUTGOING.len(), "{who}");
    for case in &report.outgoing {
        assert!(matches!(case.result, Outcome::Pass | Outcome::Skip), "{who}: {case:?}");
    }
    for name in
        ["amounts_in_fen", "answers_verified", "queries_after_lost_callback", "clock_in_time", "notify_url_sound"]
    {
        let case = report.outgoing.iter().find(|case| case.name == name).expect("the case");
        assert_eq!(case.result, Outcome::Pass, "{who}: {case:?}");
    }
}

fn with_all_hooks(line: &Path, port: u16, only: &str, lost_wait: u64) -> Options {
    let mut options = options(line, port, Some(only), lost_wait);
    options.create_order = Some(format!("curl -fsS -X POST 'http://127.0.0.1:{port}/order?product=jsapi'"));
    options.refund = Some(format!("curl -fsS -X POST \"http://127.0.0.1:{port}/refund?no=$OUT_TRADE_NO\""));
    options.pay_params = Some(format!("curl -fsS \"http://127.0.0.1:{port}/params?no=$OUT_TRADE_NO\""));
    options
}

/// Each with the contract's case that it has to be watched in. An order that is left open takes two minutes to be seen:
/// `judge` is tested on what such a backend sends.
const FAULTS: [(&str, &str, &str, Outcome); 9] = [
    ("amounts_as_text", "amounts_in_fen", "genuine_accepted", Outcome::Fail),
    ("retries_under_a_new_number", "order_retried_under_its_number", "genuine_accepted", Outcome::Fail),
    ("refunds_under_a_new_number", "refund_retried_under_its_number", "genuine_accepted", Outcome::Fail),
    ("never_queries", "queries_after_lost_callback", "lost_callback_recovered", Outcome::Warn),
    ("believes_any_answer", "answers_verified", "genuine_accepted", Outcome::Fail),
    ("asks_without_rest", "calm_request_rate", "forged_signature_refused", Outcome::Warn),
    ("clock_behind", "clock_in_time", "genuine_accepted", Outcome::Warn),
    ("pay_params_without_prefix", "pay_params_sound", "genuine_accepted", Outcome::Fail),
    ("notify_url_with_query", "notify_url_sound", "genuine_accepted", Outcome::Fail),
];

/// All of them at once against one sandbox: what is planted for one backend must not strike another.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_backend_does_by_itself_is_judged() {
    let stand = stand().await;
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(6));
    let mut runs = tokio::task::JoinSet::new();
    for (fault, case, beside, wanted) in FAULTS {
        let (line, gate) = (stand.line.clone(), gate.clone());
        runs.spawn(async move {
            let _turn = gate.acquire_owned().await.expect("a turn");
            let (_child, port) = backend(&line, fault, node()).await;
            let report = examine(with_all_hooks(&line, port, &format!("{beside},{case}"), 4)).await;
            let found = report.outgoing.iter().find(|c| c.name == case).expect("the case");
            assert_eq!(found.result, wanted, "{fault}: {found:?}, beside {:?}", report.cases);
            assert_eq!((report.cases.len(), report.outgoing.len()), (1, 1), "only what was named");
            let counted = report.passed + report.failed + report.warned + report.skipped;
            assert_eq!(counted, 1, "the outgoing side is not in the totals");
        });
    }
    let line = stand.line.clone();
    runs.spawn(async move {
        let (_child, port) = backend(&line, "", node()).await;
        let names: Vec<&str> = OUTGOING.iter().map(|case| case.name).collect();
        let asked = format!("forged_signature_refused,lost_callback_recovered,{}", names.join(","));
        let report = examine(with_all_hooks(&line, port, &asked, 30)).await;
        no_alarm(&report, "Node");
        let skipped: Vec<_> = report.outgoing.iter().filter(|c| c.result == Outcome::Skip).map(|c| c.name).collect();
        assert_eq!(skipped, ["closes_expired_orders"], "{:?}", report.outgoing);
    });
    while let Some(done) = runs.join_next().await {
        if let Err(error) = done {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    stand.sandbox.stop().await;
}
