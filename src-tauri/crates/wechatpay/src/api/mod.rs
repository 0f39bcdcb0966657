//! Each call of the gateway as plain data: a typed request becomes an HTTP request, an HTTP answer that was verified
//! becomes a typed answer. Nothing is sent here.

pub mod bill;
pub mod certificates;
pub mod close;
pub mod combine;
pub mod fields;
pub mod login;
pub mod objects;
pub mod prepay;
pub mod query;
pub mod refund;
mod rules;

use std::fmt;

use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::json;
use crate::keys::TrustedKeys;
use crate::time::Timestamp;
use crate::verify::{self, Rejection, SignatureHeaders};

/// The gateway; the backup host behaves the same with the same keys (reference 11.6).
pub const GATEWAY: &str = "https://api.mch.weixin.qq.com";
/// For when the first can't be connected to.
pub const BACKUP_GATEWAY: &str = "https://api2.mch.weixin.qq.com";

/// An HTTP request to the gateway, complete but for host and signature. `Debug` leaves out the query of the login, which
/// holds the app secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path and query, exactly as they are to be signed and sent.
    pub target: String,
    /// The exact bytes; empty for GET.
    pub body: Vec<u8>,
    /// `prepay`, `query`, `close`, `refund`, `refund_query`, `abnormal_refund`, `certificates`, `bill`,
    /// `bill_download`, `combine_prepay`, `combine_query`, `combine_close`, `jscode2session`.
    pub purpose: &'static str,
    /// Must a 2xx answer carry a valid signature: all but bill files and the login.
    pub wants_signature: bool,
    /// The serial whose key encrypted sensitive fields of this request; it must be named in `Wechatpay-Serial`.
    pub encrypted_for: Option<String>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = self.purpose == login::PURPOSE;
        let shown = if secret { self.target.split('?').next().unwrap_or_default() } else { &self.target };
        let body = String::from_utf8_lossy(&self.body);
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("target", &shown)
            .field("body", &body)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl Request {
    pub(crate) fn get(target: String, purpose: &'static str) -> Self {
        Request { method: "GET", target, body: Vec::new(), purpose, wants_signature: true, encrypted_for: None }
    }

    pub(crate) fn post(target: impl Into<String>, body: Vec<u8>, purpose: &'static str) -> Self {
        Request { method: "POST", target: target.into(), body, purpose, wants_signature: true, encrypted_for: None }
    }
}

/// An HTTP answer as it came: nothing of it is believed. `Debug` shows the length of the body only, since a login's holds
/// a session key.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// In order, names as sent.
    pub headers: Vec<(String, String)>,
    /// The exact bytes.
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, bytes, id) = (self.status, self.body.len(), self.request_id().unwrap_or("-"));
        write!(f, "Answer({status}, {bytes} bytes, Request-ID {id})")
    }
}

impl Answer {
    /// The first header of this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The exchange's id, to be logged and given to support.
    pub fn request_id(&self) -> Option<&str> {
        self.header("Request-ID")
    }
}

/// Why an answer gives nothing to believe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The gateway said no (4xx, 5xx: never signed, reference 3.4).
    #[error("{0}")]
    Refused(ApiError),
    /// A 2xx without a valid signature: forged, cut, stale, or by a key that is not known.
    #[error("an answer of {status} that can't be believed: {why}")]
    NotGenuine {
        /// HTTP status.
        status: u16,
        /// Which check failed.
        why: Rejection,
    },
    /// A 3xx, or a status below 200: nothing that the gateway sends.
    #[error("an answer of {0}, which the gateway never sends: is something between?")]
    Unexpected(u16),
    /// Verified, and yet not what the call answers with.
    #[error("the verified answer is not understood: {0}")]
    NotUnderstood(String),
}

/// An answer of 2xx whose signature holds. Made by [`VerifiedAnswer::check`] only (and, for what WeChat Pay doesn't sign,
/// by the modules of those calls).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAnswer {
    answer: Answer,
}

impl VerifiedAnswer {
    /// Believes an answer, or says why not.
    ///
    /// # Errors
    /// Refused, not genuine, or a status that the gateway never sends.
    pub fn check(answer: Answer, trusted: &TrustedKeys, now: Timestamp) -> Result<Self, AnswerError> {
        match answer.status {
            200..=299 => {
                let headers = answer.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
                let status = answer.status;
                SignatureHeaders::read(headers)
                    .and_then(|signed| verify::check(&signed, &answer.body, trusted, now))
                    .map_err(|why| AnswerError::NotGenuine { status, why })?;
                Ok(VerifiedAnswer { answer })
            }
            _ => Err(Self::refusal(&answer)),
        }
    }

    /// Takes an answer to a call that WeChat Pay doesn't sign (`Request::wants_signature` is false: bill files, login).
    ///
    /// # Errors
    /// Anything but 2xx.
    pub fn unsigned(answer: Answer, request: &Request) -> Result<Self, AnswerError> {
        if request.wants_signature {
            return Err(AnswerError::NotGenuine {
                status: answer.status,
                why: Rejection::HeaderMissing("Wechatpay-Signature"),
            });
        }
        if (200..=299).contains(&answer.status) { Ok(VerifiedAnswer { answer }) } else { Err(Self::refusal(&answer)) }
    }

    fn refusal(answer: &Answer) -> AnswerError {
        match answer.status {
            400..=599 => AnswerError::Refused(ApiError::read(answer.status, &answer.body, answer.request_id())),
            other => AnswerError::Unexpected(other),
        }
    }

    /// HTTP status, 2xx.
    pub fn status(&self) -> u16 {
        self.answer.status
    }

    /// The exact bytes.
    pub fn body(&self) -> &[u8] {
        &self.answer.body
    }

    /// The whole answer.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, AnswerError> {
        let not_understood = |e: serde_json::Error| AnswerError::NotUnderstood(e.to_string());
        let value = json::strict(&self.answer.body).map_err(not_understood)?;
        T::deserialize(value).map_err(not_understood)
    }
}

/// One path segment or query value, percent-encoded but for what is unreserved; the same text is signed and sent.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
