//! An answer as it goes out: the gateway's headers, the Request-ID, the signature.

use bytes::Bytes;
use guitai_door::Answer;
use wechatpay::message;
use wechatpay::sign::SCHEME;

use crate::clock::{self, Clock};
use crate::faults::ApiFaultKind;
use crate::gateway::{Caller, Granted, Refused, SignWith};
use crate::keyring::Merchant;

const JSON: &str = "application/json; charset=utf-8";

/// Signs bytes as WeChat Pay does for this merchant: (serial, signature). `None` if the merchant has no certificate.
pub(crate) fn sign(merchant: &Merchant, with: SignWith, text: &[u8]) -> Option<(String, String)> {
    match with {
        SignWith::PublicKey => Some((merchant.public_key_id.clone(), merchant.public_key.sign(text))),
        SignWith::Certificate => {
            let platform = merchant.signing()?;
            Some((platform.serial.clone(), platform.key.sign(text)))
        }
    }
}

/// The same by the other of the two keys, under the right one's serial: valid-looking and wrong.
pub(crate) fn sign_wrongly(merchant: &Merchant, with: SignWith, text: &[u8]) -> Option<(String, String)> {
    let platform = merchant.signing()?;
    Some(match with {
        SignWith::PublicKey => (merchant.public_key_id.clone(), platform.key.sign(text)),
        SignWith::Certificate => (platform.serial.clone(), merchant.public_key.sign(text)),
    })
}

fn pair(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

fn request_id(id: &str, inner: u32) -> (String, String) {
    pair("Request-ID", format!("08{id}-{inner}"))
}

fn base(language: &str) -> Vec<(String, String)> {
    vec![
        pair("Server", "nginx"),
        pair("Cache-Control", "no-cache, must-revalidate"),
        pair("X-Content-Type-Options", "nosniff"),
        pair("Content-Language", language),
    ]
}

/// A yes, signed with the wall's time. `id` is the Request-ID's first part.
pub(crate) fn granted(
    granted: Granted,
    caller: &Caller,
    language: &str,
    id: &str,
    fault: Option<ApiFaultKind>,
) -> Answer {
    let mut headers = base(language);
    let (status, body, signed) = match granted {
        Granted::Json(body) => {
            headers.push(pair("Content-Type", JSON));
            (200, body, true)
        }
        // WxJava and others read the Content-Type of each 2xx and can't do without: the real 204 must have one.
        Granted::Nothing => {
            headers.push(pair("Content-Type", JSON));
            (204, Vec::new(), true)
        }
        Granted::File { bytes, content_type } => {
            headers.push(pair("Content-Type", content_type));
            (200, bytes, false)
        }
        Granted::Plain(body) => return plain(body),
    };
    headers.push(request_id(id, 0));
    if signed && fault != Some(ApiFaultKind::UnsignedResponse) {
        let (timestamp, nonce) = (Clock::wall().as_second().to_string(), clock::hex(32));
        let text = message::answer(&timestamp, &nonce, &body);
        let signed = match fault {
            Some(ApiFaultKind::WrongSignature) => sign_wrongly(&caller.merchant, caller.sign_with, &text),
            _ => sign(&caller.merchant, caller.sign_with, &text),
        };
        if let Some((serial, signature)) = signed {
            headers.push(pair("Wechatpay-Nonce", nonce));
            headers.push(pair("Wechatpay-Serial", serial));
            headers.push(pair("Wechatpay-Signature", signature));
            headers.push(pair("Wechatpay-Signature-Type", SCHEME));
            headers.push(pair("Wechatpay-Timestamp", timestamp));
        }
    }
    Answer::Full { status, headers, body: Bytes::from(body) }
}

/// JSON of `api.weixin.qq.com`.
pub(crate) fn plain(body: Vec<u8>) -> Answer {
    Answer::full(200, JSON, body)
}

/// A no: unsigned.
pub(crate) fn refused(refused: &Refused, body: Vec<u8>, language: &str, id: &str) -> Answer {
    if body.is_empty() {
        return Answer::empty(refused.status);
    }
    let mut headers = base(language);
    headers.push(pair("Content-Type", JSON));
    if refused.request_id {
        headers.push(request_id(id, refused.inner));
    }
    Answer::Full { status: refused.status, headers, body: Bytes::from(body) }
}
