//! What can be wrong: a field before anything is sent, and the gateway's refusal afterwards with what to do about it.

use std::fmt;

use serde_json::Value;

/// A value that breaks a rule of its field; found before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field under its wire name, `amount.total`.
    pub field: String,
    /// The rule, a stable word.
    pub rule: &'static str,
    /// The value, cut after 64 characters.
    pub value: String,
    /// What is asked for, in English.
    pub en: String,
    /// What is asked for, in Chinese.
    pub zh: String,
}

impl FieldError {
    /// Names field, rule and value.
    pub fn new(field: &str, rule: &'static str, value: &str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        let value = value.chars().take(64).collect();
        FieldError { field: field.to_owned(), rule, value, en: en.into(), zh: zh.into() }
    }

    /// The same error under another field's name, e.g. for a list's entry.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.field = field.to_owned();
        self
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (got {:?})", self.field, self.en, self.value)
    }
}

impl std::error::Error for FieldError {}

/// What to do after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Advice {
    /// The same parameters again, after a pause, with a fresh time stamp, nonce and signature.
    RetryAsIs,
    /// The outcome is not known, or the thing may already be done: query before anything else.
    QueryFirst,
    /// Something in the request or the configuration is to be mended.
    MendAndRetry,
    /// No repetition helps.
    GiveUp,
}

impl Advice {
    /// A stable word.
    pub fn slug(self) -> &'static str {
        match self {
            Advice::RetryAsIs => "retry_as_is",
            Advice::QueryFirst => "query_first",
            Advice::MendAndRetry => "mend_and_retry",
            Advice::GiveUp => "give_up",
        }
    }
}

/// The gateway's refusal (reference 11). Branch on status and code, never on the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// `code`; empty where the body is (unknown path or method) or is no JSON.
    pub code: String,
    /// `message`, in the language of the request.
    pub message: String,
    /// `detail`, where WeChat Pay gives one.
    pub detail: Option<Value>,
    /// The Request-ID header.
    pub request_id: Option<String>,
}

impl ApiError {
    /// Reads a refusal; a body that is no JSON leaves code and message empty, which the advice takes into account.
    pub fn read(status: u16, body: &[u8], request_id: Option<&str>) -> Self {
        let envelope: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |name: &str| envelope.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        ApiError {
            status,
            code: text("code"),
            message: text("message"),
            detail: envelope.get("detail").filter(|detail| !detail.is_null()).cloned(),
            request_id: request_id.map(str::to_owned),
        }
    }

    /// The code without underscores: spellings changed over the years (`ORDERPAID`, `ORDER_PAID`).
    pub fn bare_code(&self) -> String {
        self.code.replace('_', "").to_ascii_uppercase()
    }

    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self.bare_code().as_str() {
            "ORDERPAID" | "OUTTRADENOUSED" | "USERPAYING" => Advice::QueryFirst,
            "FREQUENCYLIMITED" | "RATELIMITEXCEEDED" | "RATELIMITED" => Advice::RetryAsIs,
            "SYSTEMERROR" | "BANKERROR" | "SERVICEUNAVAILABLE" | "STATEMENTCREATING" | "ORDERNOTREADY" => {
                Advice::RetryAsIs
            }
            "PARAMERROR"
            | "INVALIDREQUEST"
            | "SIGNERROR"
            | "APPIDMCHIDNOTMATCH"
            | "MCHNOTEXISTS"
            | "NOAUTH"
            | "OPENIDMISMATCH"
            | "NOTENOUGH"
            | "INVALIDTRANSACTIONID"
            | "REFUNDFEEMISMATCH" => Advice::MendAndRetry,
            "ORDERCLOSED"
            | "ORDERNOTEXIST"
            | "RESOURCENOTEXISTS"
            | "NOSTATEMENTEXIST"
            | "ACCOUNTERROR"
            | "RULELIMIT"
            | "USERACCOUNTABNORMAL"
            | "TRADEOVERDUE" => Advice::GiveUp,
            "TRADEERROR" => Advice::QueryFirst,
            _ => match self.status {
                408 | 425 | 429 | 500..=599 => Advice::RetryAsIs,
                _ => Advice::MendAndRetry,
            },
        }
    }

    /// What to do next after a refusal of the call with this `Request::purpose`: a refund that met a limit or a failure
    /// inside may be under way all the same, so it is queried first (reference 7.4).
    pub fn advice_for(&self, purpose: &str) -> Advice {
        match (self.advice(), purpose) {
            (Advice::RetryAsIs, "refund" | "abnormal_refund") => Advice::QueryFirst,
            (advice, _) => advice,
        }
    }

    /// The number at the end of the Request-ID, explained (reference 11.5): (Chinese, English).
    pub fn request_id_meaning(&self) -> Option<(&'static str, &'static str)> {
        let (_, number) = self.request_id.as_deref()?.rsplit_once('-')?;
        request_id_meaning(number)
    }

    /// What the code means and what to do: (Chinese, English).
    pub fn meaning(&self) -> (&'static str, &'static str) {
        match self.bare_code().as_str() {
            "PARAMERROR" => (
                "参数不符合规则，按 detail 修改后重试",
                "a parameter breaks a rule: mend what detail names and try again",
            ),
            "INVALIDREQUEST" => {
                ("请求不符合业务规则，按提示修改", "the request breaks a business rule: mend what the message names")
            }
            "SIGNERROR" => {
                ("签名没有通过：用签名诊断看是哪一处错了", "the signature was refused: the doctor names the mistake")
            }
            "APPIDMCHIDNOTMATCH" => (
                "AppID 没有绑定到这个商户号：在商户平台绑定",
                "the appid is not bound to this mchid: bind it in the merchant platform",
            ),
            "MCHNOTEXISTS" => ("商户号不存在：检查 mchid", "the merchant number does not exist: check mchid"),
            "ORDERCLOSED" => {
                ("订单已关闭：换新的商户订单号重新下单", "the order is closed: place a new one under a new number")
            }
            "ORDERPAID" => {
                ("订单已支付：查询订单，不要重新下单", "the order is already paid: query it, do not order again")
            }
            "OUTTRADENOUSED" => (
                "商户订单号已用过：先查询，再决定用原参数或新订单号",
                "the number was used before: query it, then use the same parameters or a new number",
            ),
            "ORDERNOTEXIST" => {
                ("订单不存在：检查订单号，或重新下单", "there is no such order: check the number, or place it")
            }
            "RESOURCENOTEXISTS" => ("要找的单据不存在：检查单号", "there is no such thing: check the number"),
            "NOSTATEMENTEXIST" => (
                "当天没有账单：当天没有交易，或 10 点前还没生成",
                "there is no bill: no trade that day, or it is not yet 10:00 of the next day",
            ),
            "STATEMENTCREATING" => ("账单生成中：稍后再取", "the bill is being made: try later"),
            "NOAUTH" => (
                "商户没有这个产品的权限：在商户平台的产品中心开通",
                "the merchant lacks this product: open it in the merchant platform's product centre",
            ),
            "ACCOUNTERROR" => ("账号异常：联系微信支付", "the account is abnormal: contact WeChat Pay"),
            "RULELIMIT" => ("被业务规则限制：看提示文字", "limited by a business rule: see the message"),
            "TRADEERROR" => ("交易错误：先查询订单", "the trade failed: query the order first"),
            "NOTENOUGH" => {
                ("余额不足：充值后用原单号重试", "not enough funds: top up, then repeat with the same number")
            }
            "USERACCOUNTABNORMAL" => {
                ("用户账户异常或已注销：线下处理", "the payer's account is abnormal or closed: settle it outside")
            }
            "FREQUENCYLIMITED" | "RATELIMITEXCEEDED" => (
                "请求太频繁：稍后用原参数重试；退款先查询",
                "too many requests: repeat later with the same parameters; for a refund query first",
            ),
            "SYSTEMERROR" => (
                "微信支付系统忙：用原参数、原单号重试，不要换单号",
                "WeChat Pay is busy: repeat with the same parameters and number, never a new number",
            ),
            "SERVICEUNAVAILABLE" => {
                ("服务暂不可用：稍后重试，或用备用域名", "the service is unavailable: try later, or at the backup host")
            }
            "OPENIDMISMATCH" => (
                "openid 不属于这个 AppID：用同一个 AppID 登录取得的 openid",
                "the openid is of another appid: use one from a login under this appid",
            ),
            "INVALIDTRANSACTIONID" => {
                ("微信支付订单号无效：检查 transaction_id", "the transaction id is not valid: check it")
            }
            "BANKERROR" => ("银行系统异常：用原参数重试", "the bank's system failed: repeat with the same parameters"),
            "USERPAYING" => ("用户支付中：稍后查询订单", "the payer is paying: query the order later"),
            "TRADEOVERDUE" => (
                "超过退款期限（支付成功后 365 天）：线下处理",
                "too late for a refund (365 days after payment): settle it outside",
            ),
            "REFUNDFEEMISMATCH" => (
                "订单金额与原订单不一致：amount.total 须为原订单金额",
                "amount.total differs from the order's: it must be the original total",
            ),
            "ORDERNOTREADY" => (
                "订单处理中，暂时不能退款：稍后用原单号重试",
                "the order is not ready for a refund: repeat later with the same number",
            ),
            _ => match self.status {
                404 => ("网关没有这个路径", "the gateway has no such path"),
                405 => ("网关的这个路径不接受这个方法", "the gateway does not take this method there"),
                500..=599 => {
                    ("微信支付内部错误：用原参数重试", "WeChat Pay failed inside: repeat with the same parameters")
                }
                _ => ("微信支付拒绝了请求", "WeChat Pay refused the request"),
            },
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}: {}", self.code, self.message)?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (Request-ID {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}

/// A number at the end of a Request-ID, explained: (Chinese, English).
pub fn request_id_meaning(number: &str) -> Option<(&'static str, &'static str)> {
    Some(match number {
        "0" => ("成功", "success"),
        "268512771" => ("订单不存在", "the order does not exist"),
        "268447840" => ("请求频率超过限制", "too many requests"),
        "268435461" => ("参数非法", "a parameter is not legal"),
        "268435464" => ("参数超出取值范围", "a parameter is out of range"),
        "268449538" | "268498689" => ("该订单已支付", "the order is already paid"),
        "270924358" => ("参数中含有非法的额外参数", "there are extra parameters that are not allowed"),
        "268443715" => ("商户状态为不可用或者已经注销", "the merchant is not usable or was closed"),
        "268447843" => ("商户号和订单不匹配", "the merchant number is not the order's"),
        "268447914" => ("该订单已失效", "the order is no longer valid"),
        "268448010" => ("此商家的收款功能已被限制", "this merchant's right to collect is restricted"),
        "268449641" => ("当前交易不允许进行普通关单（只能撤销）", "this trade can't be closed, only revoked"),
        "268443699" => ("签名错误", "the signature is wrong"),
        "268501013" => ("JSAPI支付必须传openid", "JSAPI needs an openid"),
        "268498688" => ("请求重入时，参数与首次请求时不一致", "asked again with other parameters than the first time"),
        "268445527" => ("appid和mch_id不匹配", "appid and mchid are not bound to each other"),
        _ => return None,
    })
}
