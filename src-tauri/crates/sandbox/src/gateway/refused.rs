//! How the gateway says no: status, code, the text in the language that was asked for, the detail, the number at the end of
//! the Request-ID (reference 11). Texts marked «approximate» were not seen live.

use serde_json::{Map, Value, json};

use crate::faults::{ApiFaultKind, Strike};

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

    /// The refusal that a fault stands for, in the words that it was given if any; `None`: the fault does something else
    /// than refuse.
    pub(crate) fn by_fault(strike: &Strike, path: &str) -> Option<Refused> {
        let refused = Refused::of_kind(strike.fault?, path)?;
        Some(match &strike.message {
            Some(text) => Refused { zh: text.clone(), en: text.clone(), ..refused },
            None => refused,
        })
    }

    fn of_kind(fault: ApiFaultKind, path: &str) -> Option<Refused> {
        use ApiFaultKind as Fault;
        let new = Refused::new;
        Some(match fault {
            Fault::Http500 => Refused::bare(500),
            Fault::FrequencyLimited => Refused::frequency(),
            Fault::SystemError => Refused::system_error(),
            Fault::UserPaying => new(202, "USERPAYING", "用户支付中，请稍候", "The payer is paying"),
            Fault::StatementCreating => new(400, "STATEMENT_CREATING", "账单生成中", "The bill is being made"),
            Fault::MchNotExists => {
                let status = if path.starts_with("/v3/refund/") { 404 } else { 400 };
                new(status, "MCH_NOT_EXISTS", "商户号不存在", "The mchid does not exist")
            }
            Fault::NoAuth => new(
                403,
                "NO_AUTH",
                "商户号该产品权限未开通，请前往商户平台>产品中心检查后重试",
                "The product is not open to the merchant, see the product centre of the merchant platform",
            ),
            Fault::AccountError => {
                new(403, "ACCOUNT_ERROR", "账号异常", "The account is abnormal").with_inner(268_443_715)
            }
            Fault::RuleLimit => {
                new(403, "RULE_LIMIT", "业务规则限制", "A business rule forbids it").with_inner(268_448_010)
            }
            Fault::TradeError => new(403, "TRADE_ERROR", "交易错误", "The trade can't be done").with_inner(268_449_641),
            Fault::NotEnough => new(403, "NOT_ENOUGH", "余额不足", "The balance is not enough"),
            Fault::UserAccountAbnormal => {
                new(403, "USER_ACCOUNT_ABNORMAL", "用户账户异常", "The payer's account is closed or abnormal")
            }
            Fault::RateLimitExceeded => {
                new(429, "RATELIMIT_EXCEEDED", "请求频率超过限制", "Too many requests").with_inner(268_447_840)
            }
            Fault::BankError => new(500, "BANKERROR", "银行系统异常", "The bank's system is abnormal"),
            Fault::OpenidMismatch => {
                new(500, "OPENID_MISMATCH", "appid与openid不匹配", "The openid is not one of this appid")
            }
            Fault::InvalidTransactionId => {
                new(500, "INVALID_TRANSACTIONID", "无效的微信支付订单号", "The transaction_id is invalid")
            }
            Fault::ServiceUnavailable => {
                new(503, "SERVICE_UNAVAILABLE", "服务不可用，请稍后重试", "The service is unavailable, try again later")
            }
            Fault::Http502 => {
                new(502, "SERVICE_UNAVAILABLE", "服务不可用，请稍后重试", "The service is unavailable, try again later")
            }
            Fault::SignError => new(401, "SIGN_ERROR", "验证不通过", "The signature does not verify"),
            Fault::ParamError => new(400, "PARAM_ERROR", "参数错误", "A parameter is wrong"),
            Fault::InvalidRequest => new(400, "INVALID_REQUEST", "无效请求", "The request is invalid"),
            Fault::AppidMchidNotMatch => {
                new(400, "APPID_MCHID_NOT_MATCH", "AppID和mch_id不匹配", "The appid is not bound to the mchid")
            }
            Fault::OrderClosed => new(400, "ORDER_CLOSED", "订单已关闭", "The order is closed"),
            Fault::OrderPaid => new(400, "ORDER_PAID", "该订单已支付", "The order is paid").with_inner(268_498_689),
            Fault::ResourceNotExists => {
                new(404, "RESOURCE_NOT_EXISTS", "原订单不存在", "The original order does not exist")
            }
            Fault::TradeOverdue => {
                new(400, "TRADE_OVERDUE", "订单已超过退款期限", "The order is too old to be refunded")
            }
            Fault::RefundFeeMismatch => new(
                400,
                "REFUND_FEE_MISMATCH",
                "订单金额或退款金额与之前请求不一致",
                "The amounts are not those of the order or of the first request",
            ),
            Fault::OrderNotReady => {
                new(400, "ORDER_NOT_READY", "订单处理中，暂时无法退款", "The order is not ready for a refund")
            }
            Fault::Timeout | Fault::ConnectionReset | Fault::UnsignedResponse | Fault::WrongSignature => return None,
        })
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
