//! What the gateway tells: transactions, refunds, combined orders. Unknown fields are kept in `extra`, unknown words of
//! an enumeration survive as they came: the gateway grows without asking.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::money::Fen;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal $(| $alias:literal)*),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A word that this version doesn't know.
            Other(String),
        }

        impl $name {
            /// The word on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$variant => $word,)+
                    $name::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word $(| $alias)* => $name::$variant,)+
                    other => $name::Other(other.to_owned()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(String::deserialize(deserializer)?.as_str().into())
            }
        }
    };
}

words!(
    /// `trade_state` (reference 6.2).
    TradeState {
        /// 支付成功
        Success = "SUCCESS",
        /// 转入退款: set by any refund, partial too.
        Refund = "REFUND",
        /// 未支付
        NotPay = "NOTPAY",
        /// 已关闭
        Closed = "CLOSED",
        /// 已撤销, micropay only.
        Revoked = "REVOKED",
        /// 用户支付中, micropay only.
        UserPaying = "USERPAYING",
        /// 支付失败, micropay only.
        PayError = "PAYERROR",
    }
);

words!(
    /// `status` of a refund and `refund_status` of its notification; `CLOSE` is an older spelling of `CLOSED`.
    RefundStatus {
        /// The money is back.
        Success = "SUCCESS",
        /// It will not be refunded.
        Closed = "CLOSED" | "CLOSE",
        /// Under way.
        Processing = "PROCESSING",
        /// The account can't take it: a person decides (abnormal refund).
        Abnormal = "ABNORMAL",
    }
);

/// `amount` of a transaction. Before payment only `total` is assured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionAmount {
    /// The order's, fen.
    pub total: Fen,
    /// What the payer paid after coupons, fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer_total: Option<Fen>,
    /// `CNY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// `CNY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer_currency: Option<String>,
    /// What this version doesn't know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Who paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payer {
    /// Under the order's appid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openid: Option<String>,
    /// What this version doesn't know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A transaction: answer of a query and content of a payment notification (reference 6.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// App.
    pub appid: String,
    /// Merchant number.
    pub mchid: String,
    /// The merchant's number.
    pub out_trade_no: String,
    /// WeChat Pay's number, once paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// `JSAPI` (mini-program too), `NATIVE`, `APP`, `MWEB` (H5), …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trade_type: Option<String>,
    /// State.
    pub trade_state: TradeState,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trade_state_desc: Option<String>,
    /// `OTHERS` is the wallet and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank_type: Option<String>,
    /// Merchant data, after payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<String>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_time: Option<String>,
    /// Who paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<Payer>,
    /// Money. A query of an unpaid order may lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<TransactionAmount>,
    /// Coupons, scene and what this version doesn't know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `amount` of a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundAmount {
    /// The order's, fen.
    pub total: Fen,
    /// This refund's, fen.
    pub refund: Fen,
    /// What the payer paid, fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer_total: Option<Fen>,
    /// What goes back to the payer, fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer_refund: Option<Fen>,
    /// `settlement_refund`, `discount_refund`, `from`, … as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A refund: answer of apply and query (reference 7.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundObject {
    /// WeChat Pay's number.
    pub refund_id: String,
    /// The merchant's number.
    pub out_refund_no: String,
    /// The payment.
    pub transaction_id: String,
    /// The order.
    pub out_trade_no: String,
    /// State.
    pub status: RefundStatus,
    /// `ORIGINAL`, `BALANCE`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// `招商银行信用卡0403`, `支付用户零钱`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_received_account: Option<String>,
    /// RFC 3339, when succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_time: Option<String>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<String>,
    /// `UNSETTLED`, `AVAILABLE`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funds_account: Option<String>,
    /// Money.
    pub amount: RefundAmount,
    /// Coupons and what this version doesn't know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The content of a refund notification; the state is called `refund_status` here (reference 8.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundNotice {
    /// Merchant number.
    pub mchid: String,
    /// The payment.
    pub transaction_id: String,
    /// The order.
    pub out_trade_no: String,
    /// WeChat Pay's number.
    pub refund_id: String,
    /// The merchant's number.
    pub out_refund_no: String,
    /// State.
    pub refund_status: RefundStatus,
    /// RFC 3339, when succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_time: Option<String>,
    /// Where the money went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_received_account: Option<String>,
    /// Money.
    pub amount: RefundAmount,
    /// What this version doesn't know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `amount` of a sub-order: other names than a single order's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubOrderAmount {
    /// Fen.
    pub total_amount: Fen,
    /// Fen, after coupons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer_amount: Option<Fen>,
    /// `CNY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// What this version doesn't know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One order of a combined payment as the gateway tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubOrder {
    /// Merchant number.
    pub mchid: String,
    /// The merchant's number.
    pub out_trade_no: String,
    /// WeChat Pay's number, once paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// As of a single order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trade_type: Option<String>,
    /// State.
    pub trade_state: TradeState,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_time: Option<String>,
    /// Money.
    pub amount: SubOrderAmount,
    /// What this version doesn't know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A combined payment (合单): answer of its query and content of its notification (reference 10.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CombinedTransaction {
    /// App of who combined.
    pub combine_appid: String,
    /// Merchant number of who combined.
    pub combine_mchid: String,
    /// The number of the whole.
    pub combine_out_trade_no: String,
    /// 2 to 10 for direct merchants; all are paid or none is.
    pub sub_orders: Vec<SubOrder>,
    /// Who paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub combine_payer_info: Option<Payer>,
    /// What this version doesn't know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}
