//! How a call can end badly, told apart by what is known about the money: refused, not sent, or unknown.

use super::Lost;
use wechatpay::api::{Answer, AnswerError};
use wechatpay::error::ApiError;
use wechatpay::verify::Rejection;

/// Why there is nothing to believe. Holds no secret.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum GatewayError {
    /// WeChat Pay said no.
    #[error("{error}")]
    Refused {
        /// Its words.
        error: ApiError,
        /// The answer's bytes.
        body: Vec<u8>,
    },
    /// A 2xx that isn't WeChat Pay's, or can't be shown to be.
    #[error("the answer ({status}) is not genuine: {rejection}")]
    Unverified {
        /// HTTP status.
        status: u16,
        /// Which check failed.
        rejection: Rejection,
        /// As claimed by the answer.
        request_id: Option<String>,
    },
    /// No connection: nothing was sent, nothing happened.
    #[error("{host} can't be reached: {reason}")]
    Unreachable {
        /// Scheme and host.
        host: String,
        /// In the system's words.
        reason: String,
    },
    /// It was sent, and no whole answer came: it may have happened or not.
    #[error("no whole answer came: {}", reason.en())]
    UnknownOutcome {
        /// What happened to the answer.
        reason: Unknown,
    },
    /// More bytes than an answer may have; the outcome is unknown too.
    #[error("the answer has more than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// A verified answer with a content that is not understood.
    #[error("the answer is not understood: {reason}")]
    Unreadable {
        /// What stands in the way.
        reason: String,
    },
    /// The APIv3 key doesn't open the platform certificates, so no answer can be verified.
    #[error("the APIv3 key does not open the platform certificate {serial_no}")]
    KeyDoesNotOpen {
        /// The certificate.
        serial_no: String,
    },
    /// The request can't be sent as it is.
    #[error("the request can't be sent: {reason}")]
    BadRequest {
        /// Why.
        reason: String,
    },
}

/// What happened to the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Nothing within so many seconds.
    Timeout(u64),
    /// The connection ended first.
    Cut(String),
    /// A status that the gateway never sends: something is in between.
    Status(u16),
}

impl Unknown {
    pub(crate) fn zh(&self) -> String {
        match self {
            Unknown::Timeout(seconds) => format!("{seconds} 秒内没有收到完整的应答。"),
            Unknown::Cut(said) => format!("连接在应答完整之前断开：{said}"),
            Unknown::Status(status) => format!("应答的状态码是 {status}，微信支付不会这样应答，中间可能有代理。"),
        }
    }

    pub(crate) fn en(&self) -> String {
        match self {
            Unknown::Timeout(seconds) => format!("No whole answer within {seconds} s."),
            Unknown::Cut(said) => format!("The connection ended before the answer was whole: {said}"),
            Unknown::Status(status) => {
                format!("The answer has status {status}, which WeChat Pay never sends; something may be in between.")
            }
        }
    }
}

impl GatewayError {
    /// May the call have happened although it ended badly? Then only a query tells.
    pub(crate) fn outcome_is_unknown(&self) -> bool {
        match self {
            GatewayError::Refused { error, .. } => error.status >= 500,
            GatewayError::Unreachable { .. } | GatewayError::BadRequest { .. } => false,
            _ => true,
        }
    }

    pub(crate) fn lost(lost: Lost, base_url: &str) -> Self {
        match lost {
            Lost::NotConnected(reason) => GatewayError::Unreachable { host: base_url.to_owned(), reason },
            Lost::Timeout(seconds) => GatewayError::UnknownOutcome { reason: Unknown::Timeout(seconds) },
            Lost::Cut(said) => GatewayError::UnknownOutcome { reason: Unknown::Cut(said) },
            Lost::TooLarge(limit) => GatewayError::TooLarge { limit },
            Lost::BadRequest(reason) => GatewayError::BadRequest { reason },
        }
    }

    /// The error of an answer, with the answer's own bytes and Request-ID.
    pub(crate) fn of_answer(error: AnswerError, answer: &Answer) -> Self {
        let request_id = answer.request_id().map(str::to_owned);
        match GatewayError::of(error, answer.body.clone()) {
            GatewayError::Unverified { status, rejection, .. } => {
                GatewayError::Unverified { status, rejection, request_id }
            }
            other => other,
        }
    }

    pub(super) fn of(error: AnswerError, body: Vec<u8>) -> Self {
        match error {
            AnswerError::Refused(error) => GatewayError::Refused { error, body },
            AnswerError::NotGenuine { status, why } => {
                GatewayError::Unverified { status, rejection: why, request_id: None }
            }
            AnswerError::Unexpected(status) => GatewayError::UnknownOutcome { reason: Unknown::Status(status) },
            AnswerError::NotUnderstood(reason) => GatewayError::Unreadable { reason },
        }
    }

    /// The word of an outcome in the store.
    pub(crate) fn word<T>(outcome: &Result<T, GatewayError>) -> &'static str {
        match outcome {
            Ok(_) => "ok",
            Err(GatewayError::Refused { .. }) => "refused",
            Err(
                GatewayError::Unverified { .. } | GatewayError::KeyDoesNotOpen { .. } | GatewayError::Unreadable { .. },
            ) => "unverified",
            Err(_) => "unknown",
        }
    }
}

/// The typed reading of a verified answer failed: it is about something else, or not understood.
impl From<AnswerError> for GatewayError {
    fn from(error: AnswerError) -> Self {
        GatewayError::of(error, Vec::new())
    }
}
