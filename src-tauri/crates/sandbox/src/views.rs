//! What the controls and the window see: plain data, in WeChat Pay's own names where it has one.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::faults::RedeliverFault;

/// What test code needs of one merchant: the JSON line of `guitai sandbox`. Its secrets exist to be used by tests.
#[derive(Clone, Serialize, Deserialize, Type)]
pub struct Credentials {
    /// The gateway, without a slash at its end.
    pub base_url: String,
    /// Merchant number.
    pub mchid: String,
    /// App, bound to the merchant.
    pub appid: String,
    /// For `jscode2session`.
    pub appsecret: String,
    /// 32 characters.
    pub api_v3_key: String,
    /// 40 hex digits.
    pub merchant_serial_no: String,
    /// PKCS#8 PEM.
    pub merchant_private_key: PathBuf,
    /// X.509 PEM.
    pub merchant_certificate: PathBuf,
    /// Of the platform certificate that signs.
    pub platform_serial_no: String,
    /// X.509 PEM.
    pub platform_certificate: PathBuf,
    /// Its key, so that tests can play WeChat Pay.
    pub platform_private_key: PathBuf,
    /// `PUB_KEY_ID_…`
    pub public_key_id: String,
    /// SPKI PEM.
    pub public_key: PathBuf,
    /// Its private half.
    pub public_key_private_key: PathBuf,
    /// An HTTP proxy that answers for WeChat Pay's host names over TLS.
    pub proxy_url: String,
    /// What to trust when the proxy is used.
    pub ca_certificate: PathBuf,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}, {}, ***)", self.base_url, self.mchid)
    }
}

/// What the payer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PayOutcome {
    /// Pays.
    #[default]
    Success,
    /// Goes away; the order stays unpaid.
    Cancel,
    /// Fails (balance, password); the order stays unpaid.
    Payerror,
}

/// `POST /_sandbox/payments`. One of the first four names the order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(deny_unknown_fields)]
pub struct PayCommand {
    /// The merchant's number, of a combined order too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_trade_no: Option<String>,
    /// From a prepay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepay_id: Option<String>,
    /// From a Native prepay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_url: Option<String>,
    /// The number of a combined order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub combine_out_trade_no: Option<String>,
    /// Which merchant's, where several have the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mchid: Option<String>,
    /// What the payer does; absent: pays.
    #[serde(default)]
    pub outcome: PayOutcome,
    /// Who pays; default: the order's payer, or somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer_openid: Option<String>,
    /// `false`: no notification is ever sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<bool>,
}

/// What WeChat's client makes of pay params.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct PayParamsVerdict {
    /// Would the cashier open?
    pub ok: bool,
    /// `requestPayment:ok`, or `requestPayment:fail` and why.
    pub err_msg: String,
    /// A slug of the signature doctor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// What the payer's phone shows before paying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct PhoneOrder {
    /// Whom to pay.
    pub merchant_name: String,
    /// For what.
    pub description: String,
    /// Fen.
    #[specta(type = u32)]
    pub amount: i64,
    /// The merchant's number.
    pub out_trade_no: String,
    /// `JSAPI`, `NATIVE`, `APP`, `MWEB`.
    pub trade_type: String,
    /// `NOTPAY`, …, as a query would say; `EXPIRED` when it can't be paid with this ticket any more.
    pub state: String,
}

/// One delivery that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct AttemptView {
    /// Business time, RFC 3339.
    pub at: String,
    /// What was answered; null: nothing.
    pub status: Option<u16>,
    /// From the start of sending to the answer's head.
    pub latency_ms: u32,
    /// Why nothing was answered.
    pub error: Option<String>,
    /// What was wrong with it on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<RedeliverFault>,
}

/// A notification with its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct NotificationView {
    /// Its own id in its body, the same over all attempts.
    pub id: String,
    /// `TRANSACTION.SUCCESS`, …
    pub event_type: String,
    /// The order.
    pub out_trade_no: String,
    /// Whose.
    pub mchid: String,
    /// Where it goes.
    pub url: String,
    /// `PENDING`, `DELIVERED` or `GAVE_UP`.
    pub state: String,
    /// Oldest first.
    pub attempts: Vec<AttemptView>,
    /// Business time; null: no more.
    pub next_attempt_at: Option<String>,
}

/// The two clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ClockView {
    /// Business time, RFC 3339.
    pub now: String,
    /// The wall's time, which signatures carry.
    pub wall: String,
    /// How far business time is ahead; less than nothing after it was held.
    #[specta(type = i32)]
    pub ahead_seconds: i64,
    /// How many times as fast as the wall's it goes; 0: held.
    pub rate: u32,
    /// When the next notification, refund or retry is due by itself; null: nothing waits.
    pub next_due: Option<String>,
}

/// A request to the gateway and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct RequestView {
    /// Counts up.
    #[specta(type = u32)]
    pub id: u64,
    /// The wall's time.
    pub at: String,
    /// Method.
    pub method: String,
    /// The raw request target.
    pub target: String,
    /// Who it says it is from.
    pub mchid: Option<String>,
    /// The answer's status; 0: none was given on purpose.
    pub status: u16,
    /// The answer's Request-ID.
    pub request_id: Option<String>,
    /// The host that the client believes to talk to, if it came through the proxy.
    pub via: Option<String>,
    /// The order that it is about, if that can be told.
    pub out_trade_no: Option<String>,
    /// `accepted`, or the code of the refusal, or the fault.
    pub verdict: String,
    /// The refusal's text.
    pub message: Option<String>,
    /// The text that the gateway verified the signature against.
    pub sign_string: Option<String>,
    /// What the doctor says of a refused signature.
    pub diagnosis: Option<String>,
    /// The request's header fields in the order in which they came; the sandbox's secrets exist to be seen.
    pub headers: Vec<(String, String)>,
    /// The request's body, cut at 8 KiB.
    pub request_body: String,
    /// The answer's header fields; none where no answer was given on purpose.
    pub response_headers: Vec<(String, String)>,
    /// The answer's body, cut at 8 KiB.
    pub response_body: String,
    /// From the last byte in to the answer.
    pub latency_ms: u32,
}

/// What happened in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SandboxEvent {
    /// A request was answered.
    Request {
        /// As in [`RequestView`].
        #[specta(type = u32)]
        id: u64,
    },
    /// An order is paid.
    Paid {
        /// The merchant's number.
        out_trade_no: String,
    },
    /// A notification is new, was tried, or is done.
    Notification {
        /// Its id.
        id: String,
    },
    /// Business time was moved.
    Clock,
    /// Faults or switches were changed.
    Settings,
    /// Everything was forgotten.
    Reset,
}

/// Why a control was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ControlError {
    /// The HTTP status of the refusal.
    pub status: u16,
    /// A stable word.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl ControlError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        ControlError { status, code, message: message.into() }
    }
}
