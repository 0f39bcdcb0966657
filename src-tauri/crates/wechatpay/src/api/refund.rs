//! Refunds (reference 7): apply, query, and the way out of an abnormal one. After an unclear result the *same*
//! `out_refund_no` with the same parameters is asked again; a new number may refund twice.

use serde::Serialize;

use crate::api::objects::RefundObject;
use crate::api::rules::{currency, encrypted, named_key, one_of, optional, text};
use crate::api::{AnswerError, Request, VerifiedAnswer, encoded};
use crate::error::FieldError;
use crate::ids::{NotifyUrl, OutRefundNo, OutTradeNo, RefundId, TransactionId};
use crate::money::Fen;

/// Which payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Of {
    /// By the merchant's number.
    Order {
        /// 商户订单号
        out_trade_no: OutTradeNo,
    },
    /// By WeChat Pay's number.
    Payment {
        /// 微信支付订单号
        transaction_id: TransactionId,
    },
}

/// `amount` of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Fen, 1 to what remains.
    pub refund: Fen,
    /// Fen, the order's total.
    pub total: Fen,
    /// `CNY`.
    pub currency: String,
    /// From which accounts; special permission.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<From>,
}

/// One source of the refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct From {
    /// `AVAILABLE`, `UNAVAILABLE`.
    pub account: String,
    /// Fen.
    pub amount: Fen,
}

/// One kind of goods that comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefundedGoods {
    /// At most 32.
    pub merchant_goods_id: String,
    /// At most 32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wechatpay_goods_id: Option<String>,
    /// At most 256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goods_name: Option<String>,
    /// Fen.
    pub unit_price: Fen,
    /// Fen.
    pub refund_amount: Fen,
    /// Pieces.
    pub refund_quantity: u32,
}

/// Asks for a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refund {
    /// Which payment.
    #[serde(flatten)]
    pub of: Of,
    /// The refund's own number.
    pub out_refund_no: OutRefundNo,
    /// Shown to the payer, at most 80 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Without it the platform's setting counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_url: Option<NotifyUrl>,
    /// `AVAILABLE`, `UNSETTLED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub funds_account: Option<String>,
    /// Money.
    pub amount: Amount,
    /// Goods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub goods_detail: Vec<RefundedGoods>,
}

impl Refund {
    /// The least that a refund needs.
    pub fn new(of: Of, out_refund_no: OutRefundNo, refund: Fen, total: Fen) -> Self {
        let amount = Amount { refund, total, currency: "CNY".into(), from: Vec::new() };
        Refund {
            of,
            out_refund_no,
            reason: None,
            notify_url: None,
            funds_account: None,
            amount,
            goods_detail: Vec::new(),
        }
    }

    /// The HTTP request, its rules checked.
    ///
    /// # Errors
    /// The first rule that is broken, with field and value.
    pub fn request(&self) -> Result<Request, FieldError> {
        self.amount.total.payable("amount.total")?;
        self.amount.refund.payable("amount.refund")?;
        if self.amount.refund > self.amount.total {
            return Err(FieldError::new(
                "amount.refund",
                "maximum",
                &self.amount.refund.get().to_string(),
                format!("must not be more than the order's {}", self.amount.total),
                format!("不能超过订单金额 {}", self.amount.total),
            ));
        }
        currency("amount.currency", &self.amount.currency)?;
        optional("reason", self.reason.as_ref(), 80)?;
        if let Some(account) = &self.funds_account {
            one_of("funds_account", account, &["AVAILABLE", "UNSETTLED"])?;
        }
        for (at, from) in self.amount.from.iter().enumerate() {
            one_of(&format!("amount.from[{at}].account"), &from.account, &["AVAILABLE", "UNAVAILABLE"])?;
            from.amount.payable(&format!("amount.from[{at}].amount"))?;
        }
        if !self.amount.from.is_empty() {
            let sum = self.amount.from.iter().try_fold(Fen::default(), |sum, from| sum.checked_add(from.amount));
            if sum != Some(self.amount.refund) {
                let shown = sum.map_or_else(|| "∞".into(), |s| s.get().to_string());
                return Err(FieldError::new(
                    "amount.from",
                    "sum",
                    &shown,
                    "must add up to amount.refund",
                    "各账户金额之和须等于 amount.refund",
                ));
            }
        }
        for (at, goods) in self.goods_detail.iter().enumerate() {
            text(&format!("goods_detail[{at}].merchant_goods_id"), &goods.merchant_goods_id, 1, 32)?;
            optional(&format!("goods_detail[{at}].goods_name"), goods.goods_name.as_ref(), 256)?;
            optional(&format!("goods_detail[{at}].wechatpay_goods_id"), goods.wechatpay_goods_id.as_ref(), 32)?;
        }
        let body =
            serde_json::to_vec(self).map_err(|e| FieldError::new("body", "json", "", e.to_string(), e.to_string()))?;
        Ok(Request::post("/v3/refund/domestic/refunds", body, "refund"))
    }

    /// The refund, which must be the one that was asked for.
    ///
    /// # Errors
    /// Not understood, or another refund.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<RefundObject, AnswerError> {
        the_one(answer.read()?, &self.out_refund_no)
    }
}

fn the_one(refund: RefundObject, asked: &OutRefundNo) -> Result<RefundObject, AnswerError> {
    if refund.out_refund_no == asked.as_str() {
        Ok(refund)
    } else {
        Err(AnswerError::NotUnderstood("the answer is about another refund".into()))
    }
}

/// Queries a refund by its own number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundQuery {
    /// The refund.
    pub out_refund_no: OutRefundNo,
}

impl RefundQuery {
    /// The HTTP request; a direct merchant sends no query string.
    pub fn request(&self) -> Request {
        Request::get(format!("/v3/refund/domestic/refunds/{}", encoded(self.out_refund_no.as_str())), "refund_query")
    }

    /// The refund, which must be the one that was asked for.
    ///
    /// # Errors
    /// Not understood, or another refund.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<RefundObject, AnswerError> {
        the_one(answer.read()?, &self.out_refund_no)
    }
}

/// Where the money of an abnormal refund shall go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
pub enum Destination {
    /// To a bank card of the payer; account and name encrypted with WeChat Pay's key (base64 of RSA-OAEP).
    #[serde(rename = "USER_BANK_CARD")]
    UserBankCard {
        /// `ICBC_DEBIT`, …
        bank_type: String,
        /// Encrypted.
        bank_account: String,
        /// Encrypted.
        real_name: String,
    },
    /// To the merchant's own settlement account.
    #[serde(rename = "MERCHANT_BANK_CARD")]
    MerchantBankCard,
}

/// Settles a refund that is `ABNORMAL` (reference 7.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbnormalRefund {
    /// WeChat Pay's number of the refund.
    pub refund_id: RefundId,
    /// The merchant's.
    pub out_refund_no: OutRefundNo,
    /// Where to.
    pub destination: Destination,
    /// The serial of the key that encrypted account and name; it goes out as `Wechatpay-Serial`.
    pub encrypted_for: String,
}

impl AbnormalRefund {
    /// The HTTP request, its rules checked.
    ///
    /// # Errors
    /// A bank that is not in the list, or sensitive fields that are not encrypted.
    pub fn request(&self) -> Result<Request, FieldError> {
        const BANKS: [&str; 15] = [
            "CMB", "COMM", "ABC", "CCB", "ICBC", "BOC", "PAB", "SPDB", "CITIC", "CEB", "CMBC", "CIB", "GDB", "PSBC",
            "NBCB",
        ];
        if let Destination::UserBankCard { bank_type, bank_account, real_name } = &self.destination {
            if !bank_type.strip_suffix("_DEBIT").is_some_and(|bank| BANKS.contains(&bank)) {
                return Err(FieldError::new(
                    "bank_type",
                    "one_of",
                    bank_type,
                    "must be one of the listed banks with _DEBIT",
                    "须为支持的银行加 _DEBIT",
                ));
            }
            encrypted("bank_account", bank_account)?;
            encrypted("real_name", real_name)?;
            named_key("bank_account", Some(&self.encrypted_for))?;
        }
        #[derive(Serialize)]
        struct Body<'a> {
            out_refund_no: &'a OutRefundNo,
            #[serde(flatten)]
            destination: &'a Destination,
        }
        let body = serde_json::to_vec(&Body { out_refund_no: &self.out_refund_no, destination: &self.destination })
            .map_err(|e| FieldError::new("body", "json", "", e.to_string(), e.to_string()))?;
        let target = format!("/v3/refund/domestic/refunds/{}/apply-abnormal-refund", self.refund_id);
        Ok(Request {
            encrypted_for: Some(self.encrypted_for.clone()),
            ..Request::post(target, body, "abnormal_refund")
        })
    }

    /// The refund.
    ///
    /// # Errors
    /// Not understood, or another refund.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<RefundObject, AnswerError> {
        the_one(answer.read()?, &self.out_refund_no)
    }
}
