//! Fuzzing of the merchant API's bodies: a stranger's JSON becomes fields that obey their rules, or is refused by name.

use super::validate::{Body, idempotency_key};
use crate::mutator::fuzz;

#[test]
fn fuzz_api_bodies() {
    let words = ["phone", "packageType", "packageId", "rechargeAmount", "openid", "code", "29.90", "13800138000"];
    fuzz("api", &words, |bytes| {
        let key = std::str::from_utf8(bytes).is_ok_and(|text| idempotency_key(Some(text)).is_ok());
        let body = match Body::read(bytes) {
            Ok(body) => body,
            Err(wrong) => return (wrong.field, key, false),
        };
        let code = body.code();
        if let Ok(code) = &code {
            assert!(code.len() <= 128 && code.bytes().all(|byte| byte.is_ascii_graphic()), "{code:?}");
        }
        let mut asked = body.order();
        asked.must_be("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
        (if asked.is_sound() { "sound" } else { "not sound" }, key, code.is_ok())
    });
}
