//! The backend under examination: sending to it, waiting for it to come back, and asking what it thinks of an order.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::early;
use crate::hook::Hook;
use crate::report::Got;
use crate::stage::Letter;

/// How long WeChat Pay waits for an answer.
pub(crate) const FIVE_SECONDS: Duration = Duration::from_secs(5);
/// Longer than WeChat Pay waits, so that a late answer can be told from none.
const PATIENCE: Duration = Duration::from_secs(8);

/// What the probe prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Belief {
    pub(crate) paid: bool,
    /// How often the payment was applied; a probe that does not count is not held to it.
    #[serde(default)]
    pub(crate) times_applied: Option<u32>,
}

/// One answer of the backend.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: Option<u16>,
    pub(crate) latency: Duration,
    pub(crate) content_type: String,
    pub(crate) body: String,
    /// No answer, and it was not for want of time: the connection broke, or there was none.
    pub(crate) broke: bool,
}

impl Answer {
    /// 200 or 204 within five seconds: what ends WeChat Pay's ladder.
    pub(crate) fn accepted(&self) -> bool {
        matches!(self.status, Some(200 | 204)) && self.latency < FIVE_SECONDS
    }

    /// 4xx or 5xx.
    pub(crate) fn refused(&self) -> bool {
        matches!(self.status, Some(400..=599))
    }

    pub(crate) fn got(&self) -> Got {
        Got {
            status: self.status,
            latency_ms: u64::try_from(self.latency.as_millis()).unwrap_or(u64::MAX),
            body: self.body.clone(),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) url: url::Url,
    http: reqwest::Client,
    hooks: Arc<Hooks>,
    secrets: Arc<Mutex<BTreeSet<String>>>,
}

/// The commands that make the backend do something, or say what it thinks.
pub(crate) struct Hooks {
    pub(crate) create_order: Option<Hook>,
    pub(crate) probe: Option<Hook>,
    pub(crate) refund: Option<Hook>,
    pub(crate) pay_params: Option<Hook>,
}

impl Backend {
    pub(crate) fn new(url: url::Url, hooks: Hooks, secrets: Vec<String>) -> Result<Backend, reqwest::Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .pool_max_idle_per_host(0)
            .build()?;
        let backend = Backend { url, http, hooks: Arc::new(hooks), secrets: Arc::default() };
        for secret in &secrets {
            backend.keep_secret(secret);
        }
        Ok(backend)
    }

    pub(crate) fn has_probe(&self) -> bool {
        self.hooks.probe.is_some()
    }

    pub(crate) fn makes_orders(&self) -> bool {
        self.hooks.create_order.is_some()
    }

    pub(crate) fn refunds(&self) -> bool {
        self.hooks.refund.is_some()
    }

    /// From now on this is masked in whatever the backend says.
    pub(crate) fn keep_secret(&self, secret: &str) {
        // What is short would mask words that are no secret.
        if secret.len() >= 8 {
            self.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.to_owned());
        }
    }

    /// Replaces every secret, wherever the backend echoed it.
    pub(crate) fn mask(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        while let Some(from) = text.find("-----BEGIN") {
            let to = text.get(from..).and_then(|rest| rest.find("-----END").map(|at| from + at));
            let end = to.and_then(|at| text.get(at + 8..).and_then(|rest| rest.find("-----").map(|n| at + 8 + n + 5)));
            text.replace_range(from..end.unwrap_or(text.len()), "***");
        }
        text
    }

    /// The request as text for the report, its body cut after 2 KiB.
    pub(crate) fn describe(&self, method: &str, letter: &Letter) -> String {
        let mut out = format!("{method} {}\n", self.url);
        for (name, value) in &letter.headers {
            out.push_str(&format!("{name}: {value}\n"));
        }
        let body: String = String::from_utf8_lossy(&letter.body).chars().take(2048).collect();
        self.mask(&format!("{out}\n{body}"))
    }

    pub(crate) async fn post(&self, letter: &Letter) -> Answer {
        self.send(reqwest::Method::POST, letter).await
    }

    pub(crate) async fn send(&self, method: reqwest::Method, letter: &Letter) -> Answer {
        let mut request = self.http.request(method, self.url.clone()).body(letter.body.clone());
        for (name, value) in &letter.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let from = Instant::now();
        let answered = async {
            let mut answer = request.send().await?;
            let status = answer.status().as_u16();
            let content_type =
                answer.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
            let mut body = Vec::new();
            while body.len() < 64 * 1024 {
                match answer.chunk().await? {
                    Some(chunk) => body.extend_from_slice(&chunk),
                    None => break,
                }
            }
            Ok::<_, reqwest::Error>((status, content_type, body))
        };
        match answered.await {
            Ok((status, content_type, body)) => {
                let latency = from.elapsed();
                let text: String = self.mask(&String::from_utf8_lossy(&body)).chars().take(2048).collect();
                Answer { status: Some(status), latency, content_type, body: text, broke: false }
            }
            Err(error) if early::is_possible(&error, &self.url, letter) => {
                // Who refuses a large body before it is whole closes the connection on the sender: was there an answer?
                match early::send(&self.url, letter, PATIENCE).await {
                    Some(mut answer) => {
                        answer.body = self.mask(&answer.body).chars().take(2048).collect();
                        answer
                    }
                    None => Answer {
                        latency: from.elapsed(),
                        body: "the connection broke".to_owned(),
                        broke: true,
                        ..Answer::default()
                    },
                }
            }
            Err(error) => {
                let error_timed_out = error.is_timeout();
                let what = if error_timed_out {
                    "no answer within 8 s".to_owned()
                } else if error.is_connect() {
                    "the connection was refused: is the backend still running?".to_owned()
                } else {
                    format!("the connection broke: {}", self.mask(&error.without_url().to_string()))
                };
                Answer {
                    status: None,
                    latency: from.elapsed(),
                    body: what,
                    broke: !error_timed_out,
                    ..Answer::default()
                }
            }
        }
    }

    /// Can a connection be made? Waits up to `limit` for a backend that is restarting.
    pub(crate) async fn reachable(&self, limit: Duration) -> bool {
        let Some(host) = self.url.host_str() else { return false };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = self.url.port_or_known_default().unwrap_or(80);
        let until = Instant::now() + limit;
        loop {
            if tokio::net::TcpStream::connect((host.as_str(), port)).await.is_ok() {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// `--create-order`: the last line that it prints is the number.
    pub(crate) async fn create_order(&self) -> Result<String, String> {
        let printed = self.hooked("--create-order", self.hooks.create_order.as_ref(), None).await?;
        let number = printed.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned();
        if number.is_empty() {
            return Err("--create-order printed no out_trade_no".into());
        }
        Ok(number)
    }

    /// `--probe`: what does the backend think of this order.
    pub(crate) async fn belief(&self, out_trade_no: &str) -> Result<Belief, String> {
        let printed = self.hooked("--probe", self.hooks.probe.as_ref(), Some(out_trade_no)).await?;
        let line = printed.lines().rev().map(str::trim).find(|line| line.starts_with('{')).unwrap_or_default();
        serde_json::from_str(printed.trim())
            .or_else(|_| serde_json::from_str(line))
            .map_err(|e| format!("--probe printed no {{\"paid\":BOOL,\"times_applied\":N}}: {e}"))
    }

    /// `--refund`: the backend refunds this order. `None`: there is no such command.
    pub(crate) async fn refund(&self, out_trade_no: &str) -> Option<Result<String, String>> {
        let hook = self.hooks.refund.as_ref()?;
        Some(self.hooked("--refund", Some(hook), Some(out_trade_no)).await)
    }

    /// `--pay-params`: what the backend gives its front end for this order. `None`: there is no such command.
    pub(crate) async fn pay_params(&self, out_trade_no: &str) -> Option<Result<String, String>> {
        let hook = self.hooks.pay_params.as_ref()?;
        Some(self.hooked("--pay-params", Some(hook), Some(out_trade_no)).await)
    }

    async fn hooked(&self, name: &str, hook: Option<&Hook>, out_trade_no: Option<&str>) -> Result<String, String> {
        let Some(hook) = hook else { return Err(format!("no {name}")) };
        hook.run(out_trade_no).await.map_err(|e| format!("{name}: {}", self.mask(&e)))
    }
}
