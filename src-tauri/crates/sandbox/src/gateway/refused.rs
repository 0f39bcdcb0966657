//! How the gateway says no: status, code, the text in the language that was asked for, the detail, the number at the end of
//! the Request-ID (reference 11). Texts marked «approximate» were not seen live.

use serde_json::{Map, Value, json};

/// The number in a Request-ID when nothing better is known (a live sample).
const SOME_INNER: u32 = 268_578_704;

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) zh: String,
    pub(crate) en: String,
    pub(crate) detail: Option<Value>,
    /// The number after the hyphen of the Request-ID.
    pub(crate) inner: u32,
    /// Whether a Request-ID is sent at all.
    pub(crate) request_id: bool,
}

impl Refused {
    pub(crate) fn new(status: u16, code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Refused {
        let inner = match code {
            "SIGN_ERROR" => 269_546_525,
            "PARAM_ERROR" => 268_435_461,
            "ORDER_NOT_EXIST" => 268_512_771,
            "ORDERPAID" => 268_498_689,
            "ORDER_CLOSED" => 268_447_914,
            "FREQUENCY_LIMITED" => 268_447_840,
            "APPID_MCHID_NOT_MATCH" => 268_445_527,
            _ => SOME_INNER,
        };
        Refused { status, code, zh: zh.into(), en: en.into(), detail: None, inner, request_id: true }
    }

    /// 404 or 405: no body at all.
    pub(crate) fn bare(status: u16) -> Refused {
        Refused { request_id: false, ..Refused::new(status, "", "", "") }
    }

    pub(crate) fn with_detail(mut self, detail: Value) -> Refused {
        self.detail = Some(detail);
        self
    }

    pub(crate) fn with_inner(mut self, inner: u32) -> Refused {
        self.inner = inner;
        self
    }

    pub(crate) fn param(zh: impl Into<String>, en: impl Into<String>) -> Refused {
        Refused::new(400, "PARAM_ERROR", zh, en)
    }

    pub(crate) fn invalid(zh: impl Into<String>, en: impl Into<String>) -> Refused {
        Refused::new(400, "INVALID_REQUEST", zh, en)
    }

    pub(crate) fn sign(zh: impl Into<String>, en: impl Into<String>) -> Refused {
        Refused::new(401, "SIGN_ERROR", zh, en)
    }

    pub(crate) fn system_error() -> Refused {
        Refused::new(500, "SYSTEM_ERROR", "系统异常，请稍后重试", "System error, try again later")
    }

    pub(crate) fn frequency() -> Refused {
        Refused::new(429, "FREQUENCY_LIMITED", "请求频率超过限制", "Too many requests")
    }

    pub(crate) fn order_unknown() -> Refused {
        Refused::new(404, "ORDER_NOT_EXIST", "订单不存在", "The order does not exist")
    }

    /// The body; `old_codes` spells codes as before 2024.
    pub(crate) fn body(&self, english: bool, old_codes: bool) -> Vec<u8> {
        if self.code.is_empty() {
            return Vec::new();
        }
        let code = if old_codes { old_code(self.code) } else { self.code };
        let mut out = Map::new();
        out.insert("code".into(), json!(code));
        if let Some(detail) = &self.detail {
            out.insert("detail".into(), detail.clone());
        }
        out.insert("message".into(), json!(if english { &self.en } else { &self.zh }));
        Value::Object(out).to_string().into_bytes()
    }
}

fn old_code(code: &'static str) -> &'static str {
    match code {
        "ORDER_NOT_EXIST" => "ORDERNOTEXIST",
        "SYSTEM_ERROR" => "SYSTEMERROR",
        "RULE_LIMIT" => "RULELIMIT",
        "NOT_ENOUGH" => "NOTENOUGH",
        "NO_AUTH" => "NOAUTH",
        "ACCOUNT_ERROR" => "ACCOUNTERROR",
        other => other,
    }
}
