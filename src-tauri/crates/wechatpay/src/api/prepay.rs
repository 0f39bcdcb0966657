//! Prepay (下单): JSAPI and mini-program, Native, App, H5, with every field of reference 5.2 and its rules.
//!
//! Lengths are counted in characters: whether the gateway counts characters or bytes for Chinese text is unconfirmed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::rules::{currency, encrypted, named_key, one_of, optional, text};
use crate::api::{AnswerError, Request, VerifiedAnswer};
use crate::error::FieldError;
use crate::ids::{Appid, Mchid, NotifyUrl, Openid, OutTradeNo, PrepayId};
use crate::money::Fen;
use crate::time::{Timestamp, beijing};

/// How the order is to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Product {
    /// Official account and mini-program; needs `payer.openid`.
    Jsapi,
    /// A QR code that the payer scans.
    Native,
    /// The merchant's own app.
    App,
    /// A mobile browser outside WeChat; needs `scene_info` with `h5_info`.
    H5,
}

impl Product {
    /// The last segment of the path.
    pub fn path(self) -> &'static str {
        match self {
            Product::Jsapi => "jsapi",
            Product::Native => "native",
            Product::App => "app",
            Product::H5 => "h5",
        }
    }
}

/// `amount`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Fen, at least 1.
    pub total: Fen,
    /// `CNY` only.
    pub currency: String,
}

/// `payer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payer {
    /// Of the same appid.
    pub openid: Openid,
    /// Real-name payment; special permission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// `payer.identity`: only who this is may pay. `Prepay::encrypted_for` must name the key that encrypted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `IDCARD`, `HONGKONG_MACAO`, `HONGKONG_MACAO_RESIDENT`, `TAIWAN_RESIDENT`, `FOREIGN_RESIDENT`, `OVERSEA_PASSPORT`,
    /// `PHONE_NUMBER`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Encrypted with WeChat Pay's key ([`crate::keys::PublicKey::encrypt_oaep`]).
    pub number: String,
    /// Encrypted likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `detail`: at most 6,144 bytes of JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// Original price, fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_price: Option<Fen>,
    /// Receipt id, at most 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_id: Option<String>,
    /// 1 to 6,000 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goods_detail: Vec<Goods>,
}

/// One kind of goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goods {
    /// Letters, digits, `-`, `_`, at most 32.
    pub merchant_goods_id: String,
    /// At most 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wechatpay_goods_id: Option<String>,
    /// At most 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goods_name: Option<String>,
    /// Above 0.
    pub quantity: u32,
    /// Fen.
    pub unit_price: Fen,
}

/// `scene_info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SceneInfo {
    /// IPv4 or IPv6 of the payer.
    pub payer_client_ip: String,
    /// At most 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Which shop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_info: Option<StoreInfo>,
    /// H5 only, and needed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h5_info: Option<H5Info>,
}

/// `scene_info.store_info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreInfo {
    /// At most 32.
    pub id: String,
    /// At most 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// At most 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_code: Option<String>,
    /// At most 512.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// `scene_info.h5_info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct H5Info {
    /// `Wap`, `iOS`, `Android`.
    #[serde(rename = "type")]
    pub kind: String,
    /// At most 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_name: Option<String>,
    /// At most 128.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_url: Option<String>,
    /// At most 128.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_id: Option<String>,
    /// At most 128.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_name: Option<String>,
}

/// `settle_info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettleInfo {
    /// True: the funds are frozen for profit sharing.
    pub profit_sharing: bool,
}

/// An order to be placed. Fields that are `None` are left out: the gateway takes no `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prepay {
    /// By which product; in the path, not in the body.
    #[serde(skip)]
    pub product: Product,
    /// Of the kind that fits the product, bound to the mchid.
    pub appid: Appid,
    /// Must be the signer's.
    pub mchid: Mchid,
    /// 1 to 127 characters.
    pub description: String,
    /// Unique per mchid.
    pub out_trade_no: OutTradeNo,
    /// Deadline for paying (not for the order); the gateway raises less than a minute to one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339")]
    pub time_expire: Option<Timestamp>,
    /// Merchant data, at most 128 characters; comes back with the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach: Option<String>,
    /// Where the notification goes.
    pub notify_url: NotifyUrl,
    /// Coupon tag, at most 32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goods_tag: Option<String>,
    /// `no_balance`, `no_credit`, `no_debit`, `balance_only`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limit_pay: Vec<String>,
    /// Electronic invoice entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_fapiao: Option<bool>,
    /// Money.
    pub amount: Amount,
    /// JSAPI only, and needed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer: Option<Payer>,
    /// Goods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
    /// Scene.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene_info: Option<SceneInfo>,
    /// Settlement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle_info: Option<SettleInfo>,
    /// Instalment subsidy, special permission: goes out as it is, the reference names no fields of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subsidy_info: Option<Value>,
    /// The serial of the key that encrypted `payer.identity`; it goes out as `Wechatpay-Serial`, not in the body.
    #[serde(skip)]
    pub encrypted_for: Option<String>,
}

fn rfc3339<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.serialize_str(&beijing(*at)),
        None => serializer.serialize_none(),
    }
}

/// What a prepay answers with, by product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepaid {
    /// JSAPI and App; usable for 2 hours.
    PrepayId(PrepayId),
    /// Native; usable for 2 hours, and no longer once the order was prepaid again.
    CodeUrl(String),
    /// H5; usable for 5 minutes.
    H5Url(String),
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    prepay_id: Option<PrepayId>,
    #[serde(default)]
    code_url: Option<String>,
    #[serde(default)]
    h5_url: Option<String>,
}

impl Prepay {
    /// The least that every product asks for; the rest is set on the fields.
    pub fn new(
        product: Product,
        appid: Appid,
        mchid: Mchid,
        out_trade_no: OutTradeNo,
        description: impl Into<String>,
        notify_url: NotifyUrl,
        total: Fen,
    ) -> Self {
        Prepay {
            product,
            appid,
            mchid,
            description: description.into(),
            out_trade_no,
            time_expire: None,
            attach: None,
            notify_url,
            goods_tag: None,
            limit_pay: Vec::new(),
            support_fapiao: None,
            amount: Amount { total, currency: "CNY".into() },
            payer: None,
            detail: None,
            scene_info: None,
            settle_info: None,
            subsidy_info: None,
            encrypted_for: None,
        }
    }

    /// Who pays (JSAPI).
    #[must_use]
    pub fn openid(mut self, openid: Openid) -> Self {
        self.payer = Some(Payer { openid, identity: None });
        self
    }

    /// Checks every field rule without sending anything.
    ///
    /// # Errors
    /// The first rule that is broken, with field and value.
    pub fn check(&self) -> Result<(), FieldError> {
        text("description", &self.description, 1, 127)?;
        self.amount.total.payable("amount.total")?;
        currency("amount.currency", &self.amount.currency)?;
        optional("attach", self.attach.as_ref(), 128)?;
        optional("goods_tag", self.goods_tag.as_ref(), 32)?;
        for (at, word) in self.limit_pay.iter().enumerate() {
            one_of(&format!("limit_pay[{at}]"), word, &["no_balance", "no_credit", "no_debit", "balance_only"])?;
        }
        match (self.product, &self.payer) {
            (Product::Jsapi, None) => {
                return Err(FieldError::new(
                    "payer.openid",
                    "required",
                    "",
                    "is needed for JSAPI and mini-program",
                    "JSAPI 与小程序下单必须传 openid",
                ));
            }
            (Product::Native | Product::App | Product::H5, Some(payer)) => {
                return Err(FieldError::new(
                    "payer.openid",
                    "not_used",
                    payer.openid.as_str(),
                    "is used in JSAPI only",
                    "只有 JSAPI 下单才传 openid",
                ));
            }
            (Product::Jsapi, Some(_)) | (Product::Native | Product::App | Product::H5, None) => {}
        }
        if let Some(identity) = self.payer.as_ref().and_then(|payer| payer.identity.as_ref()) {
            identity.check(self.encrypted_for.as_deref())?;
        }
        if let Some(detail) = &self.detail {
            detail.check()?;
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
        Ok(())
    }

    /// The HTTP request, its rules checked.
    ///
    /// # Errors
    /// The first rule that is broken, with field and value.
    pub fn request(&self) -> Result<Request, FieldError> {
        self.check()?;
        let body =
            serde_json::to_vec(self).map_err(|e| FieldError::new("body", "json", "", e.to_string(), e.to_string()))?;
        let request = Request::post(format!("/v3/pay/transactions/{}", self.product.path()), body, "prepay");
        Ok(Request { encrypted_for: self.encrypted_for.clone(), ..request })
    }

    /// What this product answers with.
    ///
    /// # Errors
    /// Not understood, or without the field that this product has.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<Prepaid, AnswerError> {
        Prepaid::read(self.product, answer)
    }
}

impl Prepaid {
    /// What a product's prepay answered with; the same for single and combined orders.
    pub(crate) fn read(product: Product, answer: &VerifiedAnswer) -> Result<Self, AnswerError> {
        let raw: Raw = answer.read()?;
        let found = match product {
            Product::Jsapi | Product::App => raw.prepay_id.map(Prepaid::PrepayId),
            Product::Native => raw.code_url.filter(|u| !u.is_empty()).map(Prepaid::CodeUrl),
            Product::H5 => raw.h5_url.filter(|u| !u.is_empty()).map(Prepaid::H5Url),
        };
        found.ok_or_else(|| AnswerError::NotUnderstood("the answer holds no prepay_id, code_url or h5_url".into()))
    }
}

impl Identity {
    /// The papers that a payer can be known by.
    pub const KINDS: [&str; 7] = [
        "IDCARD",
        "HONGKONG_MACAO",
        "HONGKONG_MACAO_RESIDENT",
        "TAIWAN_RESIDENT",
        "FOREIGN_RESIDENT",
        "OVERSEA_PASSPORT",
        "PHONE_NUMBER",
    ];

    fn check(&self, encrypted_for: Option<&str>) -> Result<(), FieldError> {
        one_of("payer.identity.type", &self.kind, &Self::KINDS)?;
        encrypted("payer.identity.number", &self.number)?;
        if let Some(name) = &self.name {
            encrypted("payer.identity.name", name)?;
        }
        named_key("payer.identity", encrypted_for)
    }
}

impl Detail {
    fn check(&self) -> Result<(), FieldError> {
        optional("detail.invoice_id", self.invoice_id.as_ref(), 32)?;
        if self.goods_detail.len() > 6000 {
            let count = self.goods_detail.len().to_string();
            return Err(FieldError::new(
                "detail.goods_detail",
                "max_items",
                &count,
                "has at most 6,000 entries",
                "最多 6000 项",
            ));
        }
        for (at, goods) in self.goods_detail.iter().enumerate() {
            let field = |name: &str| format!("detail.goods_detail[{at}].{name}");
            text(&field("merchant_goods_id"), &goods.merchant_goods_id, 1, 32)?;
            if !goods.merchant_goods_id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
                return Err(FieldError::new(
                    &field("merchant_goods_id"),
                    "charset",
                    &goods.merchant_goods_id,
                    "must be letters, digits, - or _",
                    "只能是字母、数字、- 或 _",
                ));
            }
            optional(&field("wechatpay_goods_id"), goods.wechatpay_goods_id.as_ref(), 32)?;
            optional(&field("goods_name"), goods.goods_name.as_ref(), 256)?;
            if goods.quantity == 0 {
                return Err(FieldError::new(&field("quantity"), "minimum", "0", "must be above 0", "须大于 0"));
            }
            if goods.unit_price.get() < 0 {
                return Err(FieldError::new(
                    &field("unit_price"),
                    "minimum",
                    &goods.unit_price.get().to_string(),
                    "must not be negative",
                    "不能为负",
                ));
            }
        }
        let bytes = serde_json::to_vec(self).map_or(0, |json| json.len());
        if bytes > 6144 {
            return Err(FieldError::new(
                "detail",
                "max_bytes",
                &bytes.to_string(),
                "has at most 6,144 bytes of JSON",
                "JSON 最多 6144 字节",
            ));
        }
        Ok(())
    }
}

impl SceneInfo {
    pub(crate) fn check(&self) -> Result<(), FieldError> {
        if self.payer_client_ip.parse::<std::net::IpAddr>().is_err() {
            return Err(FieldError::new(
                "scene_info.payer_client_ip",
                "ip",
                &self.payer_client_ip,
                "must be an IPv4 or IPv6 address",
                "须为 IPv4 或 IPv6 地址",
            ));
        }
        optional("scene_info.device_id", self.device_id.as_ref(), 32)?;
        if let Some(store) = &self.store_info {
            text("scene_info.store_info.id", &store.id, 1, 32)?;
            optional("scene_info.store_info.name", store.name.as_ref(), 256)?;
            optional("scene_info.store_info.area_code", store.area_code.as_ref(), 32)?;
            optional("scene_info.store_info.address", store.address.as_ref(), 512)?;
        }
        if let Some(h5) = &self.h5_info {
            one_of("scene_info.h5_info.type", &h5.kind, &["Wap", "iOS", "Android", "IOS"])?;
            optional("scene_info.h5_info.app_name", h5.app_name.as_ref(), 64)?;
            optional("scene_info.h5_info.app_url", h5.app_url.as_ref(), 128)?;
            optional("scene_info.h5_info.bundle_id", h5.bundle_id.as_ref(), 128)?;
            optional("scene_info.h5_info.package_name", h5.package_name.as_ref(), 128)?;
        }
        Ok(())
    }
}
