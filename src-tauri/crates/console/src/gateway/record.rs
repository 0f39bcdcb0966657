//! What is kept of an exchange with the gateway: both sides byte for byte, the signed texts line by line, the verdict.
//! The app secret and the session key of a login are masked before anything is kept.

use super::transport::Sending;
use crate::store::{ExchangeRaw, ExchangeRow};
use crate::wire::{SignedLine, SignedText};
use sha2::{Digest, Sha256};
use wechatpay::api::{Answer, Request};
use wechatpay::error::ApiError;
use wechatpay::keys::TrustedKeys;
use wechatpay::sign::Signed;
use wechatpay::time::Timestamp;
use wechatpay::verify::{self, SignatureHeaders};

/// Of an unsigned file's body (a bill) that is kept.
const FILE_KEPT: usize = 64 * 1024;
const MASK: &str = "***";

/// One attempt, byte for byte.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExchangeRecord {
    pub(crate) at: Timestamp,
    pub(crate) purpose: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) base_url: String,
    pub(crate) request_headers: Vec<(String, String)>,
    pub(crate) request_body: Vec<u8>,
    /// `None`: no whole answer came.
    pub(crate) status: Option<u16>,
    pub(crate) response_headers: Vec<(String, String)>,
    pub(crate) response_body: Vec<u8>,
    /// The text that we signed.
    pub(crate) signed: Option<SignedText>,
    /// The text that the gateway signed, and whether it holds.
    pub(crate) verified: Option<SignedText>,
    pub(crate) latency_ms: u32,
    pub(crate) request_id: Option<String>,
    /// WeChat Pay's error code, or ours where no answer came.
    pub(crate) code: Option<String>,
    /// `ok`, `refused`, `unverified`, `unknown`.
    pub(crate) outcome: &'static str,
}

impl ExchangeRecord {
    /// The record of a request that is on its way; nothing is known of its outcome.
    pub(super) fn sent(
        sending: &Sending<'_>,
        at: Timestamp,
        headers: Vec<(String, String)>,
        signed: Option<&Signed>,
    ) -> Self {
        let request = sending.request;
        ExchangeRecord {
            at,
            purpose: request.purpose.to_owned(),
            method: request.method.to_owned(),
            target: masked_target(&request.target),
            base_url: sending.base_url.to_owned(),
            request_headers: headers,
            request_body: request.body.clone(),
            status: None,
            response_headers: Vec::new(),
            response_body: Vec::new(),
            signed: signed.map(|signed| {
                let serial = sending.profile.serial_no.as_str();
                let fields = ["method", "url", "timestamp", "nonce", "body"];
                text(&signed.message, &fields, &signed.signature, serial, "merchant", None)
            }),
            verified: None,
            latency_ms: 0,
            request_id: None,
            code: None,
            outcome: "unknown",
        }
    }

    /// The rows that keep it, under the number of the call's row.
    pub(crate) fn rows(&self, id: i64) -> (ExchangeRow, ExchangeRaw) {
        let row = ExchangeRow {
            id,
            at: self.at,
            purpose: self.purpose.clone(),
            method: self.method.clone(),
            target: self.target.clone(),
            status: self.status,
            code: self.code.clone(),
            outcome: self.outcome.to_owned(),
            latency_ms: self.latency_ms,
            request_id: self.request_id.clone(),
            out_trade_no: None,
        };
        let raw = ExchangeRaw {
            base_url: self.base_url.clone(),
            request_headers: self.request_headers.clone(),
            request_body: self.request_body.clone(),
            response_headers: self.response_headers.clone(),
            response_body: self.response_body.clone(),
            signed: self.signed.clone(),
            verified: self.verified.clone(),
        };
        (row, raw)
    }

    /// Adds the answer as it came.
    pub(super) fn answered(&mut self, answer: &Answer, request: &Request) {
        self.status = Some(answer.status);
        self.response_headers = answer.headers.clone();
        self.request_id = answer.request_id().map(str::to_owned);
        self.response_body = if request.purpose == "jscode2session" {
            masked_session(&answer.body)
        } else if request.wants_signature {
            answer.body.clone()
        } else {
            answer.body.get(..FILE_KEPT).unwrap_or(&answer.body).to_vec()
        };
        if answer.status >= 400 {
            self.code = Some(ApiError::read(answer.status, &answer.body, None).code).filter(|code| !code.is_empty());
        }
    }

    /// Adds what the gateway signed, and whether it holds by these keys.
    pub(crate) fn verified(&mut self, answer: &Answer, trusted: &TrustedKeys) {
        let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.verified = SignatureHeaders::read(headers).ok().map(|found| {
            let signer = match trusted.get(&found.serial) {
                None => "unknown",
                Some(_) if found.serial.starts_with("PUB_KEY_ID_") => "wechatpay_public_key",
                Some(_) => "platform_certificate",
            };
            let holds = verify::signature(&found, &answer.body, trusted).is_ok();
            let fields = ["timestamp", "nonce", "body"];
            text(&found.message(&answer.body), &fields, &found.signature, &found.serial, signer, Some(holds))
        });
    }
}

/// A signed text, line by line. The last field takes the rest: a body has line ends of its own.
pub(crate) fn text(
    message: &[u8],
    fields: &[&str],
    signature: &str,
    serial_no: &str,
    signer: &str,
    ok: Option<bool>,
) -> SignedText {
    let whole = String::from_utf8_lossy(message);
    let ended = whole.strip_suffix('\n').unwrap_or(&whole);
    let lines = fields.iter().zip(ended.splitn(fields.len(), '\n'));
    SignedText {
        lines: lines.map(|(field, text)| SignedLine { field: (*field).to_owned(), text: text.to_owned() }).collect(),
        bytes: u32::try_from(message.len()).unwrap_or(u32::MAX),
        sha256: Sha256::digest(message).iter().map(|byte| format!("{byte:02x}")).collect(),
        signature: signature.to_owned(),
        serial_no: serial_no.to_owned(),
        signer: signer.to_owned(),
        ok,
        text: whole.into_owned(),
    }
}

/// The target without the value of `secret=`.
fn masked_target(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let parts = query
        .split('&')
        .map(|part| if part.starts_with("secret=") { format!("secret={MASK}") } else { part.to_owned() });
    format!("{path}?{}", parts.collect::<Vec<_>>().join("&"))
}

/// A login's answer without the session key; an answer that can't be read is not kept at all.
fn masked_session(body: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(body) else { return MASK.as_bytes().to_vec() };
    if let Some(key) = value.get_mut("session_key") {
        *key = MASK.into();
    }
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_kept_without_its_secrets() {
        let target = "/sns/jscode2session?appid=wx1&secret=canary&js_code=c&grant_type=authorization_code";
        assert_eq!(
            masked_target(target),
            "/sns/jscode2session?appid=wx1&secret=***&js_code=c&grant_type=authorization_code"
        );
        assert_eq!(masked_target("/v3/certificates"), "/v3/certificates");
        let kept = masked_session(br#"{"session_key":"canary==","openid":"o1"}"#);
        assert_eq!(kept, br#"{"session_key":"***","openid":"o1"}"#);
        assert_eq!(masked_session(b"canary"), b"***");
    }

    #[test]
    fn a_signed_text_keeps_the_lines_of_its_body() {
        let kept = text(b"1\nn\n{\n}\n\n", &["timestamp", "nonce", "body"], "s", "AB", "unknown", Some(false));
        let lines: Vec<_> = kept.lines.iter().map(|line| (line.field.as_str(), line.text.as_str())).collect();
        assert_eq!(lines, [("timestamp", "1"), ("nonce", "n"), ("body", "{\n}\n")]);
        assert_eq!((kept.bytes, kept.text.as_str()), (9, "1\nn\n{\n}\n\n"));
        let empty = text(
            b"GET\n/v3/certificates\n1\nn\n\n",
            &["method", "url", "timestamp", "nonce", "body"],
            "",
            "",
            "",
            None,
        );
        assert_eq!(empty.lines.last().map(|line| line.text.as_str()), Some(""));
    }
}
