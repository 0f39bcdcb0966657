//! The proof that a public address leads to this desk: a request from outside in with a nonce that only we know, and what
//! became of it. The same request tells a `notify_url` that never arrives from one that arrives and is refused.
//!
//! The nonce is kept in the store, so the listener may be in another process than the tunnel. What a stranger sends is
//! compared with it and nothing more; the answer shows a digest, so an echo proves nothing.

use crate::console::Console;
use crate::gateway;
use crate::problem::both;
use crate::visible;
use crate::wire::{Bilingual, Problem};
use reqwest::{Certificate, Client, redirect};
use serde::Serialize;
use sha2::{Digest, Sha256};
use specta::Type;
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;
use wechatpay::error::FieldError;
use wechatpay::ids::NotifyUrl;

/// The header that carries the nonce.
pub(crate) const PROBE: &str = "X-Guitai-Probe";
/// Where the nonce is kept while it is good, with the second in which it ends.
const KEPT: &str = "tunnel.probe";
/// Seconds for which a nonce is good.
const GOOD_FOR: i64 = 120;
/// WeChat Pay waits five seconds for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are looked at.
const LOOKED_AT: usize = 4_096;

/// What is wrong with a `notify_url`, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
pub struct NotifyUrlReport {
    /// What was looked at.
    pub notify_url: String,
    /// Did the request come back from this desk's own listener?
    pub proved: bool,
    /// From sending to the answer, in milliseconds; `None`: nothing came back.
    pub latency_ms: Option<u32>,
    /// What came back.
    pub status: Option<u16>,
    /// Empty: nothing is wrong.
    pub findings: Vec<NotifyUrlFinding>,
}

/// One thing that is wrong with a `notify_url`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
pub struct NotifyUrlFinding {
    /// `https`, `full_path`, `no_query`, `charset`, … (its text); `never_arrived`, `redirect`, `login_page`, `nobody_listens`,
    /// `refused`, `other_program`, `slow`.
    pub rule: String,
    /// What is wrong.
    pub message: Bilingual,
    /// What to do.
    pub fix: Bilingual,
}

/// What came back from a `notify_url`.
#[derive(Debug)]
enum Outcome {
    /// Our own listener, which knew the nonce.
    Ours,
    /// No connection, or no whole answer.
    Nothing(String),
    Answered {
        status: u16,
        html: bool,
        location: bool,
        ours: bool,
    },
}

impl Console {
    /// Judges a `notify_url` as WeChat Pay would use it: its text, then a request to it that proves whether it leads to
    /// this desk's listener. `url`: the merchant's own where none is given. `ca_certificate`: a PEM root to trust too.
    ///
    /// # Errors
    /// `MERCHANT_NOT_FOUND`; `NO_NOTIFY_URL` where the merchant has none; `INVALID_FIELD` for a root that is none; the store's.
    pub async fn notify_url_check(
        &self,
        m: Option<&str>,
        url: Option<&str>,
        ca_certificate: Option<&str>,
    ) -> Result<NotifyUrlReport, Problem> {
        let merchant = self.merchant_show(m).await?;
        let Some(url) = url.map(str::to_owned).or(merchant.notify_url) else {
            return Err(crate::problem::new(
                "NO_NOTIFY_URL",
                "这个商户没有 notify_url。",
                "This merchant has no notify_url.",
                "用 --url 给出地址，或先启动隧道。",
                "Give one with --url, or start a tunnel.",
            ));
        };
        let mut findings: Vec<_> = lint(&url).into_iter().collect();
        let mut report = NotifyUrlReport {
            notify_url: url.clone(),
            proved: false,
            latency_ms: None,
            status: None,
            findings: Vec::new(),
        };
        // an address that nothing can connect to is not asked
        if NotifyUrl::parse_for_sandbox(url.trim()).is_ok() {
            let began = Instant::now();
            let outcome = self.knock(url.trim(), ca_certificate).await?;
            let elapsed = began.elapsed();
            report.proved = matches!(outcome, Outcome::Ours);
            report.status = match &outcome {
                Outcome::Ours => Some(200),
                Outcome::Answered { status, .. } => Some(*status),
                Outcome::Nothing(_) => None,
            };
            report.latency_ms = report.status.map(|_| u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX));
            findings.extend(judged(&outcome));
            if elapsed > Duration::from_secs(1) && report.proved {
                findings.push(slow(elapsed));
            }
        }
        report.findings = findings;
        Ok(report)
    }

    async fn knock(&self, url: &str, ca_certificate: Option<&str>) -> Result<Outcome, Problem> {
        let nonce = self.desk.outside.nonce();
        let until = self.desk.outside.now().as_second().saturating_add(GOOD_FOR);
        let kept = format!("{until} {nonce}");
        self.desk.store.write(move |tx| tx.setting_set(KEPT, Some(&kept))).await?;
        let mut building = Client::builder()
            .redirect(redirect::Policy::none())
            .referer(false)
            .gzip(false)
            .http1_only()
            .timeout(PATIENCE)
            .pool_max_idle_per_host(0);
        let near = url::Url::parse(url).is_ok_and(|url| gateway::is_loopback(&url));
        if near {
            building = building.no_proxy();
        }
        if let Some(pem) = ca_certificate {
            let root = Certificate::from_pem(pem.as_bytes()).map_err(|error| {
                FieldError::new(
                    "ca_certificate",
                    "pem",
                    &error.to_string(),
                    "must be a PEM certificate",
                    "须为 PEM 证书",
                )
            })?;
            building = building.tls_certs_merge([root]);
        }
        let client = match building.build() {
            Ok(client) => client,
            Err(error) => return Ok(Outcome::Nothing(words(error))),
        };
        let answer =
            client.post(url).header(PROBE, &nonce).header("Content-Type", "application/json").body("{}").send();
        let mut answer = match answer.await {
            Ok(answer) => answer,
            Err(error) => return Ok(Outcome::Nothing(words(error))),
        };
        let status = answer.status().as_u16();
        let header = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase()
        };
        let (html, location) = (header("content-type").contains("html"), !header("location").is_empty());
        let mut body = Vec::new();
        while body.len() < LOOKED_AT {
            match answer.chunk().await {
                Ok(Some(chunk)) => body.extend(chunk.iter().take(LOOKED_AT)),
                Ok(None) => break,
                Err(error) => return Ok(Outcome::Nothing(words(error))),
            }
        }
        let body = String::from_utf8_lossy(&body);
        if status == 200 && body.trim() == proof_of(&nonce) {
            return Ok(Outcome::Ours);
        }
        let html = html || body.trim_start().to_ascii_lowercase().starts_with("<!doctype html");
        let ours = body.contains(r#""code":"FAIL""#);
        Ok(Outcome::Answered { status, html, location, ours })
    }

    /// The answer to a request that carries a nonce: the proof, where the nonce is the one that is out.
    pub(crate) async fn probe_answer(&self, sent: &str) -> Option<String> {
        let kept = self.desk.store.read(|view| view.settings()).await.ok()?;
        let (_, kept) = kept.into_iter().find(|(key, _)| key == KEPT)?;
        let (until, nonce) = kept.split_once(' ')?;
        let fresh = until.parse::<i64>().ok()? >= self.desk.outside.now().as_second();
        let same = bool::from(nonce.as_bytes().ct_eq(sent.as_bytes()));
        (fresh && same).then(|| proof_of(nonce))
    }
}

fn proof_of(nonce: &str) -> String {
    Sha256::digest(format!("guitai {nonce}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the text alone shows. Blanks around it are the commonest paste.
fn lint(url: &str) -> Option<NotifyUrlFinding> {
    let fix = both(
        "填写以 https:// 开头、含完整路径、不带参数的公网地址。",
        "Use a public address that begins with https://, with its full path and no query.",
    );
    let error = NotifyUrl::parse(url).err()?;
    Some(NotifyUrlFinding {
        message: both(format!("notify_url {}", error.zh), format!("notify_url {}", error.en)),
        rule: error.rule.to_owned(),
        fix,
    })
}

fn judged(outcome: &Outcome) -> Option<NotifyUrlFinding> {
    let (rule, message, fix) = match outcome {
        Outcome::Ours => return None,
        Outcome::Nothing(reason) => {
            let reason = visible(reason, 200);
            (
                "never_arrived",
                both(format!("请求没有到达：{reason}"), format!("The request never arrived: {reason}")),
                both(
                    "检查域名解析、证书、防火墙，以及隧道程序是否在运行。",
                    "Check the name's resolution, the certificate, the firewall, and that the tunnel program runs.",
                ),
            )
        }
        Outcome::Answered { status, location: true, .. } if (300..400).contains(status) => (
            "redirect",
            both(
                format!("地址跳转了（{status}），微信支付不跟随跳转。"),
                format!("It redirects ({status}); WeChat Pay doesn't follow."),
            ),
            both("填写跳转后的最终地址。", "Use the address that it redirects to."),
        ),
        Outcome::Answered { html: true, status, .. } if !matches!(status, 404 | 500..=599) => (
            "login_page",
            both(
                format!("返回的是网页（{status}）：可能是登录页或隧道的提示页。"),
                format!("A web page came back ({status}): a login or the tunnel's interstitial."),
            ),
            both(
                "让回调路径不经登录，或关闭隧道的提示页。",
                "Let the path through without a login, or turn the interstitial off.",
            ),
        ),
        Outcome::Answered { status: 502..=504, .. } => (
            "nobody_listens",
            both("隧道通了，但这一端没有程序在监听。", "The tunnel stands, but nothing listens at this end."),
            both("启动 guitai listen，并确认端口一致。", "Start guitai listen, and compare the ports."),
        ),
        Outcome::Answered { ours: true, status, .. } => (
            "refused",
            both(
                format!("请求到达了一个柜台监听，但被拒绝（{status}）：它用的是另一个数据目录。"),
                format!("It arrived at a Guitai listener and was refused ({status}): one with another data folder."),
            ),
            both("用同一个数据目录启动监听和隧道。", "Run listener and tunnel on one data folder."),
        ),
        Outcome::Answered { status, .. } => (
            "other_program",
            both(
                format!("请求到达了，但回答（{status}）不是本柜台的监听。"),
                format!("It arrived, but what answered ({status}) is not this desk's listener."),
            ),
            both("核对路径 /notify/商户名 和端口。", "Check the path /notify/MERCHANT and the port."),
        ),
    };
    Some(NotifyUrlFinding { rule: rule.to_owned(), message, fix })
}

fn slow(elapsed: Duration) -> NotifyUrlFinding {
    let millis = elapsed.as_millis();
    NotifyUrlFinding {
        rule: "slow".to_owned(),
        message: both(format!("来回用了 {millis} 毫秒。"), format!("The way there and back took {millis} ms.")),
        fix: both("微信支付只等 5 秒；换一个更近的隧道节点。", "WeChat Pay waits five seconds; use a nearer tunnel."),
    }
}

/// The error with its causes.
fn words(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no whole answer within {} s", PATIENCE.as_secs());
    }
    gateway::words(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_says() {
        let answered = |status, html, location, ours| Outcome::Answered { status, html, location, ours };
        for (outcome, rule) in [
            (Outcome::Ours, None),
            (Outcome::Nothing("connection refused".into()), Some("never_arrived")),
            (answered(302, false, true, false), Some("redirect")),
            (answered(302, true, true, false), Some("redirect")),
            (answered(200, true, false, false), Some("login_page")),
            (answered(401, true, false, false), Some("login_page")),
            (answered(404, true, false, false), Some("other_program")),
            (answered(502, true, false, false), Some("nobody_listens")),
            (answered(400, false, false, true), Some("refused")),
            (answered(200, false, false, false), Some("other_program")),
            (answered(404, false, false, false), Some("other_program")),
        ] {
            assert_eq!(judged(&outcome).map(|finding| finding.rule).as_deref(), rule, "{outcome:?}");
        }
    }

    #[test]
    fn what_the_text_says() {
        for (url, rule) in [
            ("https://pay.shop.example/notify/shop", None),
            (" https://pay.shop.example/notify/shop", Some("charset")),
            ("http://pay.shop.example/notify/shop", Some("https")),
            ("https://pay.shop.example", Some("full_path")),
            ("https://pay.shop.example/notify?a=1", Some("no_query")),
            ("https://192.168.1.2/notify", Some("public_host")),
        ] {
            assert_eq!(lint(url).map(|finding| finding.rule).as_deref(), rule, "{url:?}");
        }
    }
}
