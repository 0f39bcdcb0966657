//! One attempt: sign, send, read the answer whole. Bytes in, bytes out; what to believe and whether to try again is
//! decided in `gateway`.

use super::record::ExchangeRecord;
use crate::merchants::Profile;
use crate::outside::Outside;
use reqwest::{Client, Method, redirect};
use std::error::Error;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use wechatpay::api::{Answer, Request};
use wechatpay::time::Timestamp;

/// Bytes of a JSON answer at most.
pub(super) const ANSWER: usize = 4 * 1024 * 1024;
/// Bytes of a file (a bill) at most.
pub(super) const FILE: usize = 64 * 1024 * 1024;
/// "No skew known yet" in the atomic.
const UNKNOWN: i64 = i64::MIN;
const USER_AGENT: &str = concat!("Guitai/", env!("CARGO_PKG_VERSION"), " (", env!("CARGO_PKG_NAME"), ")");

/// How patient a call is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Until a connection stands.
    pub(crate) connect: Duration,
    /// Until one attempt's answer is whole.
    pub(crate) attempt: Duration,
    /// No attempt begins later than this after the first.
    pub(crate) budget: Duration,
    /// Attempts in all.
    pub(crate) attempts: u32,
    /// The first pause between attempts; it doubles, and each is jittered by half.
    pub(crate) pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(5),
            attempt: Duration::from_secs(8),
            budget: Duration::from_secs(12),
            attempts: 4,
            pause: Duration::from_millis(400),
        }
    }
}

/// What is sent where, for whom.
pub(crate) struct Sending<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) request: &'a Request,
    pub(crate) base_url: &'a str,
    /// Sign it with the merchant's key (all calls but the login).
    pub(crate) sign: bool,
}

/// Why no whole answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lost {
    /// No connection: nothing was sent.
    NotConnected(String),
    /// Nothing, or not all of it, within the time.
    Timeout(u64),
    /// The connection ended before the answer was whole.
    Cut(String),
    /// More bytes than allowed.
    TooLarge(usize),
    /// It can't even be built.
    BadRequest(String),
}

/// Sends. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Transport {
    inner: Arc<Inner>,
}

struct Inner {
    outside: Outside,
    patience: Patience,
    /// For this machine: proxies are ignored, and no root certificates are looked for.
    near: OnceLock<Result<Client, String>>,
    /// For the internet: proxies of the environment and the system are honoured.
    far: OnceLock<Result<Client, String>>,
    skew_ms: AtomicI64,
}

impl Transport {
    pub(crate) fn new(outside: Outside, patience: Patience) -> Self {
        let inner =
            Inner { outside, patience, near: OnceLock::new(), far: OnceLock::new(), skew_ms: AtomicI64::new(UNKNOWN) };
        Transport { inner: Arc::new(inner) }
    }

    pub(crate) fn outside(&self) -> &Outside {
        &self.inner.outside
    }

    pub(crate) fn patience(&self) -> Patience {
        self.inner.patience
    }

    /// How far this machine's clock is ahead of the gateway's, by its last `Date`; exact to about a second.
    pub(crate) fn clock_skew_ms(&self) -> Option<i64> {
        Some(self.inner.skew_ms.load(Ordering::Relaxed)).filter(|skew| *skew != UNKNOWN)
    }

    /// One attempt with a fresh time stamp, nonce and signature over the same bytes.
    pub(crate) async fn exchange(&self, sending: &Sending<'_>) -> (ExchangeRecord, Result<Answer, Lost>) {
        let (request, outside) = (sending.request, &self.inner.outside);
        let at = outside.now();
        let signed = sending.sign.then(|| {
            let signer = &sending.profile.signer;
            signer.authorization(request.method, &request.target, &request.body, at.as_second(), &outside.nonce())
        });
        let headers = headers(sending, signed.as_ref().map(|signed| signed.authorization.clone()));
        let mut record = ExchangeRecord::sent(sending, at, headers.clone(), signed.as_ref());
        let began = Instant::now();
        let result = self.carry(sending, &headers).await;
        record.latency_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        match &result {
            Ok(answer) => {
                record.answered(answer, request);
                self.note_clock(at, answer);
            }
            Err(lost) => record.code = Some(lost.code().to_owned()),
        }
        (record, result)
    }

    async fn carry(&self, sending: &Sending<'_>, headers: &[(String, String)]) -> Result<Answer, Lost> {
        let request = sending.request;
        let url = format!("{}{}", sending.base_url, request.target);
        let url = reqwest::Url::parse(&url).map_err(|error| Lost::BadRequest(error.to_string()))?;
        // what is signed must be what is sent: an address that would be rewritten on its way is not sent at all
        let rewritten = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        if rewritten != request.target {
            return Err(Lost::BadRequest("the path would change on its way".to_owned()));
        }
        let client = self.client(&url)?;
        let method =
            Method::from_bytes(request.method.as_bytes()).map_err(|error| Lost::BadRequest(error.to_string()))?;
        let whole = self.inner.patience.attempt;
        // a bill may be a hundred times as long as an answer
        let whole = if request.purpose == "bill_download" { whole.saturating_mul(8) } else { whole };
        let mut building = client.request(method, url).timeout(whole);
        for (name, value) in headers {
            building = building.header(name, value);
        }
        if !request.body.is_empty() {
            building = building.body(request.body.clone());
        }
        let mut response = building.send().await.map_err(|error| self.lost(error))?;
        let status = response.status().as_u16();
        let received = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let headers: Vec<_> = received.collect();
        let limit = if request.wants_signature { ANSWER } else { FILE };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.lost(error))? {
            if body.len().saturating_add(chunk.len()) > limit {
                return Err(Lost::TooLarge(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }

    fn client(&self, url: &reqwest::Url) -> Result<&Client, Lost> {
        let near = is_loopback(url);
        let place = if near { &self.inner.near } else { &self.inner.far };
        let patience = self.inner.patience;
        let made = place.get_or_init(|| {
            let building = Client::builder()
                .redirect(redirect::Policy::none())
                .referer(false)
                .gzip(false)
                .http1_only()
                .connect_timeout(patience.connect)
                .pool_idle_timeout(Duration::from_secs(20))
                .pool_max_idle_per_host(8);
            let building = if near { building.no_proxy().tls_certs_only([]) } else { building };
            building.build().map_err(words)
        });
        made.as_ref().map_err(|reason| Lost::NotConnected(reason.clone()))
    }

    fn lost(&self, error: reqwest::Error) -> Lost {
        if error.is_builder() {
            Lost::BadRequest(words(error))
        } else if error.is_connect() {
            Lost::NotConnected(words(error))
        } else if error.is_timeout() {
            Lost::Timeout(self.inner.patience.attempt.as_secs())
        } else {
            Lost::Cut(words(error))
        }
    }

    fn note_clock(&self, sent: Timestamp, answer: &Answer) {
        let Some(theirs) = answer.header("Date").and_then(http_date) else { return };
        let ours = self.inner.outside.now();
        let middle = (sent.as_millisecond().saturating_add(ours.as_millisecond())) / 2;
        // `Date` drops the fraction of its second
        let skew = middle.saturating_sub(theirs.as_millisecond().saturating_add(500));
        self.inner.skew_ms.store(skew, Ordering::Relaxed);
    }
}

impl Lost {
    fn code(&self) -> &'static str {
        match self {
            Lost::NotConnected(_) => "GATEWAY_UNREACHABLE",
            Lost::Timeout(_) => "TIMEOUT",
            Lost::Cut(_) => "ANSWER_CUT",
            Lost::TooLarge(_) => "ANSWER_TOO_LARGE",
            Lost::BadRequest(_) => "REQUEST_NOT_SENDABLE",
        }
    }
}

/// Everything that goes out, in order; Host and Content-Length are added here so that the record shows them.
fn headers(sending: &Sending<'_>, authorization: Option<String>) -> Vec<(String, String)> {
    let request = sending.request;
    let host = sending.base_url.split_once("://").map_or(sending.base_url, |(_, host)| host);
    let mut all = vec![
        ("Host".to_owned(), host.to_owned()),
        ("Accept".to_owned(), if request.purpose == "bill_download" { "*/*" } else { "application/json" }.to_owned()),
        ("User-Agent".to_owned(), USER_AGENT.to_owned()),
    ];
    if !request.body.is_empty() {
        all.push(("Content-Type".to_owned(), "application/json".to_owned()));
        all.push(("Content-Length".to_owned(), request.body.len().to_string()));
    }
    if sending.sign {
        // names the key that sensitive fields are encrypted for; in public-key mode and during the migration also the
        // key that the answer shall be signed with (reference 1.6)
        let public_key = sending.profile.public_key_id.as_ref().map(|id| id.as_str().to_owned());
        if let Some(serial) = request.encrypted_for.clone().or(public_key) {
            all.push(("Wechatpay-Serial".to_owned(), serial));
        }
    }
    if let Some(authorization) = authorization {
        all.push(("Authorization".to_owned(), authorization));
    }
    all
}

/// Is it this machine, by a name or an address that can be nothing else?
pub(crate) fn is_loopback(url: &reqwest::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The error with its causes and without the URL, which may hold a secret.
pub(crate) fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    crate::visible(&text, 300)
}

/// `Tue, 24 Nov 2026 10:00:00 GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_answers() {
        assert_eq!(http_date("Fri, 08 Jun 2018 02:34:56 GMT").map(|at| at.as_second()), Some(1_528_425_296));
        assert_eq!(http_date("yesterday"), None);
    }

    #[test]
    fn proxies_are_for_the_internet() {
        for (url, near) in [
            ("http://127.0.0.1:1/", true),
            ("http://127.8.8.8/", true),
            ("http://[::1]:1/", true),
            ("http://localhost/", true),
            ("https://api.mch.weixin.qq.com/", false),
            ("http://127.0.0.1.example.com/", false),
            ("http://192.168.0.1/", false),
        ] {
            assert_eq!(is_loopback(&reqwest::Url::parse(url).expect("a URL")), near, "{url}");
        }
    }
}
