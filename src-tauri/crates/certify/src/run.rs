//! The examination itself: which letters each case sends, in which order, and what is looked at afterwards.
//!
//! Answers are judged at once; what the backend *believes* is asked for afterwards, since answering first and
//! processing later is legitimate: paid within 3 s, still not paid after 3 s, and both once more at the end. Cases use
//! orders of their own, so these waits overlap.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::backend::{Answer, Backend};
use crate::cases::{CASES, Case};
use crate::report::{CaseResult, Got, Outcome, Report, Text};
use crate::stage::{Order, SandboxAccess, Stage};

/// After an answer, how long a backend may take to apply what it acknowledged.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// Why no examination took place. (A failed duty is no error.)
#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
    /// Exit status 2.
    #[error("unknown case `{0}`; known: {1}")]
    UnknownCase(String, String),
    /// Exit status 2.
    #[error("{0} is not an http or https URL with a host")]
    BadUrl(String),
    /// Exit status 2.
    #[error("{0} cannot be reached")]
    Unreachable(String),
    /// Exit status 2: a public address may be a live merchant's.
    #[error("{0} is a public address: a live backend must not be examined")]
    LooksLive(String),
    /// Exit status 2.
    #[error("the sandbox cannot be used: {0}")]
    Sandbox(String),
}

/// What to examine, and with what.
pub struct Options {
    /// The backend's callback URL.
    pub url: String,
    /// The sandbox whose credentials the backend runs on.
    pub sandbox: SandboxAccess,
    /// Makes the backend place an order; prints its number.
    pub create_order: Option<String>,
    /// Prints what the backend thinks of `OUT_TRADE_NO`.
    pub probe: Option<String>,
    /// Only these cases.
    pub only: Option<Vec<String>>,
    /// How long a lost callback may stay unnoticed.
    pub lost_wait: Duration,
    /// Examine a public address all the same.
    pub i_know: bool,
}

/// Told of each case when its own part is done. What the backend believes is asked for once more at the end, so a pass
/// may still turn; the report is what counts.
pub type Progress = Arc<dyn Fn(&CaseResult) + Send + Sync>;

/// A verdict in the making.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) outcome: Outcome,
    got: Got,
    seen: Text,
    sent: String,
}

impl Draft {
    pub(crate) fn pass(answer: &Answer) -> Draft {
        Draft { outcome: Outcome::Pass, got: answer.got(), seen: Text::new("", ""), sent: String::new() }
    }

    pub(crate) fn fail(answer: &Answer, en: impl Into<String>, zh: impl Into<String>) -> Draft {
        Draft { outcome: Outcome::Fail, got: answer.got(), seen: Text::new(en, zh), sent: String::new() }
    }

    pub(crate) fn warn(answer: &Answer, en: impl Into<String>, zh: impl Into<String>) -> Draft {
        Draft { outcome: Outcome::Warn, got: answer.got(), seen: Text::new(en, zh), sent: String::new() }
    }

    pub(crate) fn skip(en: impl Into<String>, zh: impl Into<String>) -> Draft {
        Draft { outcome: Outcome::Skip, got: Got::default(), seen: Text::new(en, zh), sent: String::new() }
    }

    pub(crate) fn showing(mut self, sent: String) -> Draft {
        self.sent = sent;
        self
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Want {
    PaidOnce,
    NotPaid,
}

pub(crate) type Look = (&'static str, String, Want, JoinHandle<Result<(), Found>>);

/// What a look at the backend's belief found wrong.
pub(crate) enum Found {
    Wrong(Text),
    Probe(String),
}

pub(crate) struct Exam {
    pub(crate) stage: Stage,
    pub(crate) backend: Backend,
    pub(crate) only: Option<Vec<String>>,
    pub(crate) drafts: BTreeMap<&'static str, Draft>,
    pub(crate) looks: Vec<Look>,
    pub(crate) refusals: Vec<Answer>,
    pub(crate) orders: BTreeMap<String, JoinHandle<Result<Order, String>>>,
    pub(crate) probes: Arc<Semaphore>,
    /// The backend refuses numbers that it doesn't know, and it can't be made to place orders.
    pub(crate) strangers_refused: bool,
    pub(crate) gone: bool,
}

/// Runs the examination. Answers with the score card, or with why there is none.
pub async fn run(options: Options) -> Result<Report, CertifyError> {
    run_watched(options, Arc::new(|_: &CaseResult| {})).await
}

/// The same, told as it goes.
///
/// # Errors
/// As [`run`].
pub async fn run_watched(options: Options, progress: Progress) -> Result<Report, CertifyError> {
    if let Some(only) = &options.only
        && let Some(unknown) = only.iter().find(|name| !CASES.iter().any(|c| c.name == name.as_str()))
    {
        let known = CASES.iter().map(|c| c.name).collect::<Vec<_>>().join(", ");
        return Err(CertifyError::UnknownCase(unknown.clone(), known));
    }
    let url = url::Url::parse(&options.url).map_err(|_| CertifyError::BadUrl(options.url.clone()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(CertifyError::BadUrl(options.url));
    }
    if !options.i_know && !is_local(&url) {
        return Err(CertifyError::LooksLive(options.url));
    }
    let stage = Stage::open(options.sandbox).await?;
    let backend = Backend::new(url, options.probe, options.create_order, stage.secrets())
        .map_err(|e| CertifyError::Sandbox(e.to_string()))?;
    if !backend.reachable(Duration::from_secs(1)).await {
        return Err(CertifyError::Unreachable(options.url));
    }
    let mut exam = Exam {
        stage,
        backend,
        only: options.only,
        drafts: BTreeMap::new(),
        looks: Vec::new(),
        refusals: Vec::new(),
        orders: BTreeMap::new(),
        probes: Arc::new(Semaphore::new(4)),
        strangers_refused: false,
        gone: false,
    };
    exam.order_ahead();
    exam.conduct(options.lost_wait, &progress).await;
    exam.look_again().await;
    Ok(exam.report())
}

/// Loopback, private, link-local or a bare name: not the address of a live shop.
fn is_local(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Some(url::Host::Domain(name)) => {
            name == "localhost" || name.ends_with(".localhost") || name.ends_with(".local") || !name.contains('.')
        }
        None => false,
    }
}

/// The orders a case needs: name, paid at the gateway or not.
const ORDERS: [(&str, &str, bool); 32] = [
    ("rotated_certificate_accepted", "rotated", true),
    ("genuine_accepted", "genuine", true),
    ("public_key_accepted", "public_key", true),
    ("raw_body_respected", "raw", true),
    ("forged_signature_refused", "forged", false),
    ("missing_signature_refused", "missing", false),
    ("stale_timestamp_refused", "stale", false),
    ("unknown_serial_refused", "unknown_serial", false),
    ("merchant_key_refused", "merchant_key", false),
    ("tampered_body_refused", "tampered_body", false),
    ("tampered_ciphertext_refused", "tampered_ciphertext", false),
    ("wrong_associated_data_refused", "wrong_aad", false),
    ("signature_probe_refused", "probe", false),
    ("signature_probe_refused", "after_probe", true),
    ("duplicate_accepted", "duplicate", true),
    ("concurrent_duplicates", "concurrent", true),
    ("redelivery_accepted", "redelivery", true),
    ("second_notification_accepted", "second", true),
    ("amount_mismatch_held", "amount", false),
    ("foreign_merchant_held", "foreign_mchid", false),
    ("foreign_merchant_held", "foreign_appid", false),
    ("unknown_order_survived", "after_unknown", true),
    ("refund_accepted", "refund", true),
    ("refund_before_payment", "refund_first", true),
    ("no_login_no_redirect", "no_login", true),
    ("garbage_survived", "after_garbage", true),
    ("answers_in_time", "time0", true),
    ("answers_in_time", "time1", true),
    ("answers_in_time", "time2", true),
    ("answers_in_time", "time3", true),
    ("answers_in_time", "time4", true),
    ("lost_callback_recovered", "lost", false),
];

impl Exam {
    pub(crate) fn wanted(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|n| n == name))
    }

    /// Places the orders of all cases beside each other, since `--create-order` may take its time.
    fn order_ahead(&mut self) {
        let gate = Arc::new(Semaphore::new(4));
        for (case, name, paid) in ORDERS {
            let judged =
                CASES.iter().find(|c| c.name == case).is_some_and(|c| !c.needs_probe || self.backend.has_probe());
            if !self.wanted(case) || !judged || (name == "lost" && !self.backend.makes_orders()) {
                continue;
            }
            let (stage, backend, gate) = (self.stage.clone(), self.backend.clone(), gate.clone());
            let job = tokio::spawn(async move {
                let _turn = gate.acquire_owned().await.map_err(|e| e.to_string())?;
                let number = if backend.makes_orders() {
                    backend.create_order().await?
                } else {
                    stage.place(backend.url.as_str()).await?
                };
                if paid { stage.pay(&number).await } else { stage.unpaid(&number).await }
            });
            self.orders.insert(name.to_owned(), job);
        }
    }

    pub(crate) async fn order(&mut self, name: &str) -> Result<Order, Draft> {
        let made = match self.orders.remove(name) {
            Some(job) => job.await.unwrap_or_else(|e| Err(e.to_string())),
            None => Err("no order was placed".into()),
        };
        made.map_err(|why| {
            let why = self.backend.mask(&why);
            Draft::skip(format!("no order for this case: {why}"), format!("没有为这一项下成订单：{why}"))
        })
    }

    /// A backend that died in a case is waited for, once; the case that killed it has failed by then.
    pub(crate) async fn wait_if_down(&mut self, answer: &Answer) {
        if answer.status.is_none() && !self.gone {
            self.gone = !self.backend.reachable(Duration::from_secs(10)).await;
        }
    }

    /// Asks, beside everything else, whether the backend believes what it should.
    pub(crate) fn look(&mut self, case: &'static str, order: &Order, want: Want) {
        // A backend that never made the order can't be asked to know that it is paid.
        if !self.backend.has_probe() || (want == Want::PaidOnce && !self.backend.makes_orders()) {
            return;
        }
        let (backend, number, gate) = (self.backend.clone(), order.out_trade_no.clone(), self.probes.clone());
        let from = Instant::now();
        let task = tokio::spawn(async move {
            match want {
                Want::NotPaid => {
                    tokio::time::sleep_until((from + AFTERWARDS).into()).await;
                    let _turn = gate.acquire_owned().await.map_err(|e| Found::Probe(e.to_string()))?;
                    check(&backend, &number, want).await
                }
                Want::PaidOnce => loop {
                    let late = from.elapsed() >= AFTERWARDS;
                    let turn = gate.clone().acquire_owned().await.map_err(|e| Found::Probe(e.to_string()))?;
                    let found = check(&backend, &number, want).await;
                    drop(turn);
                    match found {
                        Err(Found::Wrong(_)) if !late => tokio::time::sleep(Duration::from_millis(250)).await,
                        other => break other,
                    }
                },
            }
        });
        self.looks.push((case, order.out_trade_no.clone(), want, task));
    }

    async fn conduct(&mut self, lost_wait: Duration, progress: &Progress) {
        // First what takes long: its waiting overlaps all the rest.
        let rotated = if self.wanted("rotated_certificate_accepted") { Some(self.rotated().await) } else { None };
        let lost = self.lost(lost_wait).await;
        for case in &CASES {
            if !self.wanted(case.name)
                || matches!(case.name, "rotated_certificate_accepted" | "lost_callback_recovered")
            {
                continue;
            }
            let draft = if case.needs_probe && !self.backend.has_probe() {
                Draft::skip("needs --probe: only the effect shows it", "需要 --probe：只有看结果才能判断")
            } else {
                match self.case(case.name).await {
                    Ok(draft) | Err(draft) => draft,
                }
            };
            self.keep(case.name, draft, progress);
        }
        if let Some(job) = rotated {
            let draft = job.await.unwrap_or_else(|e| Draft::skip(e.to_string(), e.to_string()));
            let refused_as_stranger = draft.outcome == Outcome::Warn && self.strangers_refused;
            let draft = if refused_as_stranger {
                Draft::skip(
                    "the backend refuses orders that it did not make; give --create-order",
                    "后端拒绝不是它自己下的订单；请用 --create-order",
                )
            } else {
                draft
            };
            self.keep("rotated_certificate_accepted", draft, progress);
        }
        if let Some(job) = lost {
            let draft = job.await.unwrap_or_else(|e| Draft::skip(e.to_string(), e.to_string()));
            self.keep("lost_callback_recovered", draft, progress);
        }
    }

    fn keep(&mut self, name: &'static str, draft: Draft, progress: &Progress) {
        if let Some(case) = CASES.iter().find(|case| case.name == name) {
            progress(&finished(case, draft.clone()));
        }
        self.drafts.insert(name, draft);
    }

    /// Awaits the looks, and looks once more at the end of the run.
    async fn look_again(&mut self) {
        let looks = std::mem::take(&mut self.looks);
        let mut last = Vec::new();
        for (case, number, want, task) in looks {
            match task.await {
                Ok(Ok(())) => {
                    let (backend, gate, asked) = (self.backend.clone(), self.probes.clone(), number.clone());
                    let again = tokio::spawn(async move {
                        let _turn = gate.acquire_owned().await.map_err(|e| Found::Probe(e.to_string()))?;
                        check(&backend, &asked, want).await
                    });
                    last.push((case, again));
                }
                Ok(Err(found)) => self.mark(case, found),
                Err(broken) => self.mark(case, Found::Probe(broken.to_string())),
            }
        }
        for (case, again) in last {
            match again.await {
                Ok(Ok(())) => {}
                Ok(Err(found)) => self.mark(case, found),
                Err(broken) => self.mark(case, Found::Probe(broken.to_string())),
            }
        }
    }

    fn mark(&mut self, case: &'static str, found: Found) {
        let Some(draft) = self.drafts.get_mut(case) else { return };
        if draft.outcome == Outcome::Fail {
            return;
        }
        match found {
            Found::Wrong(seen) => {
                draft.outcome = Outcome::Fail;
                draft.seen = seen;
            }
            Found::Probe(why) => {
                draft.outcome = Outcome::Skip;
                draft.seen = Text::new(why.clone(), why);
            }
        }
    }

    fn report(mut self) -> Report {
        let mut cases = Vec::new();
        for case in &CASES {
            let Some(draft) = self.drafts.remove(case.name) else { continue };
            cases.push(finished(case, draft));
        }
        Report::new(self.backend.url.to_string(), cases)
    }
}

fn finished(case: &Case, draft: Draft) -> CaseResult {
    let clean = matches!(draft.outcome, Outcome::Pass | Outcome::Skip);
    let why = if draft.seen.en.is_empty() {
        Text::new(case.why_en, case.why_zh)
    } else if draft.outcome == Outcome::Skip {
        draft.seen
    } else {
        Text::new(
            format!("Seen: {}. {}", draft.seen.en, case.why_en),
            format!("所见：{}。{}", draft.seen.zh, case.why_zh),
        )
    };
    CaseResult {
        name: case.name,
        result: draft.outcome,
        expected: case.expected.to_owned(),
        got: draft.got,
        why,
        fix: if clean { Text::new("", "") } else { Text::new(case.fix_en, case.fix_zh) },
        sent: draft.sent,
    }
}

async fn check(backend: &Backend, number: &str, want: Want) -> Result<(), Found> {
    let belief = backend.belief(number).await.map_err(Found::Probe)?;
    match want {
        Want::NotPaid if belief.paid || belief.times_applied > 0 => {
            Err(Found::Wrong(Text::new("the backend now thinks that the order is paid", "后端认为订单已支付")))
        }
        Want::PaidOnce if !belief.paid => {
            Err(Found::Wrong(Text::new("acknowledged, but not paid 3 s later", "已应答，但 3 秒后仍未支付")))
        }
        Want::PaidOnce if belief.times_applied != 1 => {
            let n = belief.times_applied;
            Err(Found::Wrong(Text::new(format!("applied {n} times"), format!("入账了 {n} 次"))))
        }
        _ => Ok(()),
    }
}
