//! `GET /v3/certificates`: the platform certificates, sealed with the APIv3 key (reference 4.3).

use guitai_door::Request;
use serde_json::{Value, json};
use wechatpay::seal;
use wechatpay::time::{Timestamp, beijing};

use super::fields::wrong_form;
use super::{Caller, Granted, Refused, query_value};
use crate::clock;
use crate::switches::{KeyMode, NoCertificates, Switches};

/// Lists them; in public-key mode there are none.
pub(super) fn list(request: &Request, caller: &Caller, switches: &Switches) -> Result<Granted, Refused> {
    let algorithm = query_value(request, "algorithm_type").filter(|t| !t.is_empty());
    if let Some(other) = algorithm.as_deref().filter(|a| !["RSA", "SM2", "ALL"].contains(a)) {
        return Err(wrong_form("query", "/algorithm_type", "算法类型", other));
    }
    if switches.mode == KeyMode::PublicKey {
        if switches.no_certificates == NoCertificates::EmptyList {
            return Ok(Granted::json(&json!({ "data": [] })));
        }
        return Err(Refused::new(
            404,
            "RESOURCE_NOT_EXISTS",
            "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。可查看指引https://pay.weixin.qq.com/doc/v3/merchant/4012153196",
            "There is no platform certificate; use the WeChat Pay public key",
        ));
    }
    let merchant = &caller.merchant;
    let listed = if algorithm.as_deref() == Some("SM2") { Vec::new() } else { merchant.listed() };
    let data: Vec<Value> = listed
        .iter()
        .map(|platform| {
            let nonce = clock::seal_nonce();
            let pem = platform.certificate.to_pem();
            // A later certificate takes effect later, so that the newest can be told.
            let since = Timestamp::from_second(platform.since).unwrap_or(Timestamp::UNIX_EPOCH);
            json!({
                "serial_no": platform.serial,
                "effective_time": beijing(since.max(platform.certificate.not_before())),
                "expire_time": beijing(platform.certificate.not_after()),
                "encrypt_certificate": {
                    "algorithm": "AEAD_AES_256_GCM",
                    "nonce": String::from_utf8_lossy(&nonce),
                    "associated_data": "certificate",
                    "ciphertext": seal::seal(&merchant.api_v3_key, &nonce, b"certificate", pem.as_bytes()),
                },
            })
        })
        .collect();
    Ok(Granted::json(&json!({ "data": data })))
}
