//! The examination itself: which letters each case sends, in which order, and what is looked at afterwards.
//!
//! Answers are judged at once; what the backend *believes* is asked for afterwards, since answering first and
//! processing later is legitimate: paid within 3 s, still not paid after 3 s, and both once more at the end. Cases use
//! orders of their own, so these waits overlap.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::backend::{Answer, Backend};
use crate::cases::{CASES, Case};
use crate::garbage::garbage;
use crate::report::{CaseResult, Got, Outcome, Report, Text};
use crate::stage::{Hand, Kind, Letter, Order, SandboxAccess, Stage, alphanumeric, notification_id};

/// After an answer, how long a backend may take to apply what it acknowledged.
const AFTERWARDS: Duration = Duration::from_secs(3);
const RETRY_AFTER: Duration = Duration::from_secs(15);

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

/// A verdict in the making.
struct Draft {
    outcome: Outcome,
    got: Got,
    seen: Text,
    sent: String,
}

impl Draft {
    fn pass(answer: &Answer) -> Draft {
        Draft { outcome: Outcome::Pass, got: answer.got(), seen: Text::new("", ""), sent: String::new() }
    }

    fn fail(answer: &Answer, en: impl Into<String>, zh: impl Into<String>) -> Draft {
        Draft { outcome: Outcome::Fail, got: answer.got(), seen: Text::new(en, zh), sent: String::new() }
    }

    fn warn(answer: &Answer, en: impl Into<String>, zh: impl Into<String>) -> Draft {
        Draft { outcome: Outcome::Warn, got: answer.got(), seen: Text::new(en, zh), sent: String::new() }
    }

    fn skip(en: impl Into<String>, zh: impl Into<String>) -> Draft {
        Draft { outcome: Outcome::Skip, got: Got::default(), seen: Text::new(en, zh), sent: String::new() }
    }

    fn showing(mut self, sent: String) -> Draft {
        self.sent = sent;
        self
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Want {
    PaidOnce,
    NotPaid,
}

type Look = (&'static str, String, Want, JoinHandle<Result<(), Found>>);

/// What a look at the backend's belief found wrong.
enum Found {
    Wrong(Text),
    Probe(String),
}

struct Exam {
    stage: Stage,
    backend: Backend,
    only: Option<Vec<String>>,
    drafts: BTreeMap<&'static str, Draft>,
    looks: Vec<Look>,
    refusals: Vec<Answer>,
    orders: BTreeMap<String, JoinHandle<Result<Order, String>>>,
    probes: Arc<Semaphore>,
    /// The backend refuses numbers that it doesn't know, and it can't be made to place orders.
    strangers_refused: bool,
    gone: bool,
}

/// Runs the examination. Answers with the score card, or with why there is none.
pub async fn run(options: Options) -> Result<Report, CertifyError> {
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
    exam.conduct(options.lost_wait).await;
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
    fn wanted(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|n| n == name))
    }

    /// Places the orders of all cases beside each other, since `--create-order` may take its time.
    fn order_ahead(&mut self) {
        let gate = Arc::new(Semaphore::new(4));
        for (case, name, paid) in ORDERS {
            let judged = CASES.iter().find(|c| c.name == case).is_some_and(|c| !c.needs_probe || self.backend.has_probe());
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

    async fn order(&mut self, name: &str) -> Result<Order, Draft> {
        let made = match self.orders.remove(name) {
            Some(job) => job.await.unwrap_or_else(|e| Err(e.to_string())),
            None => Err("no order was placed".into()),
        };
        made.map_err(|why| {
            let why = self.backend.mask(&why);
            Draft::skip(format!("no order for this case: {why}"), format!("没有为这一项下成订单：{why}"))
        })
    }

    fn payment(&self, order: &Order, hand: &Hand) -> Letter {
        let body = self.stage.envelope(&notification_id(), Kind::Payment, &order.transaction, "");
        self.stage.letter(body, hand, 0)
    }

    /// Judges an answer that must be an acceptance.
    async fn must_accept(&mut self, answer: &Answer, letter: &Letter) -> Result<(), Draft> {
        if answer.accepted() {
            return Ok(());
        }
        self.wait_if_down(answer).await;
        let sent = self.backend.describe("POST", letter);
        if answer.refused() && !self.backend.makes_orders() && answer.status != Some(500) {
            self.strangers_refused = true;
        }
        if self.strangers_refused && answer.refused() {
            return Err(Draft::skip(
                "the backend refuses an order that it did not make; give --create-order so that it makes them itself",
                "后端拒绝了不是它自己下的订单；请用 --create-order 让它自己下单",
            ));
        }
        let (en, zh) = match answer.status {
            None => (answer.body.clone(), answer.body.clone()),
            Some(200 | 204) => ("the answer came after 5 s".into(), "5 秒之后才应答".into()),
            Some(status) => (format!("answered {status}"), format!("应答 {status}")),
        };
        Err(Draft::fail(answer, en, zh).showing(sent))
    }

    /// Judges an answer that must be a refusal.
    async fn must_refuse(&mut self, answer: &Answer, letter: &Letter, what: Text) -> Result<(), Draft> {
        if answer.refused() {
            self.refusals.push(answer.clone());
            return Ok(());
        }
        self.wait_if_down(answer).await;
        let sent = self.backend.describe("POST", letter);
        let (en, zh) = match answer.status {
            None => (answer.body.clone(), answer.body.clone()),
            Some(status) => (format!("answered {status}"), format!("应答 {status}")),
        };
        Err(Draft::fail(answer, format!("{}: {en}", what.en), format!("{}：{zh}", what.zh)).showing(sent))
    }

    /// A backend that died in a case is waited for, once; the case that killed it has failed by then.
    async fn wait_if_down(&mut self, answer: &Answer) {
        if answer.status.is_none() && !self.gone {
            self.gone = !self.backend.reachable(Duration::from_secs(10)).await;
        }
    }

    /// Asks, beside everything else, whether the backend believes what it should.
    fn look(&mut self, case: &'static str, order: &Order, want: Want) {
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

    async fn conduct(&mut self, lost_wait: Duration) {
        // First what takes long: its waiting overlaps all the rest.
        let rotated = if self.wanted("rotated_certificate_accepted") { Some(self.rotated().await) } else { None };
        let lost = self.lost(lost_wait).await;
        for case in &CASES {
            if !self.wanted(case.name) || matches!(case.name, "rotated_certificate_accepted" | "lost_callback_recovered") {
                continue;
            }
            let draft = if case.needs_probe && !self.backend.has_probe() {
                Draft::skip("needs --probe: only the effect shows it", "需要 --probe：只有看结果才能判断")
            } else {
                match self.case(case.name).await {
                    Ok(draft) | Err(draft) => draft,
                }
            };
            self.drafts.insert(case.name, draft);
        }
        if let Some(job) = rotated {
            let draft = job.await.unwrap_or_else(|e| Draft::skip(e.to_string(), e.to_string()));
            let refused_as_stranger = draft.outcome == Outcome::Warn && self.strangers_refused;
            self.drafts.insert("rotated_certificate_accepted", if refused_as_stranger {
                Draft::skip("the backend refuses orders that it did not make; give --create-order", "后端拒绝不是它自己下的订单；请用 --create-order")
            } else {
                draft
            });
        }
        if let Some(job) = lost {
            self.drafts.insert("lost_callback_recovered", job.await.unwrap_or_else(|e| Draft::skip(e.to_string(), e.to_string())));
        }
    }

    #[allow(clippy::too_many_lines)] // one arm a case, in the contract's order
    async fn case(&mut self, name: &'static str) -> Result<Draft, Draft> {
        let platform = self.stage.platform.clone();
        match name {
            "genuine_accepted" => self.accepted_once(name, "genuine", |exam, order| exam.payment(order, &exam.stage.platform)).await,
            "public_key_accepted" => {
                self.accepted_once(name, "public_key", |exam, order| exam.payment(order, &exam.stage.public_key)).await
            }
            "raw_body_respected" => {
                self.accepted_once(name, "raw", |exam, order| {
                    exam.stage.letter(unusual_spelling(&exam.stage, order), &exam.stage.platform, 0)
                })
                .await
            }
            "forged_signature_refused" => {
                let forger = Hand { key: self.stage.stranger.clone(), serial: platform.serial };
                self.refused(name, "forged", Text::new("a forged signature", "伪造的签名"), |exam, order| {
                    vec![exam.payment(order, &forger)]
                })
                .await
            }
            "missing_signature_refused" => {
                self.refused(name, "missing", Text::new("a signature header is missing", "缺少一个签名头"), |exam, order| {
                    let whole = exam.payment(order, &exam.stage.platform);
                    ["Wechatpay-Signature", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial"]
                        .map(|header| whole.clone().without(header))
                        .to_vec()
                })
                .await
            }
            "stale_timestamp_refused" => {
                self.refused(name, "stale", Text::new("a time stamp 10 minutes old", "10 分钟前的时间戳"), |exam, order| {
                    let body = exam.stage.envelope(&notification_id(), Kind::Payment, &order.transaction, "");
                    vec![exam.stage.letter(body, &exam.stage.platform, 600)]
                })
                .await
            }
            "unknown_serial_refused" => {
                self.refused(name, "unknown_serial", Text::new("an unknown serial", "未知的序列号"), |exam, order| {
                    let serial = format!("5A{}", hex(&alphanumeric(19)));
                    let hand = Hand { key: exam.stage.platform.key.clone(), serial };
                    vec![exam.payment(order, &hand)]
                })
                .await
            }
            "merchant_key_refused" => {
                self.refused(name, "merchant_key", Text::new("signed with the merchant's own key", "用商户自己的私钥签名"), |exam, order| {
                    vec![exam.payment(order, &exam.stage.merchant_hand())]
                })
                .await
            }
            "tampered_body_refused" => {
                self.refused(name, "tampered_body", Text::new("a changed byte outside resource", "密文之外改了一个字节"), |exam, order| {
                    let mut letter = exam.payment(order, &exam.stage.platform);
                    let text = String::from_utf8_lossy(&letter.body).replacen("支付成功", "支付成攻", 1);
                    letter.body = text.into_bytes();
                    vec![letter]
                })
                .await
            }
            "tampered_ciphertext_refused" => {
                self.refused(name, "tampered_ciphertext", Text::new("changed ciphertext, validly signed", "密文被改、签名有效"), |exam, order| {
                    let mut envelope =
                        exam.stage.envelope_of(&notification_id(), Kind::Payment, order.transaction.to_string().as_bytes(), "");
                    flip_ciphertext(&mut envelope, order);
                    vec![exam.stage.letter(envelope.to_string().into_bytes(), &exam.stage.platform, 0)]
                })
                .await
            }
            "wrong_associated_data_refused" => {
                self.refused(name, "wrong_aad", Text::new("changed associated_data, validly signed", "附加数据被改、签名有效"), |exam, order| {
                    let body = exam.stage.envelope(&notification_id(), Kind::Payment, &order.transaction, "transactian");
                    vec![exam.stage.letter(body, &exam.stage.platform, 0)]
                })
                .await
            }
            "signature_probe_refused" => {
                let passed = self
                    .refused(name, "probe", Text::new("a signature probe", "签名探测"), |exam, order| {
                        let letter = exam.payment(order, &exam.stage.platform);
                        let real = letter.headers.iter().find(|(n, _)| n == "Wechatpay-Signature").map(|(_, v)| v.clone());
                        let probe = format!("WECHATPAY/SIGNTEST/{}", real.unwrap_or_default());
                        vec![letter.with("Wechatpay-Signature", &probe)]
                    })
                    .await?;
                self.next_is_accepted("after_probe").await?;
                Ok(passed)
            }
            "duplicate_accepted" => {
                let order = self.order("duplicate").await?;
                let letter = self.payment(&order, &platform);
                let mut last = Answer::default();
                for _ in 0..3 {
                    last = self.backend.post(&letter).await;
                    self.must_accept(&last, &letter).await?;
                }
                self.look(name, &order, Want::PaidOnce);
                Ok(Draft::pass(&last))
            }
            "concurrent_duplicates" => {
                let order = self.order("concurrent").await?;
                let letter = self.payment(&order, &platform);
                let copies: Vec<_> = (0..10)
                    .map(|_| {
                        let (backend, letter) = (self.backend.clone(), letter.clone());
                        tokio::spawn(async move { backend.post(&letter).await })
                    })
                    .collect();
                let mut answers = Vec::new();
                for copy in copies {
                    answers.push(copy.await.unwrap_or_default());
                }
                for answer in &answers {
                    self.must_accept(answer, &letter).await?;
                }
                self.look(name, &order, Want::PaidOnce);
                let slowest = answers.into_iter().max_by_key(|a| a.latency).unwrap_or_default();
                Ok(Draft::pass(&slowest))
            }
            "redelivery_accepted" => {
                self.twice(name, "redelivery", |exam, order| {
                    let body = exam.stage.envelope(&notification_id(), Kind::Payment, &order.transaction, "");
                    [exam.stage.letter(body.clone(), &exam.stage.platform, 0), exam.stage.letter(body, &exam.stage.platform, 0)]
                })
                .await
            }
            "second_notification_accepted" => {
                self.twice(name, "second", |exam, order| {
                    [exam.payment(order, &exam.stage.platform), exam.payment(order, &exam.stage.platform)]
                })
                .await
            }
            "amount_mismatch_held" => {
                let order = self.order("amount").await?;
                let mut other = order.clone();
                let less = if order.total > 1 { 1 } else { order.total + 1 };
                set(&mut other.transaction, "/amount/total", json!(less));
                set(&mut other.transaction, "/amount/payer_total", json!(less));
                let letter = self.payment(&other, &platform);
                let answer = self.backend.post(&letter).await;
                self.must_answer(&answer, &letter).await?;
                self.look(name, &order, Want::NotPaid);
                Ok(Draft::pass(&answer).showing(self.backend.describe("POST", &letter)))
            }
            "foreign_merchant_held" => {
                let mut last = Draft::skip("", "");
                for (which, pointer, value) in
                    [("foreign_mchid", "/mchid", "1999999999"), ("foreign_appid", "/appid", "wx0000000000000000")]
                {
                    let order = self.order(which).await?;
                    let mut other = order.clone();
                    set(&mut other.transaction, pointer, json!(value));
                    let letter = self.payment(&other, &platform);
                    let answer = self.backend.post(&letter).await;
                    self.must_answer(&answer, &letter).await?;
                    self.look(name, &order, Want::NotPaid);
                    last = Draft::pass(&answer).showing(self.backend.describe("POST", &letter));
                }
                Ok(last)
            }
            "unknown_order_survived" => {
                let next = self.order("after_unknown").await?;
                let mut stranger = next.clone();
                let number = format!("NEVER{}", alphanumeric(20).to_uppercase());
                set(&mut stranger.transaction, "/out_trade_no", json!(number));
                set(&mut stranger.transaction, "/transaction_id", json!(format!("4200{}", "9".repeat(24))));
                let letter = self.payment(&stranger, &platform);
                let answer = self.backend.post(&letter).await;
                self.must_answer(&answer, &letter).await?;
                let again = self.payment(&next, &platform);
                let accepted = self.backend.post(&again).await;
                self.must_accept(&accepted, &again).await?;
                Ok(Draft::pass(&answer))
            }
            "refund_accepted" => {
                let order = self.order("refund").await?;
                let refund = self.refund_of(&order).await?;
                let payment = self.payment(&order, &platform);
                let answer = self.backend.post(&payment).await;
                self.must_accept(&answer, &payment).await?;
                let body = self.stage.envelope(&notification_id(), Kind::Refund, &refund, "");
                let letter = self.stage.letter(body, &platform, 0);
                let answer = self.backend.post(&letter).await;
                self.must_accept(&answer, &letter).await?;
                Ok(Draft::pass(&answer))
            }
            "refund_before_payment" => {
                let order = self.order("refund_first").await?;
                let refund = self.refund_of(&order).await?;
                let body = self.stage.envelope(&notification_id(), Kind::Refund, &refund, "");
                let mut last = Answer::default();
                for letter in [self.stage.letter(body, &platform, 0), self.payment(&order, &platform)] {
                    last = self.backend.post(&letter).await;
                    self.must_accept(&last, &letter).await?;
                }
                Ok(Draft::pass(&last))
            }
            "no_login_no_redirect" => {
                let order = self.order("no_login").await?;
                let letter = self.payment(&order, &platform);
                let answer = self.backend.post(&letter).await;
                let head = answer.body.trim_start().to_ascii_lowercase();
                let page = answer.content_type.to_ascii_lowercase().contains("text/html")
                    || head.starts_with("<!doctype html")
                    || head.starts_with("<html");
                let sent = self.backend.describe("POST", &letter);
                match answer.status {
                    None => {
                        self.wait_if_down(&answer).await;
                        let body = answer.body.clone();
                        Err(Draft::fail(&answer, body.clone(), body).showing(sent))
                    }
                    Some(300..=399) => Err(Draft::fail(&answer, "answered with a redirect", "应答了跳转").showing(sent)),
                    Some(_) if page && !answer.accepted() => {
                        Err(Draft::fail(&answer, "answered with an HTML page", "应答了一个 HTML 页面").showing(sent))
                    }
                    Some(_) if page && (head.contains("password") || head.contains("login") || head.contains("登录")) => {
                        Err(Draft::fail(&answer, "answered with a login page", "应答了登录页").showing(sent))
                    }
                    Some(_) => Ok(Draft::pass(&answer)),
                }
            }
            "garbage_survived" => {
                let mut last = Answer::default();
                for (what, method, content_type, body) in garbage() {
                    let mut headers = vec![("User-Agent".to_owned(), "Mozilla/4.0".to_owned())];
                    if !content_type.is_empty() {
                        headers.push(("Content-Type".to_owned(), content_type.to_owned()));
                    }
                    let letter = Letter { headers, body };
                    let method = if method == "GET" { reqwest::Method::GET } else { reqwest::Method::POST };
                    last = self.backend.send(method.clone(), &letter).await;
                    if !last.refused() || last.latency >= crate::backend::FIVE_SECONDS {
                        self.wait_if_down(&last).await;
                        let status = last.status.map_or_else(|| last.body.clone(), |s| format!("HTTP {s}"));
                        let sent = self.backend.describe(method.as_str(), &letter);
                        return Err(Draft::fail(&last, format!("{what}: {status}"), format!("{what}：{status}")).showing(sent));
                    }
                }
                self.next_is_accepted("after_garbage").await?;
                Ok(Draft::pass(&last))
            }
            "answers_in_time" => {
                let mut slowest = Answer::default();
                for which in ["time0", "time1", "time2", "time3", "time4"] {
                    let order = self.order(which).await?;
                    for _ in 0..4 {
                        let letter = self.payment(&order, &platform);
                        let answer = self.backend.post(&letter).await;
                        self.must_accept(&answer, &letter).await?;
                        if answer.latency >= slowest.latency {
                            slowest = answer;
                        }
                    }
                }
                let ms = slowest.latency.as_millis();
                if slowest.latency > Duration::from_secs(1) {
                    return Ok(Draft::warn(&slowest, format!("the slowest took {ms} ms"), format!("最慢的用了 {ms} 毫秒")));
                }
                Ok(Draft::pass(&slowest))
            }
            "failure_answer_shape" => {
                let Some(last) = self.refusals.last() else {
                    return Err(Draft::skip("nothing was refused", "没有任何请求被拒绝"));
                };
                match self.refusals.iter().find(|answer| !documented_shape(&answer.body)) {
                    Some(other) => Ok(Draft::warn(other, "a refusal has another body", "有的拒绝应答不是约定格式")),
                    None => Ok(Draft::pass(last)),
                }
            }
            _ => Err(Draft::skip("no such case", "没有这一项")),
        }
    }

    async fn accepted_once(
        &mut self,
        case: &'static str,
        which: &str,
        write: impl Fn(&Exam, &Order) -> Letter,
    ) -> Result<Draft, Draft> {
        let order = self.order(which).await?;
        let letter = write(self, &order);
        let answer = self.backend.post(&letter).await;
        self.must_accept(&answer, &letter).await?;
        self.look(case, &order, Want::PaidOnce);
        Ok(Draft::pass(&answer))
    }

    async fn twice(
        &mut self,
        case: &'static str,
        which: &str,
        write: impl Fn(&Exam, &Order) -> [Letter; 2],
    ) -> Result<Draft, Draft> {
        let order = self.order(which).await?;
        let mut last = Answer::default();
        for letter in write(self, &order) {
            last = self.backend.post(&letter).await;
            self.must_accept(&last, &letter).await?;
        }
        self.look(case, &order, Want::PaidOnce);
        Ok(Draft::pass(&last))
    }

    async fn refused(
        &mut self,
        case: &'static str,
        which: &str,
        what: Text,
        write: impl Fn(&Exam, &Order) -> Vec<Letter>,
    ) -> Result<Draft, Draft> {
        let order = self.order(which).await?;
        let mut last = Answer::default();
        let mut sent = String::new();
        for letter in write(self, &order) {
            last = self.backend.post(&letter).await;
            sent = self.backend.describe("POST", &letter);
            self.must_refuse(&last, &letter, what.clone()).await?;
        }
        self.look(case, &order, Want::NotPaid);
        Ok(Draft::pass(&last).showing(sent))
    }

    async fn must_answer(&mut self, answer: &Answer, letter: &Letter) -> Result<(), Draft> {
        if answer.status.is_some() {
            return Ok(());
        }
        self.wait_if_down(answer).await;
        let sent = self.backend.describe("POST", letter);
        Err(Draft::fail(answer, answer.body.clone(), answer.body.clone()).showing(sent))
    }

    async fn next_is_accepted(&mut self, which: &str) -> Result<(), Draft> {
        let order = self.order(which).await?;
        let letter = self.payment(&order, &self.stage.platform.clone());
        let answer = self.backend.post(&letter).await;
        match self.must_accept(&answer, &letter).await {
            // A stranger's order proves nothing about what came before it.
            Err(draft) if draft.outcome == Outcome::Skip => Ok(()),
            other => other,
        }
    }

    async fn refund_of(&self, order: &Order) -> Result<Value, Draft> {
        self.stage.refund(order).await.map_err(|why| {
            let why = self.backend.mask(&why);
            Draft::skip(format!("no refund could be made: {why}"), format!("没能做成退款：{why}"))
        })
    }

    /// A second platform certificate begins to be listed; one retry 15 s later is granted.
    async fn rotated(&mut self) -> JoinHandle<Draft> {
        let order = self.order("rotated").await;
        let (stage, backend) = (self.stage.clone(), self.backend.clone());
        let prepared = match order {
            Err(draft) => Err(draft),
            Ok(order) => match stage.rotate().await {
                Err(why) => Err(Draft::skip(format!("no second certificate: {why}"), format!("没有第二张证书：{why}"))),
                Ok(hand) => {
                    let first = backend.post(&self.payment(&order, &hand)).await;
                    Ok((order, hand, first))
                }
            },
        };
        tokio::spawn(async move {
            let (order, hand, first) = match prepared {
                Ok(prepared) => prepared,
                Err(draft) => return draft,
            };
            let mut answer = first;
            if !answer.accepted() {
                tokio::time::sleep(RETRY_AFTER).await;
                let body = stage.envelope(&notification_id(), Kind::Payment, &order.transaction, "");
                answer = backend.post(&stage.letter(body, &hand, 0)).await;
            }
            stage.end_rotation(&hand.serial).await;
            if answer.accepted() {
                return Draft::pass(&answer);
            }
            Draft::warn(&answer, "not accepted at once nor 15 s later", "当时没接受，15 秒后重试也没接受")
        })
    }

    /// The payer paid, every callback is lost: does the backend query?
    async fn lost(&mut self, wait: Duration) -> Option<JoinHandle<Draft>> {
        if !self.wanted("lost_callback_recovered") {
            return None;
        }
        let (stage, backend, gate) = (self.stage.clone(), self.backend.clone(), self.probes.clone());
        if !backend.has_probe() || !backend.makes_orders() {
            return Some(tokio::spawn(async {
                Draft::skip("needs --create-order and --probe", "需要 --create-order 与 --probe")
            }));
        }
        let order = self.order("lost").await;
        Some(tokio::spawn(async move {
            let order = match order {
                Ok(order) => order,
                Err(draft) => return draft,
            };
            if let Err(why) = stage.pay(&order.out_trade_no).await {
                return Draft::skip(why.clone(), why);
            }
            let from = Instant::now();
            loop {
                let Ok(turn) = gate.clone().acquire_owned().await else { return Draft::skip("stopped", "已停止") };
                let belief = backend.belief(&order.out_trade_no).await;
                drop(turn);
                let answer = Answer { latency: from.elapsed(), ..Answer::default() };
                match belief {
                    Err(why) => return Draft::skip(why.clone(), why),
                    Ok(belief) if belief.paid => return Draft::pass(&answer),
                    Ok(_) if from.elapsed() >= wait => {
                        let s = wait.as_secs();
                        return Draft::warn(
                            &answer,
                            format!("not found by querying within {s} s"),
                            format!("{s} 秒内没有通过查单发现"),
                        );
                    }
                    Ok(_) => tokio::time::sleep(Duration::from_millis(500)).await,
                }
            }
        }))
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
        Text::new(format!("Seen: {}. {}", draft.seen.en, case.why_en), format!("所见：{}。{}", draft.seen.zh, case.why_zh))
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

fn set(value: &mut Value, pointer: &str, to: Value) {
    if let Some(place) = value.pointer_mut(pointer) {
        *place = to;
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02X}")).collect()
}

fn documented_shape(body: &str) -> bool {
    serde_json::from_str::<Value>(body).is_ok_and(|value| {
        value.get("code").and_then(Value::as_str) == Some("FAIL") && value.get("message").is_some_and(Value::is_string)
    })
}

/// Changes the ciphertext where the plaintext has the amount: a library that does not finish the decryption would show
/// another amount as valid, the ones that do refuse it.
fn flip_ciphertext(envelope: &mut Value, order: &Order) {
    let plaintext = order.transaction.to_string();
    let at = plaintext.find("trade_state_desc").unwrap_or(8);
    let Some(text) = envelope.pointer("/resource/ciphertext").and_then(Value::as_str) else { return };
    let mut characters: Vec<char> = text.chars().collect();
    // Four base64 characters hold three bytes: the group in which that byte lies.
    if let Some(c) = characters.get_mut(at / 3 * 4 + 1) {
        *c = if *c == 'A' { 'B' } else { 'A' };
    }
    let changed: String = characters.into_iter().collect();
    set(envelope, "/resource/ciphertext", json!(changed));
}

/// The same notification as somebody else's JSON writer would spell it: spacing, `\/`, `\u` escapes, other key order.
fn unusual_spelling(stage: &Stage, order: &Order) -> Vec<u8> {
    let envelope = stage.envelope_of(&notification_id(), Kind::Payment, order.transaction.to_string().as_bytes(), "");
    let text = |pointer: &str| {
        let raw = envelope.pointer(pointer).cloned().unwrap_or(Value::Null).to_string();
        raw.replace('/', "\\/")
    };
    format!(
        "{{ \"resource\" : {{\"nonce\":{},\n\t\"associated_data\" :{}, \"ciphertext\": {},\"algorithm\":{},  \"original_type\":{} }},\r\n \"summary\":\"\\u652f\\u4ed8成功\", \"event_type\" : {},\"resource_type\":{}, \"create_time\":{},\"id\":{}  }}",
        text("/resource/nonce"),
        text("/resource/associated_data"),
        text("/resource/ciphertext"),
        text("/resource/algorithm"),
        text("/resource/original_type"),
        text("/event_type"),
        text("/resource_type"),
        text("/create_time"),
        text("/id")
    )
    .into_bytes()
}
