//! Notifications: from received bytes to something that may be believed, and, for a sandbox, the other way.
//!
//! [`open`] is the only function that makes a [`Notification`]: who holds one holds something that WeChat Pay signed and
//! that the merchant's APIv3 key opened. What it means for an order is not decided here.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::objects::{CombinedTransaction, RefundNotice, RefundStatus, TradeState, Transaction};
use crate::json;
use crate::keys::{ApiV3Key, TrustedKeys};
use crate::seal::{self, SealError};
use crate::time::Timestamp;
use crate::verify::{self, Rejection, SignatureHeaders};

/// One delivery as it came: nothing of it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawCallback {
    /// In order, names as sent.
    pub headers: Vec<(String, String)>,
    /// The exact bytes.
    pub body: Vec<u8>,
}

/// One rung of the ladder of checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// `headers_present`, `timestamp_fresh`, `serial_known`, `signature_valid`, `body_is_json`, `resource_decrypts`.
    pub name: &'static str,
    /// Did it hold.
    pub ok: bool,
    /// What was looked at.
    pub detail: String,
}

/// What a genuine notification tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `TRANSACTION.SUCCESS` of one order.
    Payment(Transaction),
    /// `TRANSACTION.SUCCESS` of a combined order.
    Combined(CombinedTransaction),
    /// `REFUND.SUCCESS`, `REFUND.ABNORMAL`, `REFUND.CLOSED`.
    Refund(RefundNotice),
}

/// A verified, decrypted and understood notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    id: String,
    event_type: String,
    create_time: String,
    event: Event,
    plaintext: String,
}

impl Notification {
    /// Its own id, the same over all attempts.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// As on the wire.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }
    /// RFC 3339, as on the wire.
    pub fn create_time(&self) -> &str {
        &self.create_time
    }
    /// What it tells.
    pub fn event(&self) -> &Event {
        &self.event
    }
    /// The decrypted JSON, byte for byte.
    pub fn plaintext(&self) -> &str {
        &self.plaintext
    }
}

/// Why there is no notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Not from WeChat Pay, as far as can be shown.
    NotGenuine(Rejection),
    /// From WeChat Pay, but this version doesn't understand it (bad JSON, a doubled name, wrong types, an unknown event,
    /// event and content that disagree): keep it for a person, never throw it away.
    NotUnderstood {
        /// What was not understood.
        why: String,
        /// The decrypted content, if it got that far.
        plaintext: Option<String>,
    },
    /// From WeChat Pay, but no APIv3 key of ours opens it: answer 500, so that it comes again.
    Undecryptable {
        /// Why.
        why: SealError,
    },
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The rungs that were climbed; after the first that fails the rest are absent.
    pub checks: Vec<CheckResult>,
    /// The notification's id, where the signature holds and it could be read.
    pub id: Option<String>,
    /// Its event type, likewise.
    pub event_type: Option<String>,
    /// The notification, or why there is none.
    pub result: Result<Notification, Refusal>,
}

#[derive(Deserialize)]
struct Outer {
    id: String,
    create_time: String,
    event_type: String,
    #[serde(default)]
    resource_type: Option<String>,
    resource: Resource,
}

impl Outer {
    /// What this version can't go on with, though it is a notification's shape.
    fn foreign(&self) -> Option<String> {
        let sound = |text: &str| (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if !sound(&self.id) {
            return Some("the id is empty, over 64 characters or holds control characters".to_owned());
        }
        if let Some(kind) = self.resource_type.as_deref().filter(|kind| *kind != "encrypt-resource") {
            return Some(format!("the resource_type {kind:?} is not encrypt-resource"));
        }
        let algorithm = &self.resource.algorithm;
        (algorithm != seal::ALGORITHM).then(|| format!("the algorithm {algorithm:?} is not {}", seal::ALGORITHM))
    }
}

#[derive(Deserialize)]
struct Resource {
    algorithm: String,
    ciphertext: String,
    #[serde(default)]
    associated_data: Option<String>,
    nonce: String,
    #[serde(default)]
    original_type: Option<String>,
}

struct Ladder(Vec<CheckResult>);

impl Ladder {
    fn holds(&mut self, name: &'static str, detail: impl Into<String>) {
        self.0.push(CheckResult { name, ok: true, detail: detail.into() });
    }
    fn fails(&mut self, name: &'static str, detail: impl Into<String>) {
        self.0.push(CheckResult { name, ok: false, detail: detail.into() });
    }
}

/// Verifies, decrypts and reads a delivery. `api_v3_keys` are tried in order (the current one first, then one that was
/// replaced lately).
pub fn open(raw: &RawCallback, trusted: &TrustedKeys, api_v3_keys: &[ApiV3Key], now: Timestamp) -> Opened {
    let mut ladder = Ladder(Vec::with_capacity(6));
    if let Err(rejection) = genuine(raw, trusted, now, &mut ladder) {
        ladder.fails(rejection.check_name(), rejection.to_string());
        return Opened { checks: ladder.0, id: None, event_type: None, result: Err(Refusal::NotGenuine(rejection)) };
    }
    let mut id = None;
    let mut event_type = None;
    let result = understand(raw, api_v3_keys, &mut ladder, &mut id, &mut event_type);
    Opened { checks: ladder.0, id, event_type, result }
}

fn genuine(raw: &RawCallback, trusted: &TrustedKeys, now: Timestamp, ladder: &mut Ladder) -> Result<(), Rejection> {
    let headers = SignatureHeaders::read(raw.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())))?;
    ladder.holds("headers_present", "Wechatpay-Timestamp, -Nonce, -Signature, -Serial");
    let age = verify::age(&headers.timestamp, now)?;
    ladder.holds("timestamp_fresh", format!("{age} s"));
    if trusted.get(&headers.serial).is_none() {
        return Err(Rejection::SerialUnknown(headers.serial.chars().take(64).collect()));
    }
    ladder.holds("serial_known", headers.serial.clone());
    verify::signature(&headers, &raw.body, trusted)?;
    ladder.holds("signature_valid", format!("SHA256-RSA over {} bytes", headers.message(&raw.body).len()));
    Ok(())
}

fn understand(
    raw: &RawCallback,
    api_v3_keys: &[ApiV3Key],
    ladder: &mut Ladder,
    id: &mut Option<String>,
    event_type: &mut Option<String>,
) -> Result<Notification, Refusal> {
    let value = match json::strict(&raw.body) {
        Ok(value) => value,
        Err(error) => {
            let why = format!("the body is not sound JSON: {error}");
            ladder.fails("body_is_json", why.clone());
            return Err(Refusal::NotUnderstood { why, plaintext: None });
        }
    };
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(|t| t.chars().take(64).collect::<String>());
    *id = text("id");
    *event_type = text("event_type");
    let outer = match Outer::deserialize(&value).map(|outer| (outer.foreign(), outer)) {
        Ok((None, outer)) => outer,
        not_read => {
            let why = match not_read {
                Ok((foreign, _)) => foreign.unwrap_or_default(),
                Err(error) => format!("the body is not a notification: {error}"),
            };
            ladder.fails("body_is_json", why.clone());
            return Err(Refusal::NotUnderstood { why, plaintext: None });
        }
    };
    ladder.holds("body_is_json", format!("{} {}", outer.event_type, outer.id));
    let aad = outer.resource.associated_data.as_deref().unwrap_or_default();
    let mut last = SealError::Tag;
    let opened = api_v3_keys.iter().find_map(|key| {
        seal::open(key, outer.resource.nonce.as_bytes(), aad.as_bytes(), &outer.resource.ciphertext)
            .map_err(|error| last = error)
            .ok()
    });
    let Some(bytes) = opened else {
        ladder.fails("resource_decrypts", last.to_string());
        return Err(Refusal::Undecryptable { why: last });
    };
    // That it opens is true whatever it says: what is not understood shows in the refusal, not on this rung.
    ladder.holds("resource_decrypts", format!("{} bytes", bytes.len()));
    let Ok(plaintext) = std::str::from_utf8(&bytes).map(str::to_owned) else {
        let why = "it opens, but its content is no UTF-8".to_owned();
        return Err(Refusal::NotUnderstood { why, plaintext: None });
    };
    match read_event(&outer, &plaintext) {
        Ok(event) => {
            let Outer { id, event_type, create_time, .. } = outer;
            Ok(Notification { id, event_type, create_time, event, plaintext })
        }
        Err(why) => Err(Refusal::NotUnderstood { why, plaintext: Some(plaintext) }),
    }
}

fn read_event(outer: &Outer, plaintext: &str) -> Result<Event, String> {
    let not_read = |error: serde_json::Error| format!("it opens, but its content is not understood: {error}");
    let content = json::strict(plaintext.as_bytes()).map_err(not_read)?;
    let original = outer.resource.original_type.as_deref();
    let disagrees = |what: &str| Err(format!("the event {} and its content disagree: {what}", outer.event_type));
    match outer.event_type.as_str() {
        "TRANSACTION.SUCCESS" => {
            if original.is_some_and(|kind| kind != "transaction") {
                return disagrees("original_type is not transaction");
            }
            if content.get("combine_out_trade_no").is_some() {
                let combined = CombinedTransaction::deserialize(&content).map_err(not_read)?;
                if combined.sub_orders.is_empty()
                    || combined.sub_orders.iter().any(|s| s.trade_state != TradeState::Success)
                {
                    return disagrees("not every sub-order is SUCCESS");
                }
                return Ok(Event::Combined(combined));
            }
            let transaction = Transaction::deserialize(&content).map_err(not_read)?;
            if transaction.trade_state != TradeState::Success {
                return disagrees("trade_state is not SUCCESS");
            }
            if transaction.transaction_id.is_none() || transaction.amount.is_none() {
                return disagrees("a paid transaction has a transaction_id and an amount");
            }
            Ok(Event::Payment(transaction))
        }
        "REFUND.SUCCESS" | "REFUND.ABNORMAL" | "REFUND.CLOSED" => {
            if original.is_some_and(|kind| kind != "refund") {
                return disagrees("original_type is not refund");
            }
            let refund = RefundNotice::deserialize(&content).map_err(not_read)?;
            let expected = match outer.event_type.as_str() {
                "REFUND.SUCCESS" => RefundStatus::Success,
                "REFUND.ABNORMAL" => RefundStatus::Abnormal,
                _ => RefundStatus::Closed,
            };
            if refund.refund_status != expected {
                return disagrees("refund_status is another");
            }
            Ok(Event::Refund(refund))
        }
        other => Err(format!("the event {other:?} is not one that this version knows")),
    }
}

/// The outer fields of a notification that a sandbox sends.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// At most 36 characters.
    pub id: &'a str,
    /// RFC 3339, Beijing time.
    pub create_time: &'a str,
    /// `TRANSACTION.SUCCESS`, `REFUND.…`.
    pub event_type: &'a str,
    /// `支付成功`, `退款成功`, …
    pub summary: &'a str,
    /// `transaction` or `refund`; also the associated data, as live messages have it.
    pub original_type: &'a str,
}

/// Writes a notification's body with its resource sealed: compact, raw UTF-8, in the live key order (reference 8.1). The
/// nonce (12 ASCII characters) must not be used twice under one key.
pub fn write(envelope: Envelope<'_>, key: &ApiV3Key, nonce: &[u8; 12], plaintext: &[u8]) -> Vec<u8> {
    let ciphertext = seal::seal(key, nonce, envelope.original_type.as_bytes(), plaintext);
    json!({
        "id": envelope.id,
        "create_time": envelope.create_time,
        "resource_type": "encrypt-resource",
        "event_type": envelope.event_type,
        "summary": envelope.summary,
        "resource": {
            "original_type": envelope.original_type,
            "algorithm": seal::ALGORITHM,
            "ciphertext": ciphertext,
            "associated_data": envelope.original_type,
            "nonce": String::from_utf8_lossy(nonce),
        },
    })
    .to_string()
    .into_bytes()
}
