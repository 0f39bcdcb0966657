//! Conducts the examination: orders placed ahead, case after case, the waiting ones beside them. What a case sends lives
//! in `duties`, what the backend believes afterwards in `look`, what it does by itself in `outgoing`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::backend::{Answer, Backend, Hooks};
use crate::cases::{CASES, Case, OUTGOING};
use crate::hook::Hook;
use crate::look::Look;
use crate::outgoing::Watch;
use crate::report::{CaseResult, Got, Outcome, Report, Text};
use crate::stage::{Order, SandboxAccess, Stage};

/// A backend that died is waited for so long.
const RESTART: Duration = Duration::from_secs(10);

pub(crate) const DYING: Duration = Duration::from_millis(500);

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
    /// Makes the backend refund the paid order `OUT_TRADE_NO`.
    pub refund: Option<String>,
    /// Prints the pay params that the backend gives its front end for `OUT_TRADE_NO`.
    pub pay_params: Option<String>,
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
    pub(crate) got: Got,
    pub(crate) seen: Text,
    pub(crate) sent: String,
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

pub(crate) struct Exam {
    pub(crate) stage: Stage,
    pub(crate) backend: Backend,
    pub(crate) only: Option<Vec<String>>,
    pub(crate) drafts: BTreeMap<&'static str, Draft>,
    pub(crate) looks: Vec<Look>,
    pub(crate) refusals: Vec<Answer>,
    pub(crate) orders: BTreeMap<String, JoinHandle<Result<Order, String>>>,
    pub(crate) probes: Arc<Semaphore>,
    /// It can't be made to place orders, and takes a notification for an order that it never made all the same.
    pub(crate) strangers_accepted: bool,
    /// It can't be made to place orders, and refuses what it doesn't know.
    pub(crate) strangers_refused: bool,
    /// The case under way.
    pub(crate) at: &'static str,
    /// It died, or let go of a connection, and may have lost what it kept in memory.
    pub(crate) restarted: bool,
    pub(crate) gone: bool,
    pub(crate) watch: Watch,
    /// The order whose callback is lost.
    pub(crate) lost: Option<String>,
    gate: Arc<Semaphore>,
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
    let only: Option<Vec<String>> = options.only.map(|names| names.iter().map(|n| n.trim().to_owned()).collect());
    if let Some(unknown) = only.iter().flatten().find(|name| !known().any(|c| c.name == name.as_str())) {
        let names = known().map(|c| c.name).collect::<Vec<_>>().join(", ");
        return Err(CertifyError::UnknownCase(unknown.clone(), names));
    }
    let url = url::Url::parse(&options.url).map_err(|_| CertifyError::BadUrl(options.url.clone()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(CertifyError::BadUrl(options.url));
    }
    if !options.i_know && !is_local(&url) {
        return Err(CertifyError::LooksLive(options.url));
    }
    let stage = Stage::open(options.sandbox).await?;
    let hook = |command: Option<String>| command.map(Hook::new);
    let hooks = Hooks {
        create_order: hook(options.create_order),
        probe: hook(options.probe),
        refund: hook(options.refund),
        pay_params: hook(options.pay_params),
    };
    let backend = Backend::new(url, hooks, stage.secrets()).map_err(|e| CertifyError::Sandbox(e.to_string()))?;
    if !backend.reachable(Duration::from_secs(1)).await {
        return Err(CertifyError::Unreachable(options.url));
    }
    let watch = Watch::begin(&stage, &backend).await;
    let mut exam = Exam {
        stage,
        backend,
        only,
        drafts: BTreeMap::new(),
        looks: Vec::new(),
        refusals: Vec::new(),
        orders: BTreeMap::new(),
        probes: Arc::new(Semaphore::new(4)),
        strangers_accepted: false,
        strangers_refused: false,
        at: "",
        restarted: false,
        gone: false,
        watch,
        lost: None,
        gate: Arc::new(Semaphore::new(4)),
    };
    exam.order_ahead();
    exam.meet_a_stranger().await;
    exam.conduct(options.lost_wait, &progress).await;
    let provoked = exam.provoke().await;
    exam.look_again().await;
    exam.judge(provoked, options.lost_wait, &progress).await;
    Ok(exam.report())
}

fn known() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(&OUTGOING)
}

/// Loopback, private, link-local or a bare name: not the address of a live shop.
fn is_local(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Some(url::Host::Domain(name)) => {
            let private = [".localhost", ".local", ".internal", ".test", ".lan", ".localdomain", ".home.arpa"];
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            !name.contains('.') || private.iter().any(|end| name.ends_with(end))
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
        for (case, name, paid) in ORDERS {
            let judged =
                CASES.iter().find(|c| c.name == case).is_some_and(|c| !c.needs_probe || self.backend.has_probe());
            if self.wanted(case) && judged && (name != "lost" || self.backend.makes_orders()) {
                self.place(name, paid);
            }
        }
    }

    fn place(&mut self, name: &str, paid: bool) {
        let (stage, backend, gate) = (self.stage.clone(), self.backend.clone(), self.gate.clone());
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

    /// A backend that came back may have forgotten the orders that were placed ahead: they are placed anew.
    fn order_again(&mut self) {
        let left: Vec<String> = self.orders.keys().cloned().collect();
        for (_, name, paid) in ORDERS.iter().filter(|(_, name, _)| left.iter().any(|it| it == name)) {
            if let Some(job) = self.orders.remove(*name) {
                job.abort();
            }
            self.place(name, *paid);
        }
    }

    /// A backend that can't be made to place orders: does it take a notification for an order that it never made? Only
    /// then is it a failure when it refuses one.
    async fn meet_a_stranger(&mut self) {
        if self.backend.makes_orders() {
            return;
        }
        let Ok(number) = self.stage.place(self.backend.url.as_str()).await else { return };
        let Ok(order) = self.stage.pay(&number).await else { return };
        self.backend.keep_secret(&order.openid());
        let letter = self.payment(&order, &self.stage.platform);
        self.strangers_accepted = self.backend.post(&letter).await.accepted();
    }

    pub(crate) async fn order(&mut self, name: &str) -> Result<Order, Draft> {
        let made = match self.orders.remove(name) {
            Some(job) => job.await.unwrap_or_else(|e| Err(e.to_string())),
            None => Err("no order was placed".into()),
        };
        if let Ok(order) = &made {
            self.backend.keep_secret(&order.openid());
            self.watch.ours(&order.out_trade_no);
        }
        made.map_err(|why| {
            let why = self.backend.mask(&why);
            Draft::skip(format!("no order for this case: {why}"), format!("没有为这一项下成订单：{why}"))
        })
    }

    /// A backend that died in a case is waited for, once; the case that killed it has failed by then.
    pub(crate) async fn wait_if_down(&mut self, answer: &Answer) {
        if answer.status.is_some() || self.gone {
            return;
        }
        if answer.broke {
            // A process that is dying still takes connections for a moment.
            tokio::time::sleep(DYING).await;
        }
        self.gone = !self.backend.reachable(RESTART).await;
        if !self.gone && answer.broke {
            self.restarted = true;
            self.order_again();
        }
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
            self.at = case.name;
            self.watch.read(&self.stage).await;
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
            let draft = self.while_watching(job).await;
            let draft = if draft.outcome == Outcome::Warn && self.restarted {
                restarted()
            } else if draft.outcome == Outcome::Warn && self.strangers_refused {
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
            let draft = self.while_watching(job).await;
            let draft = if draft.outcome == Outcome::Warn && self.restarted { restarted() } else { draft };
            self.keep("lost_callback_recovered", draft, progress);
        }
    }

    /// Awaits what runs beside the cases; the sandbox's notes are read on, since it keeps only the newest.
    async fn while_watching(&mut self, mut job: JoinHandle<Draft>) -> Draft {
        loop {
            tokio::select! {
                done = &mut job => {
                    return done.unwrap_or_else(|e| Draft::skip(e.to_string(), e.to_string()));
                }
                () = tokio::time::sleep(Duration::from_secs(1)) => self.watch.read(&self.stage).await,
            }
        }
    }

    pub(crate) fn keep(&mut self, name: &'static str, draft: Draft, progress: &Progress) {
        if let Some(case) = known().find(|case| case.name == name) {
            progress(&finished(case, draft.clone()));
        }
        self.drafts.insert(name, draft);
    }

    fn report(mut self) -> Report {
        let mut results = |all: &'static [Case]| -> Vec<CaseResult> {
            let drafts = all.iter().filter_map(|case| Some((case, self.drafts.remove(case.name)?)));
            drafts.map(|(case, draft)| finished(case, draft)).collect()
        };
        let (cases, outgoing) = (results(&CASES), results(&OUTGOING));
        Report::new(self.backend.mask(self.backend.url.as_str()), cases, outgoing)
    }
}

fn restarted() -> Draft {
    Draft::skip(
        "the backend restarted in the middle and may have forgotten the order",
        "后端中途重启，可能已不记得这张订单",
    )
}

fn finished(case: &Case, draft: Draft) -> CaseResult {
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
        fix: Text::new(case.fix_en, case.fix_zh),
        sent: draft.sent,
    }
}
