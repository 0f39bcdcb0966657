//! Carries notifications: signs each attempt anew, sends it, notes what came back; the ladder's steps by business time,
//! attempts on demand outside of it. The only place of this crate that opens a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wechatpay::keys::ApiV3Key;
use wechatpay::sign::SCHEME;
use wechatpay::{message, seal};

use crate::answer::{sign, sign_wrongly};
use crate::clock::{self, Clock};
use crate::faults::{RedeliverFault, chance};
use crate::gateway::SignWith;
use crate::ledger::{Attempt, Notice};
use crate::office::Office;
use crate::reach::{is_off_limits, names_off_limits};
use crate::switches::{KeyMode, Switches};

/// A merchant has this long to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of an answer's body this much is read; nothing in it counts.
const MOST_READ: usize = 64 * 1024;
/// Deliveries at once.
const HANDS: usize = 64;
/// Nothing due: look again after this long all the same.
const LONG: Duration = Duration::from_secs(3_600);
/// A late attempt on demand waits this long.
const LATE_ON_DEMAND: Duration = Duration::from_secs(2);
/// A stale attempt is signed this long ago.
const STALE_SECONDS: i64 = 600;

/// Why an attempt was not sent.
const OFF_LIMITS: &str = "the notify_url is at a link-local, cloud-internal or impossible address";

/// Looks a name up and refuses it whole if any of its addresses is off limits. The client connects to what this hands out,
/// so that a name can't be one address when it is judged and another when it is connected to.
struct Judging;

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            judged(found)
        })
    }
}

fn judged(found: Vec<SocketAddr>) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
    if found.iter().any(|address| is_off_limits(address.ip())) {
        return Err(OFF_LIMITS.into());
    }
    Ok(Box::new(found.into_iter()))
}

/// The two ways out: loopback ignores proxy variables, the internet honours them.
#[derive(Clone)]
pub(crate) struct Postman {
    near: reqwest::Client,
    far: reqwest::Client,
}

impl Postman {
    /// # Errors
    /// The TLS library has no roots or no random source.
    pub(crate) fn new() -> Result<Postman, String> {
        let build = |builder: reqwest::ClientBuilder| {
            builder
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(PATIENCE)
                .timeout(PATIENCE)
                .http1_only()
                .dns_resolver(Arc::new(Judging))
                .http1_title_case_headers()
                // The real ones have no Accept-Encoding.
                .no_gzip()
                .no_brotli()
                .no_deflate()
                // A kept connection that the merchant closes at that moment would look like a failed delivery.
                .pool_max_idle_per_host(0)
                .build()
                .map_err(|e| e.to_string())
        };
        Ok(Postman { near: build(reqwest::Client::builder().no_proxy())?, far: build(reqwest::Client::builder())? })
    }

    /// Delivers what falls due, until it is dropped.
    pub(crate) async fn work(self, office: Arc<Office>) {
        let hands = Arc::new(Semaphore::new(HANDS));
        let mut deliveries = JoinSet::new();
        loop {
            let (due, next, commit) = office.fall_due();
            // What was settled may not be told before it is kept.
            if commit.wait().await.is_err() {
                tracing::error!("the sandbox's store keeps nothing; notifications go out all the same");
            }
            for (at, notice) in due {
                let Ok(hand) = hands.clone().acquire_owned().await else { return };
                // Here and not in the task: the next so many are the next so many that fall due.
                let Some(fault) = office.strike_callback(&notice, at) else { continue };
                let (office, postman) = (office.clone(), self.clone());
                deliveries.spawn(async move {
                    let (mut attempt, more) = postman.attempt(&office, &notice, fault).await;
                    attempt.at = at;
                    let _ = office.end_attempt(&notice.id, attempt, more, at).wait().await;
                    drop(hand);
                });
            }
            while deliveries.try_join_next().is_some() {}
            let wait = next.and_then(|at| office.clock.until(at)).unwrap_or(LONG).min(LONG);
            tokio::select! {
                () = office.bell.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One attempt outside the ladder; `duplicate` and `repeated` make two. All are on record when this returns.
    pub(crate) async fn redeliver(&self, office: &Office, notice: &Notice, fault: Option<RedeliverFault>) -> Attempt {
        if fault == Some(RedeliverFault::Late) {
            tokio::time::sleep(LATE_ON_DEMAND).await;
        }
        let (first, more) = self.attempt(office, notice, fault).await;
        for attempt in std::iter::once(first.clone()).chain(more) {
            let _ = office.note_attempt(&notice.id, attempt).wait().await;
        }
        first
    }

    /// An attempt, and the one that a fault makes besides.
    async fn attempt(
        &self,
        office: &Office,
        notice: &Notice,
        fault: Option<RedeliverFault>,
    ) -> (Attempt, Option<Attempt>) {
        let first = self.deliver(office, notice, fault);
        match fault {
            Some(RedeliverFault::Duplicate) => {
                let (first, second) = tokio::join!(first, self.deliver(office, notice, fault));
                (first, Some(second))
            }
            Some(RedeliverFault::Repeated) => {
                let first = first.await;
                (first, Some(self.deliver(office, notice, fault).await))
            }
            _ => (first.await, None),
        }
    }

    async fn deliver(&self, office: &Office, notice: &Notice, fault: Option<RedeliverFault>) -> Attempt {
        let at = office.clock.business();
        let failed = |error: String| Attempt { at, status: None, latency_ms: 0, error: Some(error), fault };
        if fault == Some(RedeliverFault::Lost) {
            return failed("lost on the way, on purpose".to_owned());
        }
        // Orders may be older than this rule.
        if url::Url::parse(&notice.url).is_ok_and(|url| names_off_limits(&url)) {
            return failed(OFF_LIMITS.to_owned());
        }
        let Some((headers, body)) = signed(office, notice, fault) else {
            return failed("the merchant has no key to sign with".to_owned());
        };
        let client = if is_near(&notice.url) { &self.near } else { &self.far };
        let begun = Instant::now();
        let sent = client.post(&notice.url).headers(headers).body(body).send().await;
        let latency_ms = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        match sent {
            Ok(mut answer) => {
                let status = answer.status().as_u16();
                let mut read = 0;
                while read < MOST_READ {
                    match answer.chunk().await {
                        Ok(Some(chunk)) => read += chunk.len(),
                        Ok(None) | Err(_) => break,
                    }
                }
                Attempt { at, status: Some(status), latency_ms, error: None, fault }
            }
            Err(error) => Attempt { latency_ms, ..failed(reason(error)) },
        }
    }
}

fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", PATIENCE.as_secs());
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.chars().take(300).collect()
}

/// Is the host of the URL a loopback one?
fn is_near(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    })
}

/// Which key signs a notification: as its order was asked for, and a share of the others by the switch.
fn key_for(notice: &Notice, switches: &Switches) -> SignWith {
    let lot = notice.id.bytes().fold(0_u64, |sum, b| sum.wrapping_mul(131).wrapping_add(u64::from(b)));
    match switches.mode {
        KeyMode::Certificate => SignWith::Certificate,
        KeyMode::PublicKey => SignWith::PublicKey,
        KeyMode::Mixed if notice.by_public_key || chance(lot, 0) < switches.public_key_share => SignWith::PublicKey,
        KeyMode::Mixed => SignWith::Certificate,
    }
}

/// The headers and the body of an attempt, signed now; the names, the order and the values as seen live (reference 8.2).
fn signed(office: &Office, notice: &Notice, fault: Option<RedeliverFault>) -> Option<(HeaderMap, String)> {
    let merchant = office.merchant_of(notice)?;
    let with = key_for(notice, &office.switches());
    let body = match fault {
        Some(RedeliverFault::TamperedCiphertext) => tampered(&notice.body),
        Some(RedeliverFault::WrongAmount | RedeliverFault::WrongAppid | RedeliverFault::WrongMchid) => {
            falsified(&notice.body, &merchant.api_v3_key, fault).unwrap_or_else(|| notice.body.clone())
        }
        _ => notice.body.clone(),
    };
    let age = if fault == Some(RedeliverFault::StaleTimestamp) { STALE_SECONDS } else { 0 };
    let timestamp = (Clock::wall().as_second() - age).to_string();
    let nonce = clock::alphanumeric(32);
    let text = message::answer(&timestamp, &nonce, body.as_bytes());
    let (mut serial, mut signature) = match fault {
        Some(RedeliverFault::BadSignature) => sign_wrongly(&merchant, with, &text)?,
        _ => sign(&merchant, with, &text)?,
    };
    match fault {
        Some(RedeliverFault::WrongSerial) => serial = clock::serial().iter().map(|b| format!("{b:02X}")).collect(),
        Some(RedeliverFault::SignatureProbe) => {
            signature = format!("WECHATPAY/SIGNTEST/{}", signature.chars().skip(19).collect::<String>());
        }
        _ => {}
    }
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("accept", "*/*"),
        ("cache-control", "no-cache"),
        ("pragma", "no-cache"),
        ("content-type", "application/json"),
        ("user-agent", "Mozilla/4.0"),
        ("wechatpay-nonce", &nonce),
        ("wechatpay-serial", &serial),
        ("wechatpay-signature", &signature),
        ("wechatpay-signature-type", SCHEME),
        ("wechatpay-timestamp", &timestamp),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
    }
    let body = match fault {
        Some(RedeliverFault::Truncated) => body.chars().take(body.chars().count() / 2).collect(),
        _ => body,
    };
    Some((headers, body))
}

/// The body with another amount, appid or mchid inside, sealed again.
fn falsified(body: &str, key: &ApiV3Key, fault: Option<RedeliverFault>) -> Option<String> {
    let mut outer: Value = serde_json::from_str(body).ok()?;
    let resource = outer.get_mut("resource")?;
    let text = |resource: &Value, name: &str| Some(resource.get(name)?.as_str()?.to_owned());
    let (nonce, aad) = (text(resource, "nonce")?, text(resource, "associated_data")?);
    let plain = seal::open(key, nonce.as_bytes(), aad.as_bytes(), &text(resource, "ciphertext")?).ok()?;
    let mut content: Value = serde_json::from_slice(&plain).ok()?;
    // A combined order has its own names for the same things.
    let (at, other) = match fault {
        Some(RedeliverFault::WrongAmount) => (["/amount/total", "/sub_orders/0/amount/total_amount"], None),
        Some(RedeliverFault::WrongAppid) => (["/appid", "/combine_appid"], Some("wx0000000000000000")),
        _ => (["/mchid", "/combine_mchid"], Some("1900000000")),
    };
    let place = at.into_iter().find(|at| content.pointer(at).is_some()).and_then(|at| content.pointer_mut(at))?;
    *place = match other {
        Some(other) => json!(other),
        None => json!(place.as_i64()?.saturating_add(1)),
    };
    // Another text under the same key wants another nonce.
    let nonce = clock::seal_nonce();
    *resource.get_mut("ciphertext")? = json!(seal::seal(key, &nonce, aad.as_bytes(), content.to_string().as_bytes()));
    *resource.get_mut("nonce")? = json!(String::from_utf8_lossy(&nonce));
    Some(outer.to_string())
}

/// The body with one byte of the ciphertext flipped: still base64, still JSON.
fn tampered(body: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    if let Some(Value::String(text)) = value.pointer_mut("/resource/ciphertext") {
        let flipped = if text.starts_with('A') { 'B' } else { 'A' };
        *text = std::iter::once(flipped).chain(text.chars().skip(1)).collect();
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tampering_keeps_the_form_and_changes_the_ciphertext() {
        let body = r#"{"id":"1","resource":{"ciphertext":"AbCd","nonce":"n"}}"#;
        assert_eq!(tampered(body), body.replace("AbCd", "BbCd"));
        assert_eq!(tampered(&tampered(body)), body);
    }

    #[test]
    fn a_name_with_one_address_that_is_off_limits_is_refused_whole() {
        for (addresses, goes) in [
            (&["93.184.215.14"][..], true),
            (&["127.0.0.1", "::1"], true),
            (&["10.0.0.1"], true),
            (&["93.184.215.14", "169.254.169.254"], false),
            (&["::ffff:169.254.169.254"], false),
            (&["fe80::1"], false),
            (&["0.0.0.0"], false),
        ] {
            let found = addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect();
            assert_eq!(judged(found).is_ok(), goes, "{addresses:?}");
        }
    }

    #[test]
    fn loopback_is_near() {
        for (url, near) in [
            ("http://127.0.0.1:1/x", true),
            ("http://127.9.9.9/x", true),
            ("http://localhost/x", true),
            ("http://[::1]:80/x", true),
            ("https://shop.example.com/x", false),
            ("http://localhost.example.com/x", false),
            ("http://10.0.0.1/x", false),
        ] {
            assert_eq!(is_near(url), near, "{url}");
        }
    }
}
