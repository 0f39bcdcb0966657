//! What an order may say beyond the least: the optional fields of a prepay (reference 5.2) as one JSON object under WeChat
//! Pay's names, read from a file or a form. Names, kinds and needed members are judged here, each by its own path;
//! lengths, alphabets and ranges are judged by [`Prepay::check`] once the fields are part of a call.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::api::prepay::{Identity, Prepay};
use crate::error::FieldError;
use crate::time;

/// What a member may be.
enum Shape {
    Text,
    /// Never shown in an error.
    Sealed,
    /// 0 to 4,294,967,295.
    Whole,
    Flag,
    /// RFC 3339 with an offset.
    Instant,
    Texts,
    /// Members, each with whether it is needed.
    Object(&'static [(&'static str, Shape, bool)]),
    Objects(&'static [(&'static str, Shape, bool)]),
    /// The reference names no members.
    Any,
}

use Shape::{Any, Flag, Instant, Object, Objects, Sealed, Text, Texts, Whole};

const GOODS: &[(&str, Shape, bool)] = &[
    ("goods_name", Text, false),
    ("merchant_goods_id", Text, true),
    ("quantity", Whole, true),
    ("unit_price", Whole, true),
    ("wechatpay_goods_id", Text, false),
];
const DETAIL: &[(&str, Shape, bool)] =
    &[("cost_price", Whole, false), ("goods_detail", Objects(GOODS), false), ("invoice_id", Text, false)];
const STORE: &[(&str, Shape, bool)] =
    &[("address", Text, false), ("area_code", Text, false), ("id", Text, true), ("name", Text, false)];
const H5: &[(&str, Shape, bool)] = &[
    ("app_name", Text, false),
    ("app_url", Text, false),
    ("bundle_id", Text, false),
    ("package_name", Text, false),
    ("type", Text, true),
];
// payer_client_ip is needed in the call, and may be known only when the payer is there
const SCENE: &[(&str, Shape, bool)] = &[
    ("device_id", Text, false),
    ("h5_info", Object(H5), false),
    ("payer_client_ip", Text, false),
    ("store_info", Object(STORE), false),
];
const IDENTITY: &[(&str, Shape, bool)] = &[("name", Sealed, false), ("number", Sealed, true), ("type", Text, true)];
const FIELDS: &[(&str, Shape, bool)] = &[
    ("attach", Text, false),
    ("detail", Object(DETAIL), false),
    ("goods_tag", Text, false),
    ("limit_pay", Texts, false),
    ("payer", Object(&[("identity", Object(IDENTITY), true)]), false),
    ("scene_info", Object(SCENE), false),
    ("settle_info", Object(&[("profit_sharing", Flag, true)]), false),
    ("subsidy_info", Any, false),
    ("support_fapiao", Flag, false),
    ("time_expire", Instant, false),
    ("wechatpay_serial", Text, false),
];

/// The optional fields of an order, under WeChat Pay's names: `attach`, `detail`, `goods_tag`, `limit_pay`,
/// `payer.identity` (encrypted, with `wechatpay_serial` naming the key), `scene_info`, `settle_info`, `subsidy_info`,
/// `support_fapiao`, `time_expire`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct PrepayFields(Map<String, Value>);

impl PrepayFields {
    /// Reads an object; a name that is none, a value of another kind, a `null` or a needed member that is missing is an
    /// error that names the path, as `detail.goods_detail[0].quantity`.
    ///
    /// # Errors
    /// The first rule that is broken, with field and value.
    pub fn parse(value: Value) -> Result<Self, FieldError> {
        judge("fields", &value, &Object(FIELDS), "")?;
        match value {
            Value::Object(members) => Ok(PrepayFields(members)),
            // judged above
            _ => Ok(PrepayFields::default()),
        }
    }

    /// Nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `attach` by itself: an order has a place of its own for it.
    pub fn take_attach(&mut self) -> Option<String> {
        match self.0.remove("attach") {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The same with what `more` says; where both say something, `more` counts.
    #[must_use]
    pub fn with(mut self, more: PrepayFields) -> Self {
        merge(&mut self.0, more.0);
        self
    }

    /// The same with a payer's address, if one is given and none is named, and with `h5_info` of type `Wap` if `h5` and
    /// none is named.
    #[must_use]
    pub fn with_scene(mut self, payer_client_ip: Option<&str>, h5: bool) -> Self {
        let scene = self.0.entry("scene_info").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(scene) = scene {
            if let Some(address) = payer_client_ip {
                scene.entry("payer_client_ip").or_insert_with(|| address.into());
            }
            if h5 {
                scene.entry("h5_info").or_insert_with(|| serde_json::json!({ "type": "Wap" }));
            }
        }
        self
    }

    /// The first field that is none of these.
    pub fn other_than(&self, names: &[&str]) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|name| !names.contains(name))
    }

    /// Does it say anything of the scene?
    pub fn has_scene(&self) -> bool {
        self.0.contains_key("scene_info")
    }

    /// Puts the fields into a call; its payer must be set before. [`Prepay::check`] then judges the rest.
    ///
    /// # Errors
    /// `payer.identity` where no openid pays; `scene_info` without `payer_client_ip`.
    pub fn apply(&self, call: &mut Prepay) -> Result<(), FieldError> {
        if let Some(text) = self.0.get("time_expire").and_then(Value::as_str) {
            call.time_expire = Some(time::parse(text).map_err(|error| error.at("time_expire"))?);
        }
        if let Some(attach) = self.typed("attach")? {
            call.attach = Some(attach);
        }
        call.goods_tag = self.typed("goods_tag")?;
        call.limit_pay = self.typed("limit_pay")?.unwrap_or_default();
        call.support_fapiao = self.typed("support_fapiao")?;
        call.detail = self.typed("detail")?;
        call.settle_info = self.typed("settle_info")?;
        call.subsidy_info = self.0.get("subsidy_info").cloned();
        call.encrypted_for = self.typed("wechatpay_serial")?;
        if let Some(scene) = self.0.get("scene_info") {
            if scene.get("payer_client_ip").is_none() {
                return Err(FieldError::new(
                    "scene_info.payer_client_ip",
                    "required",
                    "",
                    "is needed wherever scene_info is given",
                    "有 scene_info 时必须填写",
                ));
            }
            call.scene_info = self.typed("scene_info")?;
        }
        if let Some(identity) = self.0.get("payer").and_then(|payer| payer.get("identity")) {
            let identity: Identity = typed("payer.identity", identity)?;
            let Some(payer) = call.payer.as_mut() else {
                return Err(FieldError::new(
                    "payer.identity",
                    "needs_openid",
                    "***",
                    "is used in JSAPI only, with the payer's openid",
                    "只用于 JSAPI，且须有支付者的 openid",
                ));
            };
            payer.identity = Some(identity);
        }
        Ok(())
    }

    fn typed<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, FieldError> {
        self.0.get(name).map(|value| typed(name, value)).transpose()
    }
}

/// The shapes above are the types' own, so this doesn't fail for what was judged.
fn typed<T: DeserializeOwned>(name: &str, value: &Value) -> Result<T, FieldError> {
    T::deserialize(value).map_err(|error| FieldError::new(name, "json", "", error.to_string(), error.to_string()))
}

fn merge(into: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

/// `path` is what the error names; `prefix` what the members' names are appended to.
fn judge(path: &str, value: &Value, shape: &Shape, prefix: &str) -> Result<(), FieldError> {
    let said = || match shape {
        Sealed => "***".to_owned(),
        _ => value.to_string(),
    };
    let wrong = |rule: &'static str, en: &str, zh: &str| Err(FieldError::new(path, rule, &said(), en, zh));
    if value.is_null() {
        return wrong("no_null", "must be left out rather than null", "没有值时应省略，不能是 null");
    }
    match (shape, value) {
        (Any, _) | (Text | Sealed, Value::String(_)) | (Flag, Value::Bool(_)) => Ok(()),
        (Whole, number) if number.as_u64().is_some_and(|n| u32::try_from(n).is_ok()) => Ok(()),
        (Whole, Value::Number(_)) => wrong(
            "integer",
            "must be a whole number, 0 to 4294967295 (money in fen)",
            "须为 0 到 4294967295 的整数（金额以分为单位）",
        ),
        (Instant, Value::String(text)) => time::parse(text).map(|_| ()).map_err(|error| error.at(path)),
        (Texts, Value::Array(entries)) => {
            let each = |(at, entry)| judge(&format!("{path}[{at}]"), entry, &Text, "");
            entries.iter().enumerate().try_for_each(each)
        }
        (Object(members), Value::Object(object)) => judge_members(object, members, prefix),
        (Objects(members), Value::Array(entries)) => entries.iter().enumerate().try_for_each(|(at, entry)| {
            let place = format!("{path}[{at}]");
            match entry {
                Value::Object(object) => judge_members(object, members, &format!("{place}.")),
                _ => Err(FieldError::new(&place, "type", &entry.to_string(), "must be an object", "须为对象")),
            }
        }),
        (Text | Sealed | Instant, _) => wrong("type", "must be a text", "须为字符串"),
        (Whole, _) => wrong("type", "must be a number", "须为数字"),
        (Flag, _) => wrong("type", "must be true or false", "须为 true 或 false"),
        (Texts | Objects(_), _) => wrong("type", "must be a list", "须为数组"),
        (Object(_), _) => wrong("type", "must be an object", "须为对象"),
    }
}

fn judge_members(
    object: &Map<String, Value>,
    members: &[(&'static str, Shape, bool)],
    prefix: &str,
) -> Result<(), FieldError> {
    for (name, value) in object {
        let path = format!("{prefix}{name}");
        let Some((_, shape, _)) = members.iter().find(|(known, ..)| known == name) else {
            let known: Vec<&str> = members.iter().map(|(known, ..)| *known).collect();
            let known = known.join(", ");
            return Err(FieldError::new(
                &path,
                "unknown_field",
                &if prefix.starts_with("payer.") { "***".to_owned() } else { value.to_string() },
                format!("is not a field of a prepay here; known are {known}"),
                format!("不是这里的下单字段；可用的有 {known}"),
            ));
        };
        judge(&path, value, shape, &format!("{path}."))?;
    }
    match members.iter().find(|(name, _, needed)| *needed && !object.contains_key(*name)) {
        Some((name, ..)) => {
            Err(FieldError::new(&format!("{prefix}{name}"), "required", "", "must not be left out", "不能省略"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::prepay::Product;
    use crate::ids::{Appid, Mchid, NotifyUrl, Openid, OutTradeNo};
    use crate::money::Fen;
    use serde_json::json;

    fn call(product: Product) -> Prepay {
        Prepay::new(
            product,
            Appid::parse("wxd678efh567hg6787").unwrap(),
            Mchid::parse("1900007291").unwrap(),
            OutTradeNo::parse("1217752501201407").unwrap(),
            "text",
            NotifyUrl::parse("https://www.weixin.qq.com/pay").unwrap(),
            Fen::new(100),
        )
    }

    /// Every field of reference 5.2 that is not in `Prepay::new`.
    fn all() -> Value {
        let sealed = "A".repeat(344);
        json!({
            "time_expire": "2026-12-01T10:00:00+08:00", "attach": "shelf 3", "goods_tag": "WXG", "support_fapiao": true,
            "limit_pay": ["no_credit"], "settle_info": { "profit_sharing": false }, "subsidy_info": { "any": 1 },
            "wechatpay_serial": "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
            "payer": { "identity": { "type": "IDCARD", "number": sealed, "name": sealed } },
            "detail": { "cost_price": 608800, "invoice_id": "wx123", "goods_detail": [{
                "merchant_goods_id": "1246464644", "wechatpay_goods_id": "1001", "goods_name": "iPhone", "quantity": 1,
                "unit_price": 528800 }] },
            "scene_info": { "payer_client_ip": "14.23.150.211", "device_id": "013467007045764",
                "store_info": { "id": "0001", "name": "大厦分店", "area_code": "440305", "address": "科技中一道" },
                "h5_info": { "type": "iOS", "app_name": "王者", "app_url": "https://pay.qq.com", "bundle_id": "com.t",
                             "package_name": "com.t" } },
        })
    }

    #[test]
    fn every_field_arrives_in_the_body_as_it_was_given() {
        let mut call = call(Product::Jsapi).openid(Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap());
        PrepayFields::parse(all()).unwrap().apply(&mut call).unwrap();
        let request = call.request().unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        for (name, value) in all().as_object().unwrap() {
            match name.as_str() {
                "wechatpay_serial" => assert_eq!(request.encrypted_for.as_deref(), value.as_str()),
                "payer" => assert_eq!(body["payer"]["identity"], value["identity"]),
                name => assert_eq!(&body[name], value, "{name}"),
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        let goods = |goods: Value| json!({ "detail": { "goods_detail": [goods] } });
        for (given, field, rule) in [
            (json!([]), "fields", "type"),
            (json!({ "goods_tagg": "x" }), "goods_tagg", "unknown_field"),
            (json!({ "amount": { "total": 1 } }), "amount", "unknown_field"),
            (json!({ "goods_tag": null }), "goods_tag", "no_null"),
            (json!({ "goods_tag": 1 }), "goods_tag", "type"),
            (json!({ "support_fapiao": "true" }), "support_fapiao", "type"),
            (json!({ "time_expire": "tomorrow" }), "time_expire", "rfc3339"),
            (json!({ "limit_pay": ["no_credit", 1] }), "limit_pay[1]", "type"),
            (json!({ "limit_pay": "no_credit" }), "limit_pay", "type"),
            (json!({ "settle_info": {} }), "settle_info.profit_sharing", "required"),
            (json!({ "detail": { "cost_price": 1.5 } }), "detail.cost_price", "integer"),
            (json!({ "detail": { "cost_price": -1 } }), "detail.cost_price", "integer"),
            (json!({ "detail": [] }), "detail", "type"),
            (goods(json!(1)), "detail.goods_detail[0]", "type"),
            (goods(json!({ "quantity": 1, "unit_price": 1 })), "detail.goods_detail[0].merchant_goods_id", "required"),
            (goods(json!({ "price": 1 })), "detail.goods_detail[0].price", "unknown_field"),
            (json!({ "scene_info": { "store_info": { "name": "x" } } }), "scene_info.store_info.id", "required"),
            (json!({ "scene_info": { "h5_info": {} } }), "scene_info.h5_info.type", "required"),
            (json!({ "payer": { "openid": "o" } }), "payer.openid", "unknown_field"),
        ] {
            let error = PrepayFields::parse(given.clone()).unwrap_err();
            assert_eq!((error.field.as_str(), error.rule), (field, rule), "{given}");
        }
    }

    #[test]
    fn what_breaks_a_rule_of_the_call_is_named_too() {
        for (given, field, rule) in [
            (json!({ "goods_tag": "x".repeat(33) }), "goods_tag", "max_length"),
            (json!({ "limit_pay": ["no_money"] }), "limit_pay[0]", "one_of"),
            (json!({ "scene_info": { "payer_client_ip": "here" } }), "scene_info.payer_client_ip", "ip"),
            (json!({ "scene_info": { "device_id": "1" } }), "scene_info.payer_client_ip", "required"),
            (json!({ "payer": { "identity": { "type": "IDCARD", "number": "1" } } }), "payer.identity", "needs_openid"),
        ] {
            let mut call = call(Product::Native);
            let fields = PrepayFields::parse(given.clone()).unwrap();
            let error = fields.apply(&mut call).and_then(|()| call.check()).unwrap_err();
            assert_eq!((error.field.as_str(), error.rule), (field, rule), "{given}");
        }
    }

    #[test]
    fn more_fields_join_those_that_are_there() {
        let kept = PrepayFields::parse(json!({ "goods_tag": "A", "scene_info": { "device_id": "7" } })).unwrap();
        let more =
            PrepayFields::parse(json!({ "goods_tag": "B", "scene_info": { "payer_client_ip": "::1" } })).unwrap();
        let both = serde_json::to_value(kept.with(more)).unwrap();
        assert_eq!(both, json!({ "goods_tag": "B", "scene_info": { "device_id": "7", "payer_client_ip": "::1" } }));
    }
}
