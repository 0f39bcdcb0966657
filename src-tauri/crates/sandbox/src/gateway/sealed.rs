//! Sensitive fields on their way up (reference 1.6, 4.2): encrypted for one of WeChat Pay's keys, which the request names.

use guitai_door::Request;

use super::{Caller, Refused};

/// A request with sensitive fields must say for which key they were encrypted.
pub(super) fn need_serial(request: &Request) -> Result<(), Refused> {
    if request.header("Wechatpay-Serial").is_some_and(|serial| !serial.trim().is_empty()) {
        return Ok(());
    }
    Err(Refused::param(
        "HTTP header缺少微信支付平台证书序列号(Wechatpay-Serial)",
        "The header Wechatpay-Serial is missing",
    ))
}

/// The field must open with the key that the request names: OAEP with SHA-1.
pub(super) fn must_open(caller: &Caller, sealed: &str) -> Result<(), Refused> {
    let merchant = &caller.merchant;
    let opens = if caller.by_public_key {
        merchant.public_key.decrypt_oaep(sealed).is_ok()
    } else {
        merchant.listed().iter().any(|platform| platform.key.decrypt_oaep(sealed).is_ok())
    };
    if opens {
        return Ok(());
    }
    Err(Refused::param("平台私钥解密失败", "The encrypted field does not decrypt with WeChat Pay's key"))
}
