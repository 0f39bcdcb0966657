//! Combined orders (合单, reference 10.1): one payment for 2 to 10 orders, all paid or none. Amounts have other names here
//! (`total_amount`). Refunds go through the ordinary refund call of each sub-order.

use serde_json::json;

use crate::api::objects::CombinedTransaction;
use crate::api::prepay::{Prepaid, Product, SceneInfo, SettleInfo};
use crate::api::rules::text;
use crate::api::{AnswerError, Request, VerifiedAnswer, encoded};
use crate::error::FieldError;
use crate::ids::{Appid, Mchid, NotifyUrl, Openid, OutTradeNo};
use crate::money::Fen;
use crate::time::{Timestamp, beijing};

/// One order of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubOrder {
    /// Merchant number.
    pub mchid: Mchid,
    /// Its own number.
    pub out_trade_no: OutTradeNo,
    /// 1 to 127 characters.
    pub description: String,
    /// At most 128 characters; needed by the gateway, may be a blank dash.
    pub attach: String,
    /// Fen, at most 10 million yuan.
    pub total: Fen,
    /// True freezes the funds for profit sharing.
    pub settle_info: Option<SettleInfo>,
}

/// Places a combined order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CombinePrepay {
    /// By which product.
    pub product: Product,
    /// App of who combines.
    pub appid: Appid,
    /// Merchant number of who combines.
    pub mchid: Mchid,
    /// The number of the whole.
    pub out_trade_no: OutTradeNo,
    /// 2 to 10.
    pub sub_orders: Vec<SubOrder>,
    /// JSAPI only, and needed there.
    pub openid: Option<Openid>,
    /// Scene; H5 needs `h5_info`.
    pub scene_info: Option<SceneInfo>,
    /// When the order began.
    pub time_start: Option<Timestamp>,
    /// Deadline for paying.
    pub time_expire: Option<Timestamp>,
    /// Where the notification goes.
    pub notify_url: NotifyUrl,
}

impl CombinePrepay {
    /// The HTTP request, its rules checked.
    ///
    /// # Errors
    /// The first rule that is broken, with field and value.
    pub fn request(&self) -> Result<Request, FieldError> {
        two_to_ten(self.sub_orders.iter().map(|sub| &sub.out_trade_no))?;
        let mut subs = Vec::with_capacity(self.sub_orders.len());
        for (at, sub) in self.sub_orders.iter().enumerate() {
            let field = |name: &str| format!("sub_orders[{at}].{name}");
            text(&field("description"), &sub.description, 1, 127)?;
            text(&field("attach"), &sub.attach, 1, 128)?;
            sub.total.payable(&field("amount.total_amount"))?;
            let mut written = json!({
                "mchid": sub.mchid, "attach": sub.attach,
                "amount": {"total_amount": sub.total, "currency": "CNY"},
                "out_trade_no": sub.out_trade_no, "description": sub.description,
            });
            if let Some(settle_info) = sub.settle_info {
                set(&mut written, "settle_info", json!(settle_info));
            }
            subs.push(written);
        }
        let h5 = self.scene_info.as_ref().and_then(|scene| scene.h5_info.as_ref());
        if self.product == Product::H5 && h5.is_none() {
            return Err(FieldError::new(
                "scene_info.h5_info",
                "required",
                "",
                "is needed for H5",
                "H5 下单必须传 scene_info.h5_info",
            ));
        }
        if let Some(scene) = &self.scene_info {
            scene.check()?;
        }
        let mut body = json!({
            "combine_appid": self.appid, "combine_mchid": self.mchid, "combine_out_trade_no": self.out_trade_no,
            "sub_orders": subs, "notify_url": self.notify_url,
        });
        match (self.product, &self.openid) {
            (Product::Jsapi, None) => {
                return Err(FieldError::new(
                    "combine_payer_info.openid",
                    "required",
                    "",
                    "is needed for JSAPI",
                    "JSAPI 合单必须传 openid",
                ));
            }
            (Product::Jsapi, Some(openid)) => set(&mut body, "combine_payer_info", json!({"openid": openid})),
            (_, Some(openid)) => {
                return Err(FieldError::new(
                    "combine_payer_info.openid",
                    "not_used",
                    openid.as_str(),
                    "is used in JSAPI only",
                    "只有 JSAPI 合单才传 openid",
                ));
            }
            (Product::Native | Product::App | Product::H5, None) => {}
        }
        if let Some(scene) = &self.scene_info {
            set(&mut body, "scene_info", json!(scene));
        }
        if let Some(at) = self.time_start {
            set(&mut body, "time_start", json!(beijing(at)));
        }
        if let Some(at) = self.time_expire {
            set(&mut body, "time_expire", json!(beijing(at)));
        }
        let target = format!("/v3/combine-transactions/{}", self.product.path());
        Ok(Request::post(target, body.to_string().into_bytes(), "combine_prepay"))
    }

    /// What this product answers with.
    ///
    /// # Errors
    /// Not understood.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<Prepaid, AnswerError> {
        Prepaid::read(self.product, answer)
    }
}

/// Direct merchants combine 2 to 10 orders, no number twice.
fn two_to_ten<'a>(numbers: impl Iterator<Item = &'a OutTradeNo>) -> Result<(), FieldError> {
    let numbers: Vec<_> = numbers.collect();
    if !(2..=10).contains(&numbers.len()) {
        let count = numbers.len().to_string();
        return Err(FieldError::new(
            "sub_orders",
            "items_2_10",
            &count,
            "has 2 to 10 orders",
            "合单须有 2 到 10 个子单",
        ));
    }
    for (at, number) in numbers.iter().enumerate() {
        if numbers.iter().take(at).any(|other| other == number) {
            let field = format!("sub_orders[{at}].out_trade_no");
            return Err(FieldError::new(&field, "unique", number.as_str(), "stands twice", "子单号重复"));
        }
    }
    Ok(())
}

fn set(body: &mut serde_json::Value, name: &str, value: serde_json::Value) {
    if let Some(object) = body.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

/// Queries a combined order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CombineQuery {
    /// The number of the whole.
    pub out_trade_no: OutTradeNo,
}

impl CombineQuery {
    /// The HTTP request.
    pub fn request(&self) -> Request {
        let no = encoded(self.out_trade_no.as_str());
        Request::get(format!("/v3/combine-transactions/out-trade-no/{no}"), "combine_query")
    }

    /// The combined order, which must be the one that was asked for.
    ///
    /// # Errors
    /// Not understood, or another order.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<CombinedTransaction, AnswerError> {
        let found: CombinedTransaction = answer.read()?;
        if found.combine_out_trade_no != self.out_trade_no.as_str() {
            return Err(AnswerError::NotUnderstood("the answer is about another order".into()));
        }
        Ok(found)
    }
}

/// Closes a combined order: exactly the sub-orders of the prepay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CombineClose {
    /// App of who combined.
    pub appid: Appid,
    /// The number of the whole.
    pub out_trade_no: OutTradeNo,
    /// Merchant and number of each.
    pub sub_orders: Vec<(Mchid, OutTradeNo)>,
}

impl CombineClose {
    /// The HTTP request, its rules checked.
    ///
    /// # Errors
    /// Not 2 to 10 sub-orders, or a number twice.
    pub fn request(&self) -> Result<Request, FieldError> {
        two_to_ten(self.sub_orders.iter().map(|(_, number)| number))?;
        let subs: Vec<_> =
            self.sub_orders.iter().map(|(mchid, no)| json!({"mchid": mchid, "out_trade_no": no})).collect();
        let body = json!({"combine_appid": self.appid, "sub_orders": subs});
        let target = format!("/v3/combine-transactions/out-trade-no/{}/close", encoded(self.out_trade_no.as_str()));
        Ok(Request::post(target, body.to_string().into_bytes(), "combine_close"))
    }

    /// Nothing is answered but the fact.
    ///
    /// # Errors
    /// Another status than 204.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<(), AnswerError> {
        match answer.status() {
            204 => Ok(()),
            other => Err(AnswerError::Unexpected(other)),
        }
    }
}
