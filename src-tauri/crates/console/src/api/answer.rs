//! How the API answers: JSON, refusals as `{"error":{"code","message","fields"?}}` in the language of the request. No
//! words of the gateway or of the store reach a client; those are in the desk's own lists and logs.

use crate::wire::Problem;
use bytes::Bytes;
use guitai_door::{Answer, Refused};
use serde_json::{Map, Value, json};

/// The language that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Zh,
    En,
}

impl Language {
    /// Of `Accept-Language`: the one of the two that is wanted most, the first of equals. Chinese where neither is asked for
    /// and anything goes; English for those who ask for other languages only.
    pub(super) fn of(header: Option<&str>) -> Self {
        let mut best: Option<(u16, Language)> = None;
        let mut others = false;
        for range in header.unwrap_or_default().split(',').take(32) {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let tag = tag.trim().to_ascii_lowercase();
            let weight = weight(parameters);
            let language = match tag.split('-').next().unwrap_or_default() {
                "zh" => Language::Zh,
                "en" => Language::En,
                "" | "*" => continue,
                _ => {
                    others = others || weight > 0;
                    continue;
                }
            };
            if weight > best.map_or(0, |(most, _)| most) {
                best = Some((weight, language));
            }
        }
        match best {
            Some((_, language)) => language,
            None if others => Language::En,
            None => Language::Zh,
        }
    }

    fn pick<'t>(self, zh: &'t str, en: &'t str) -> &'t str {
        match self {
            Language::Zh => zh,
            Language::En => en,
        }
    }
}

/// `q=0.8` in thousandths; 1,000 where there is none, 0 for what can't be read.
fn weight(parameters: &str) -> u16 {
    let Some((_, value)) = parameters.split_once("q=") else { return 1_000 };
    let (whole, part) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let digits = format!("{part:0<3}");
    match (whole, digits.get(..3).and_then(|digits| digits.parse::<u16>().ok())) {
        ("0", Some(thousandths)) => thousandths,
        ("1", _) => 1_000,
        _ => 0,
    }
}

/// A field that is missing or wrong, in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) field: &'static str,
    pub(super) zh: String,
    pub(super) en: String,
}

/// Why a request is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 400
    Fields(Vec<Wrong>),
    /// 400, from the door: what came is no HTTP request.
    Malformed,
    /// 408, from the door.
    Late,
    /// 401
    NoToken,
    /// 404; another user's order is none.
    NoOrder,
    /// 409, with the order's state.
    NotOpen(String),
    /// 413
    TooLarge,
    /// 429, and after how many seconds to come again.
    TooOften(i64),
    /// 502
    Gateway,
    /// 503
    Unavailable,
}

impl Refusal {
    /// For what the desk could not do; logged, because the client is not told more.
    pub(super) fn of(problem: &Problem) -> Self {
        tracing::warn!(code = %problem.code, said = %problem.message.en, "the merchant API could not serve a request");
        if problem.gateway.is_some() { Refusal::Gateway } else { Refusal::Unavailable }
    }

    pub(super) fn answer(&self, language: Language) -> Answer {
        let (status, code, zh, en) = match self {
            Refusal::Fields(_) => (400, "PARAM_ERROR", "参数错误.", "Invalid parameters."),
            Refusal::Malformed => (400, "BAD_REQUEST", "请求格式有误。", "The request is malformed."),
            Refusal::Late => (408, "TIMEOUT", "请求传输太慢，请重试。", "The request took too long; try again."),
            Refusal::NoToken => (401, "UNAUTHORIZED", "请先登录。", "Log in first."),
            Refusal::NoOrder => (404, "ORDER_NOT_FOUND", "没有这个订单。", "There is no such order."),
            Refusal::NotOpen(_) => {
                (409, "ORDER_NOT_OPEN", "订单已支付或已关闭，不能再支付。", "The order is paid or closed.")
            }
            Refusal::TooLarge => (413, "TOO_LARGE", "请求内容过大。", "The request is too large."),
            Refusal::TooOften(_) => {
                (429, "TOO_MANY_REQUESTS", "请求太频繁，请稍后再试。", "Too many requests; try again later.")
            }
            Refusal::Gateway => {
                (502, "PAYMENT_UNAVAILABLE", "微信暂时没有应答，请稍后再试。", "WeChat did not do it; try again later.")
            }
            Refusal::Unavailable => {
                (503, "UNAVAILABLE", "服务暂时不可用，请稍后再试。", "Not available now; try again later.")
            }
        };
        let mut error = json!({ "code": code, "message": language.pick(zh, en) });
        let mut headers = Vec::new();
        match self {
            Refusal::Fields(wrong) => {
                let fields: Map<String, Value> =
                    wrong.iter().map(|it| (it.field.to_owned(), json!(language.pick(&it.zh, &it.en)))).collect();
                if let Some(error) = error.as_object_mut() {
                    error.insert("fields".to_owned(), Value::Object(fields));
                }
            }
            Refusal::NotOpen(state) => {
                if let Some(error) = error.as_object_mut() {
                    error.insert("state".to_owned(), json!(state));
                }
            }
            Refusal::NoToken => headers.push(("WWW-Authenticate".to_owned(), "Bearer".to_owned())),
            Refusal::TooOften(seconds) => headers.push(("Retry-After".to_owned(), seconds.to_string())),
            _ => {}
        }
        with_headers(status, &json!({ "error": error }), headers)
    }
}

/// What the door refuses before a route sees it, in the API's own form; `None` where that has no such form.
pub(super) fn by_the_door(refused: &Refused<'_>) -> Option<Bytes> {
    let refusal = match refused.status {
        400 => Refusal::Malformed,
        408 => Refusal::Late,
        413 => Refusal::TooLarge,
        500 | 503 => Refusal::Unavailable,
        _ => return None,
    };
    match refusal.answer(Language::of(refused.accept_language)) {
        Answer::Full { body, .. } => Some(body),
        _ => None,
    }
}

/// A JSON answer that nobody keeps.
pub(super) fn json_answer(status: u16, body: &Value) -> Answer {
    with_headers(status, body, Vec::new())
}

fn with_headers(status: u16, body: &Value, more: Vec<(String, String)>) -> Answer {
    let mut headers = vec![
        ("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned()),
        ("Cache-Control".to_owned(), "no-store".to_owned()),
        ("X-Content-Type-Options".to_owned(), "nosniff".to_owned()),
    ];
    headers.extend(more);
    Answer::Full { status, headers, body: body.to_string().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_wanted_most() {
        for (header, expected) in [
            (None, Language::Zh),
            (Some(""), Language::Zh),
            (Some("*"), Language::Zh),
            (Some("zh-CN,zh;q=0.9,en;q=0.8"), Language::Zh),
            (Some("en"), Language::En),
            (Some("EN-us,zh;q=0.9"), Language::En),
            (Some("zh;q=0.1, en;q=0.25"), Language::En),
            (Some("en;q=0, zh;q=0.001"), Language::Zh),
            (Some("en;q=0"), Language::Zh),
            (Some("fr, de;q=0.5"), Language::En),
            (Some("fr, zh;q=0.2"), Language::Zh),
            (Some("en;q=x, zh;q=0.5"), Language::Zh),
        ] {
            assert_eq!(Language::of(header), expected, "{header:?}");
        }
    }

    #[test]
    fn a_refusal_names_its_fields_in_the_language_asked_for() {
        let wrong = Wrong { field: "phone", zh: "不能为空".to_owned(), en: "is required".to_owned() };
        let refusal = Refusal::Fields(vec![wrong]);
        for (language, message, field) in
            [(Language::Zh, "参数错误.", "不能为空"), (Language::En, "Invalid parameters.", "is required")]
        {
            let Answer::Full { status, body, .. } = refusal.answer(language) else { panic!("no answer") };
            let body: Value = serde_json::from_slice(&body).expect("json");
            let expected =
                json!({ "error": { "code": "PARAM_ERROR", "message": message, "fields": { "phone": field } } });
            assert_eq!((status, body), (400, expected));
        }
    }
}
