//! Is it from WeChat Pay: the checks of reference 3.3 in their order, the cheap ones before RSA, JSON only after.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::keys::TrustedKeys;
use crate::message;
use crate::sign::SCHEME;
use crate::time::Timestamp;

/// Signed further from now than this is stale; exactly this far is still fresh (decision of the listener's contract;
/// official SDKs differ by one second here).
pub const FRESH_SECONDS: u64 = 300;

/// What a deliberately wrong signature of WeChat Pay's begins with (reference 3.5).
pub const PROBE_PREFIX: &str = "WECHATPAY/SIGNTEST/";

/// The four headers (and the type) of an answer or a notification, each there exactly once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// Unix seconds, as received.
    pub timestamp: String,
    /// As received.
    pub nonce: String,
    /// Base64, as received.
    pub signature: String,
    /// Names the key.
    pub serial: String,
}

/// Why something is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// One of the four is absent or empty.
    HeaderMissing(&'static str),
    /// One of the four is there twice: which one was signed can't be told.
    HeaderRepeated(&'static str),
    /// `Wechatpay-Signature-Type` is there and not RSA.
    SignatureTypeUnknown(String),
    /// Not digits.
    TimestampMalformed(String),
    /// Too far from now; positive: in the past.
    TimestampStale {
        /// How far.
        seconds: i64,
    },
    /// No key of ours has this serial.
    SerialUnknown(String),
    /// A deliberately wrong signature of WeChat Pay's own; rightly refused, nothing to mend.
    Probe,
    /// No base64 of the key's length.
    SignatureMalformed,
    /// The key is known and did not make this signature over these bytes.
    SignatureMismatch,
}

impl Rejection {
    /// A stable word for lists and counters.
    pub fn slug(&self) -> &'static str {
        match self {
            Rejection::HeaderMissing(_) => "header_missing",
            Rejection::HeaderRepeated(_) => "header_repeated",
            Rejection::SignatureTypeUnknown(_) => "signature_type_unknown",
            Rejection::TimestampMalformed(_) => "timestamp_malformed",
            Rejection::TimestampStale { .. } => "timestamp_stale",
            Rejection::SerialUnknown(_) => "serial_unknown",
            Rejection::Probe => "probe",
            Rejection::SignatureMalformed => "signature_malformed",
            Rejection::SignatureMismatch => "signature_mismatch",
        }
    }

    /// The rung of the ladder of checks that it fails.
    pub fn check_name(&self) -> &'static str {
        match self {
            Rejection::HeaderMissing(_) | Rejection::HeaderRepeated(_) | Rejection::SignatureTypeUnknown(_) => {
                "headers_present"
            }
            Rejection::TimestampMalformed(_) | Rejection::TimestampStale { .. } => "timestamp_fresh",
            Rejection::SerialUnknown(_) => "serial_known",
            Rejection::Probe | Rejection::SignatureMalformed | Rejection::SignatureMismatch => "signature_valid",
        }
    }

    /// Is something malformed, rather than merely not believed: 400 in place of 401.
    pub fn malformed(&self) -> bool {
        matches!(
            self,
            Rejection::HeaderRepeated(_) | Rejection::SignatureTypeUnknown(_) | Rejection::TimestampMalformed(_)
        )
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::HeaderMissing(name) => write!(f, "the header {name} is missing or empty"),
            Rejection::HeaderRepeated(name) => write!(f, "the header {name} is there more than once"),
            Rejection::SignatureTypeUnknown(kind) => write!(f, "the signature type {kind:?} is not {SCHEME}"),
            Rejection::TimestampMalformed(text) => write!(f, "the time stamp {text:?} is not Unix seconds"),
            Rejection::TimestampStale { seconds } if *seconds >= 0 => {
                write!(f, "signed {seconds} s ago; {FRESH_SECONDS} s are allowed")
            }
            Rejection::TimestampStale { seconds } => {
                write!(f, "signed {} s in the future; {FRESH_SECONDS} s are allowed", seconds.unsigned_abs())
            }
            Rejection::SerialUnknown(serial) => write!(f, "no key with the serial {serial} is known"),
            Rejection::Probe => f.write_str("a signature probe of WeChat Pay: rightly refused"),
            Rejection::SignatureMalformed => f.write_str("the signature is no base64 of the key's length"),
            Rejection::SignatureMismatch => f.write_str("the signature does not fit these bytes"),
        }
    }
}

impl std::error::Error for Rejection {}

const NAMES: [&str; 4] = ["Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Signature", "Wechatpay-Serial"];

impl SignatureHeaders {
    /// Finds the headers among all, in any letter case.
    ///
    /// # Errors
    /// One is missing or doubled, or the signature type is another.
    pub fn read<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Rejection> {
        let mut found: [Option<&str>; 4] = [None; 4];
        let mut kind: Option<&str> = None;
        for (name, value) in headers {
            if let Some(place) = NAMES.iter().position(|n| n.eq_ignore_ascii_case(name))
                && let (Some(slot), Some(label)) = (found.get_mut(place), NAMES.get(place))
            {
                if slot.is_some() {
                    return Err(Rejection::HeaderRepeated(label));
                }
                *slot = Some(value.trim());
            } else if name.eq_ignore_ascii_case("Wechatpay-Signature-Type") {
                if kind.is_some() {
                    return Err(Rejection::HeaderRepeated("Wechatpay-Signature-Type"));
                }
                kind = Some(value.trim());
            }
        }
        for (slot, name) in found.iter().zip(NAMES) {
            if slot.is_none_or(str::is_empty) {
                return Err(Rejection::HeaderMissing(name));
            }
        }
        if let Some(kind) = kind
            && kind != SCHEME
        {
            return Err(Rejection::SignatureTypeUnknown(kind.chars().take(64).collect()));
        }
        let [Some(timestamp), Some(nonce), Some(signature), Some(serial)] = found.map(|v| v.map(str::to_owned)) else {
            return Err(Rejection::HeaderMissing("Wechatpay-Signature"));
        };
        Ok(SignatureHeaders { timestamp, nonce, signature, serial })
    }

    /// The bytes that should have been signed.
    pub fn message(&self, body: &[u8]) -> Vec<u8> {
        message::answer(&self.timestamp, &self.nonce, body)
    }
}

/// The age in seconds, positive in the past.
///
/// # Errors
/// Not 1 to 13 digits (milliseconds are told as stale), or further than five minutes from `now`.
pub fn age(timestamp: &str, now: Timestamp) -> Result<i64, Rejection> {
    let malformed = || Rejection::TimestampMalformed(timestamp.chars().take(32).collect());
    if !(1..=13).contains(&timestamp.len()) || !timestamp.bytes().all(|b| b.is_ascii_digit()) {
        return Err(malformed());
    }
    let signed: i64 = timestamp.parse().map_err(|_| malformed())?;
    let seconds = now.as_second().saturating_sub(signed);
    if seconds.unsigned_abs() > FRESH_SECONDS { Err(Rejection::TimestampStale { seconds }) } else { Ok(seconds) }
}

/// Checks everything but the presence of the headers: age, serial, signature.
///
/// # Errors
/// The first rung that does not hold.
pub fn check(headers: &SignatureHeaders, body: &[u8], keys: &TrustedKeys, now: Timestamp) -> Result<(), Rejection> {
    age(&headers.timestamp, now)?;
    signature(headers, body, keys)
}

/// Serial and signature, whatever the age.
///
/// # Errors
/// The serial is unknown, or the signature does not hold.
pub fn signature(headers: &SignatureHeaders, body: &[u8], keys: &TrustedKeys) -> Result<(), Rejection> {
    let key =
        keys.get(&headers.serial).ok_or_else(|| Rejection::SerialUnknown(headers.serial.chars().take(64).collect()))?;
    if headers.signature.starts_with(PROBE_PREFIX) {
        return Err(Rejection::Probe);
    }
    let raw = STANDARD.decode(&headers.signature).map_err(|_| Rejection::SignatureMalformed)?;
    if raw.len() != key.size() {
        return Err(Rejection::SignatureMalformed);
    }
    if key.verify(&headers.message(body), &raw) { Ok(()) } else { Err(Rejection::SignatureMismatch) }
}
