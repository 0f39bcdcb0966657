//! What a body must be: each field's own rule first, then what only the catalogue and the token know. Everything that is
//! missing or wrong is named, not just the first. Money is read from the digits that were sent, never through a float.

use super::answer::Wrong;
use crate::catalog::{is_id, is_type};
use crate::store::CatalogRow;
use serde_json::value::RawValue;
use std::collections::HashMap;
use wechatpay::ids::Openid;
use wechatpay::money::Fen;

/// Characters of an idempotency key at most.
const KEY: usize = 128;
/// Characters of a login code at most.
const CODE: usize = 128;
/// Characters of an amount at most; `10000000.00` has 11.
const AMOUNT: usize = 16;

/// A body's fields as they were written. JSON that is no object has none.
pub(super) struct Body(HashMap<String, Box<RawValue>>);

/// An order as a client asks for it: every field obeys its own rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) phone: String,
    pub(super) package_type: String,
    pub(super) package_id: String,
    pub(super) amount: Fen,
    pub(super) openid: String,
}

/// The fields of an order, each judged by itself; what is none is named in `wrong`.
#[derive(Debug, Default)]
pub(super) struct Asked {
    phone: Option<String>,
    package_type: Option<String>,
    pub(super) package_id: Option<String>,
    amount: Option<Fen>,
    openid: Option<String>,
    wrong: Vec<Wrong>,
}

fn wrong(field: &'static str, zh: &str, en: &str) -> Wrong {
    Wrong { field, zh: zh.to_owned(), en: en.to_owned() }
}

impl Body {
    /// # Errors
    /// Names `body` where it is no JSON object in UTF-8.
    pub(super) fn read(bytes: &[u8]) -> Result<Body, Wrong> {
        serde_json::from_slice(bytes).map(Body).map_err(|_| wrong("body", "须为 JSON 对象", "must be a JSON object"))
    }

    /// The raw text of a field that is there: `null` and `""` are not.
    fn raw(&self, name: &'static str) -> Result<&str, Wrong> {
        let text = self.0.get(name).map_or("null", |raw| raw.get());
        if matches!(text, "null" | "\"\"") { Err(wrong(name, "不能为空", "is required")) } else { Ok(text) }
    }

    fn text(&self, name: &'static str) -> Result<String, Wrong> {
        serde_json::from_str(self.raw(name)?).map_err(|_| wrong(name, "须为字符串", "must be a string"))
    }

    /// `text`, if it obeys.
    fn ruled(&self, name: &'static str, rule: fn(&str) -> bool, zh: &str, en: &str) -> Result<String, Wrong> {
        self.text(name).and_then(|text| if rule(&text) { Ok(text) } else { Err(wrong(name, zh, en)) })
    }

    /// A login's code.
    ///
    /// # Errors
    /// Names it.
    pub(super) fn code(&self) -> Result<String, Wrong> {
        let rule = |text: &str| (1..=CODE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        self.ruled("code", rule, "须为 wx.login 返回的 code", "must be the code that wx.login gave")
    }

    /// An order's fields.
    pub(super) fn order(&self) -> Asked {
        let mut asked = Asked::default();
        let is_phone = |text: &str| {
            let digits = text.as_bytes();
            digits.len() == 11
                && digits.iter().all(u8::is_ascii_digit)
                && digits.first() == Some(&b'1')
                && digits.get(1).is_some_and(|second| (b'3'..=b'9').contains(second))
        };
        let phone = self.ruled("phone", is_phone, "须为 11 位手机号", "must be a mobile number of 11 digits");
        asked.phone = asked.judged(phone);
        let kind = self.ruled("packageType", is_type, "须为 1 到 32 个字符", "must have 1 to 32 characters");
        asked.package_type = asked.judged(kind);
        let (zh, en) = ("须为 1 到 32 个字母、数字或 . _ -", "must have 1 to 32 letters, digits or . _ -");
        let id = self.ruled("packageId", is_id, zh, en);
        asked.package_id = asked.judged(id);
        let amount = self.amount();
        asked.amount = asked.judged(amount);
        let is_openid = |text: &str| Openid::parse(text).is_ok();
        let openid = self.ruled("openid", is_openid, "须为登录返回的 openid", "must be the openid that login gave");
        asked.openid = asked.judged(openid);
        asked
    }

    /// Yuan, as a string or a number, read from the digits as they were sent.
    fn amount(&self) -> Result<Fen, Wrong> {
        const NAME: &str = "rechargeAmount";
        let (zh, en) =
            ("须为以元为单位的金额，最多两位小数，如 29.90", "must be yuan with at most two decimals, like 29.90");
        let raw = self.raw(NAME)?;
        let text = match raw.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(raw).map_err(|_| wrong(NAME, zh, en))?,
            _ => raw.to_owned(),
        };
        if text.len() > AMOUNT || text.trim() != text {
            return Err(wrong(NAME, zh, en));
        }
        let fen = Fen::parse_yuan(&text).map_err(|_| wrong(NAME, zh, en))?;
        fen.payable(NAME).map_err(|error| Wrong { field: NAME, zh: error.zh, en: error.en })
    }
}

impl Asked {
    fn judged<T>(&mut self, judged: Result<T, Wrong>) -> Option<T> {
        judged.map_err(|it| self.wrong.push(it)).ok()
    }

    /// Adds one that was found elsewhere.
    pub(super) fn also(&mut self, it: Wrong) {
        self.wrong.push(it);
    }

    /// The openid must be that of the token.
    pub(super) fn must_be(&mut self, user: &str) {
        if self.openid.as_deref().is_some_and(|openid| openid != user) {
            self.wrong.push(wrong("openid", "与登录的用户不符", "is not the user who logged in"));
        }
    }

    /// Is nothing wrong so far?
    pub(super) fn is_sound(&self) -> bool {
        self.wrong.is_empty()
    }

    /// The whole, held against what the catalogue has under its `packageId`.
    ///
    /// # Errors
    /// Everything that is missing or wrong.
    pub(super) fn against(mut self, entry: Option<&CatalogRow>) -> Result<Draft, Vec<Wrong>> {
        match entry {
            Some(entry) => {
                let kind = self.package_type.as_deref().zip(entry.kind.as_deref());
                if kind.is_some_and(|(asked, sold)| asked != sold) {
                    self.wrong.push(wrong("packageType", "与套餐不符", "is not that of the package"));
                }
                if self.amount.is_some_and(|amount| amount != entry.price) {
                    self.wrong.push(wrong("rechargeAmount", "与套餐价格不符", "is not the price of the package"));
                }
            }
            None if self.package_id.is_some() => {
                self.wrong.push(wrong("packageId", "没有这个套餐", "is not for sale"));
            }
            None => {}
        }
        match (self.phone, self.package_type, self.package_id, self.amount, self.openid) {
            (Some(phone), Some(package_type), Some(package_id), Some(amount), Some(openid))
                if self.wrong.is_empty() =>
            {
                Ok(Draft { phone, package_type, package_id, amount, openid })
            }
            _ => Err(self.wrong),
        }
    }
}

/// An idempotency key, where one was sent.
///
/// # Errors
/// Names the header.
pub(super) fn idempotency_key(header: Option<&str>) -> Result<Option<String>, Wrong> {
    match header {
        None => Ok(None),
        Some(key) if (1..=KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(Some(key.to_owned()))
        }
        Some(_) => Err(wrong(
            "Idempotency-Key",
            "须为 1 到 128 个可见的 ASCII 字符",
            "must have 1 to 128 visible ASCII characters",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use wechatpay::time::Timestamp;

    const USER: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

    fn entry() -> CatalogRow {
        CatalogRow {
            id: "data-30g".to_owned(),
            name: "流量包 30 GB".to_owned(),
            price: Fen::new(2_990),
            kind: Some("data".to_owned()),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// The fields that are wrong in a body, in the order of the contract.
    fn wrong_in(body: &str, entry: Option<&CatalogRow>) -> Vec<&'static str> {
        let body = match Body::read(body.as_bytes()) {
            Ok(body) => body,
            Err(wrong) => return vec![wrong.field],
        };
        let mut asked = body.order();
        asked.must_be(USER);
        asked.against(entry).err().unwrap_or_default().iter().map(|wrong| wrong.field).collect()
    }

    fn with(field: &str, value: Value) -> String {
        let mut body = json!({ "phone": "13800138000", "packageType": "data", "packageId": "data-30g",
                               "rechargeAmount": "29.90", "openid": USER });
        body[field] = value;
        body.to_string()
    }

    #[test]
    fn a_sound_order_is_read_as_it_was_sent() {
        let body = Body::read(with("rechargeAmount", json!("29.9")).as_bytes()).expect("json");
        let expected = Draft {
            phone: "13800138000".to_owned(),
            package_type: "data".to_owned(),
            package_id: "data-30g".to_owned(),
            amount: Fen::new(2_990),
            openid: USER.to_owned(),
        };
        assert_eq!(body.order().against(Some(&entry())), Ok(expected));
    }

    #[test]
    fn every_field_that_is_missing_or_wrong_is_named() {
        let all = ["phone", "packageType", "packageId", "rechargeAmount", "openid"];
        assert_eq!(wrong_in("{}", None), all);
        let nothing = r#"{"phone":null,"packageType":"","packageId":null,"rechargeAmount":"","openid":""}"#;
        assert_eq!(wrong_in(nothing, None), all);
        assert_eq!(
            wrong_in(r#"{"phone":1,"packageType":{},"packageId":[],"rechargeAmount":true,"openid":2}"#, None),
            all
        );
        for none in ["", "[]", "null", "1", "{", "{}{}", "\u{feff}{}", "{\"phone\":}"] {
            assert_eq!(wrong_in(none, None), ["body"], "{none:?}");
        }
        assert_eq!(Body::read(b"{\"a\":\"\xff\"}").err().map(|wrong| wrong.field), Some("body"));
    }

    #[test]
    fn each_field_has_its_rule() {
        for (field, value, sound) in [
            ("phone", json!("19912345678"), true),
            ("phone", json!("12800138000"), false),
            ("phone", json!("1380013800"), false),
            ("phone", json!("138001380000"), false),
            ("phone", json!("+8613800138000"), false),
            ("phone", json!("１３８００１３８０００"), false),
            ("phone", json!(" 3800138000"), false),
            ("packageType", json!("voice"), false),
            ("packageType", json!("data "), false),
            ("packageType", json!("d".repeat(33)), false),
            ("packageId", json!("data 30g"), false),
            ("packageId", json!("d".repeat(33)), false),
            ("openid", json!("oAnother"), false),
            ("openid", json!("o'; --"), false),
            ("rechargeAmount", json!("29.9"), true),
            ("rechargeAmount", json!("29.90"), true),
            ("rechargeAmount", json!("29.900"), false),
            ("rechargeAmount", json!("29.89"), false),
            ("rechargeAmount", json!("2990"), false),
            ("rechargeAmount", json!("0.01"), false),
            ("rechargeAmount", json!("-29.90"), false),
            ("rechargeAmount", json!(" 29.90"), false),
            ("rechargeAmount", json!("29,90"), false),
            ("rechargeAmount", json!("¥29.90"), false),
        ] {
            let expected: &[&str] = if sound { &[] } else { &[field] };
            assert_eq!(wrong_in(&with(field, value.clone()), Some(&entry())), expected, "{field} {value}");
        }
        assert_eq!(wrong_in(&with("phone", json!("13800138000")), None), ["packageId"], "not in the catalogue");
    }

    #[test]
    fn a_number_is_read_from_its_digits() {
        for (digits, sound) in [
            ("29.90", true),
            ("29.9", true),
            ("29.900", false),
            ("29.899999999999999999", false),
            ("2.99e1", false),
            ("29", false),
            ("-29.90", false),
            ("99999999999999999999", false),
        ] {
            let body = with("rechargeAmount", json!("@")).replace("\"@\"", digits);
            let expected: &[&str] = if sound { &[] } else { &["rechargeAmount"] };
            assert_eq!(wrong_in(&body, Some(&entry())), expected, "{digits}");
        }
    }

    #[test]
    fn a_package_without_a_type_takes_any() {
        let any = CatalogRow { kind: None, ..entry() };
        assert_eq!(wrong_in(&with("packageType", json!("whatever")), Some(&any)), [] as [&str; 0]);
        assert_eq!(wrong_in(&with("packageType", json!(null)), Some(&any)), ["packageType"]);
    }

    #[test]
    fn keys_and_codes_have_their_rule() {
        assert_eq!(idempotency_key(None), Ok(None));
        assert_eq!(idempotency_key(Some("5f0c-1")), Ok(Some("5f0c-1".to_owned())));
        for key in ["", "a b", "键", &"k".repeat(129)] {
            assert!(idempotency_key(Some(key)).is_err(), "{key:?}");
        }
        for (body, sound) in [
            (json!({ "code": "0a3x" }), true),
            (json!({}), false),
            (json!({ "code": "" }), false),
            (json!({ "code": 12 }), false),
            (json!({ "code": "a b" }), false),
            (json!({ "code": "c".repeat(129) }), false),
        ] {
            let code = Body::read(body.to_string().as_bytes()).expect("json").code();
            assert_eq!(code.is_ok(), sound, "{body}");
        }
    }
}
