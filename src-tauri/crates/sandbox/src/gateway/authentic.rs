//! Is the request from the merchant that it names: the checks of reference 2.7 in the order in which the real gateway makes
//! them, with its texts. Two front ends differ in what they say of a missing `Authorization`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use guitai_door::Request;
use serde_json::json;
use wechatpay::authorization::Authorization;
use wechatpay::message;
use wechatpay::time::Timestamp;

use super::refused::Refused;
use crate::keyring::{Keyring, Merchant};
use crate::switches::{KeyMode, MerchantCertificate, Switches};

/// Seconds that a request's time stamp may be off, either way.
const FRESH_SECONDS: u64 = 300;

/// The two front ends of the real gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Front {
    /// `/v3/pay/transactions/*`
    Pay,
    /// Everything else under `/v3`.
    Common,
}

/// Which of WeChat Pay's keys signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignWith {
    Certificate,
    PublicKey,
}

/// A merchant whose signature was checked.
pub(crate) struct Caller {
    pub(crate) merchant: Arc<Merchant>,
    pub(crate) sign_with: SignWith,
    /// The request named the public key: notifications follow it.
    pub(crate) by_public_key: bool,
    pub(crate) nonce: String,
}

/// What was found out about the sender on the way, for the request log.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) mchid: Option<String>,
    /// The text that the server verified against.
    pub(crate) sign_string: Option<String>,
}

fn malformed(front: Front) -> Refused {
    match front {
        Front::Pay => Refused {
            request_id: false,
            ..Refused::sign("签名信息错误，验签失败", "The signature information is wrong")
        },
        Front::Common => Refused::sign(
            "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》",
            "The Authorization header is malformed, see the rules for signing requests",
        ),
    }
}

fn without_agent(request: &Request) -> Result<(), Refused> {
    if ["Accept", "User-Agent"].iter().all(|name| request.header(name).is_some_and(|v| !v.trim().is_empty())) {
        Ok(())
    } else {
        Err(Refused::invalid("Http头缺少Accept或User-Agent", "The header Accept or User-Agent is missing"))
    }
}

/// Checks who sent it.
pub(crate) fn authenticate(
    request: &Request,
    front: Front,
    keyring: &Keyring,
    switches: &Switches,
    now: Timestamp,
    trace: &mut Trace,
) -> Result<Caller, Refused> {
    if front == Front::Common {
        without_agent(request)?;
    }
    let authorization = request
        .header("Authorization")
        .and_then(|value| Authorization::parse(value).ok())
        .ok_or_else(|| malformed(front))?;
    trace.mchid = Some(authorization.mchid.clone());
    let stamp = authorization.timestamp.as_str();
    let seconds: i64 = Some(stamp)
        .filter(|t| (1..=18).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|t| t.parse().ok())
        .ok_or_else(|| malformed(front))?;
    let nonce = authorization.nonce_str.as_str();
    if nonce.is_empty() || nonce.len() > 32 || !nonce.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(malformed(front));
    }
    let sent = message_of(request, stamp, nonce);
    trace.sign_string = Some(String::from_utf8_lossy(&sent).into_owned());
    if now.as_second().abs_diff(seconds) > FRESH_SECONDS {
        return Err(Refused::sign(
            "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟",
            "The timestamp of the Authorization header is more than 5 minutes off",
        ));
    }
    let unknown = || {
        Refused::sign(
            "商户证书序列号有误。请使用签名私钥匹配的证书序列号",
            "The serial number is not that of the certificate whose key signed",
        )
    };
    let merchant = keyring.by_mchid(&authorization.mchid).ok_or_else(unknown)?;
    if switches.api_v3_key_unset {
        return Err(Refused::sign("商户未设置APIv3密钥。", "The merchant has set no APIv3 key"));
    }
    if switches.merchant_certificate == MerchantCertificate::None {
        return Err(Refused::sign("商户未申请过证书。", "The merchant has applied for no certificate"));
    }
    if !merchant.serial.eq_ignore_ascii_case(&authorization.serial_no) {
        return Err(unknown());
    }
    match switches.merchant_certificate {
        MerchantCertificate::Revoked => {
            return Err(Refused::sign("商户证书已作废。", "The merchant certificate was revoked"));
        }
        MerchantCertificate::Replaced => {
            return Err(Refused::sign(
                "已更换证书，请使用新证书",
                "The merchant certificate was replaced, use the new one",
            ));
        }
        state if state == MerchantCertificate::Expired || now > merchant.certificate_not_after => {
            return Err(Refused::sign("商户证书已过期。", "The merchant certificate has expired"));
        }
        _ => {}
    }
    let raw = STANDARD.decode(&authorization.signature).unwrap_or_default();
    if !merchant.certificate_key.verify(&sent, &raw) {
        return Err(mismatch(request, &sent));
    }
    if front == Front::Pay {
        without_agent(request)?;
    }
    let sign_with = answer_key(request, merchant, switches)?;
    let by_public_key = request.header("Wechatpay-Serial").is_some_and(|s| s.trim() == merchant.public_key_id);
    Ok(Caller { merchant: merchant.clone(), sign_with, by_public_key, nonce: authorization.nonce_str })
}

/// The text that must have been signed: the raw target and the raw body, the time stamp as the header writes it.
fn message_of(request: &Request, stamp: &str, nonce: &str) -> Vec<u8> {
    let seconds: i64 = stamp.parse().unwrap_or(0);
    if seconds.to_string() == stamp {
        return message::request(&request.method, &request.target, seconds, nonce, &request.body);
    }
    let mut out = format!("{}\n{}\n{stamp}\n{nonce}\n", request.method, request.target).into_bytes();
    out.extend_from_slice(&request.body);
    out.push(b'\n');
    out
}

/// Which key signs the answer (reference 1.5, 1.6).
fn answer_key(request: &Request, merchant: &Merchant, switches: &Switches) -> Result<SignWith, Refused> {
    let named = request.header("Wechatpay-Serial").map(str::trim).unwrap_or_default();
    let names_public_key = named == merchant.public_key_id;
    let names_a_key = names_public_key || merchant.knows_platform(named);
    if !(named.is_empty() || names_a_key || switches.any_platform_serial) {
        return Err(Refused::param(
            "平台证书序列号Wechatpay-Serial错误",
            "The header Wechatpay-Serial names no key of WeChat Pay",
        ));
    }
    Ok(match switches.mode {
        KeyMode::Certificate => SignWith::Certificate,
        KeyMode::PublicKey => SignWith::PublicKey,
        KeyMode::Mixed if names_public_key => SignWith::PublicKey,
        KeyMode::Mixed => SignWith::Certificate,
    })
}

/// The live shape of a mismatch: the server's own text, its body cut after eight characters (reference 2.8).
fn mismatch(request: &Request, sent: &[u8]) -> Refused {
    let head_end = sent.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(3).map_or(sent.len(), |(at, _)| at + 1);
    let head = String::from_utf8_lossy(sent.get(..head_end).unwrap_or_default()).into_owned();
    let body: String = String::from_utf8_lossy(&request.body).chars().take(8).collect();
    Refused::sign("签名错误", "The signature is wrong").with_inner(268_443_699).with_detail(json!({
        "detail": { "issue": "sign not match" },
        "field": "signature",
        "location": "authorization",
        "sign_information": {
            "method": request.method,
            "sign_message_length": sent.len(),
            "truncated_sign_message": format!("{head}{body}\n"),
            "url": request.target,
        },
    }))
}
