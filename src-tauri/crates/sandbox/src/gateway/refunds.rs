//! Refunds: apply, query, and the abnormal refund (reference 7).

use guitai_door::Request;
use wechatpay::ids::{OutRefundNo, OutTradeNo};

use super::fields::{Fields, missing, wrong_form};
use super::prepay::{check_notify_url, currency};
use super::sealed::{must_open, need_serial};
use super::{Books, Caller, Granted, Refused};
use crate::ledger::{RefundDraft, RefundError};

const TOP: [&str; 10] = [
    "transaction_id",
    "out_trade_no",
    "out_refund_no",
    "reason",
    "notify_url",
    "funds_account",
    "amount",
    "goods_detail",
    "sub_mchid",
    "settle_info",
];

/// Banks that take an abnormal refund; with `_DEBIT` behind it each is a `bank_type`.
const BANKS: [&str; 15] =
    ["CMB", "COMM", "ABC", "CCB", "ICBC", "BOC", "PAB", "SPDB", "CITIC", "CEB", "CMBC", "CIB", "GDB", "PSBC", "NBCB"];

/// Asks for a refund.
pub(super) fn apply(request: &Request, caller: &Caller, books: &mut Books<'_>) -> Result<Granted, Refused> {
    let fields = Fields::read(&request.body, books.switches.strict_fields)?;
    fields.only(&TOP)?;
    let transaction_id = fields.text("/transaction_id", "微信支付订单号", 0..=32)?.filter(|t| !t.is_empty());
    let out_trade_no = fields.text("/out_trade_no", "商户订单号", 0..=32)?.filter(|t| !t.is_empty());
    if transaction_id.is_none() && out_trade_no.is_none() {
        return Err(missing("/transaction_id", "微信支付订单号"));
    }
    if let Some(number) = out_trade_no
        && OutTradeNo::parse(number).is_err()
    {
        return Err(wrong_form("body", "/out_trade_no", "商户订单号", number));
    }
    let out_refund_no = fields.need_text("/out_refund_no", "商户退款单号", 1..=64)?;
    if OutRefundNo::parse(out_refund_no).is_err() {
        return Err(wrong_form("body", "/out_refund_no", "商户退款单号", out_refund_no));
    }
    fields.text("/reason", "退款原因", 0..=80)?;
    let notify_url = fields.text("/notify_url", "退款结果回调url", 0..=256)?.filter(|t| !t.is_empty());
    if let Some(url) = notify_url {
        check_notify_url(url, "/notify_url", books.switches)?;
    }
    let funds_account = fields.choice("/funds_account", "退款资金来源", &["AVAILABLE", "UNSETTLED"])?;
    fields.need_object("/amount", "金额信息")?;
    let refund = fields.need_int("/amount/refund", "退款金额", 1)?;
    let total = fields.need_int("/amount/total", "原订单金额", 1)?;
    fields.need_text("/amount/currency", "退款币种", 1..=16)?;
    currency(&fields, "/amount/currency", "退款币种")?;
    let mut from = 0_i64;
    for index in 0..fields.list("/amount/from", "退款出资账户及金额")?.map_or(0, Vec::len) {
        let accounts = ["AVAILABLE", "UNAVAILABLE"];
        fields.need_choice(&format!("/amount/from/{index}/account"), "出资账户类型", &accounts)?;
        from = from.saturating_add(fields.need_int(&format!("/amount/from/{index}/amount"), "出资金额", 1)?);
    }
    if from != 0 && from != refund {
        return Err(Refused::invalid(
            "退款出资金额之和与退款金额不一致",
            "The sum of amount.from is not amount.refund",
        ));
    }
    for index in 0..fields.list("/goods_detail", "退款商品")?.map_or(0, Vec::len) {
        let at = |name: &str| format!("/goods_detail/{index}/{name}");
        fields.need_text(&at("merchant_goods_id"), "商户侧商品编码", 1..=32)?;
        fields.text(&at("wechatpay_goods_id"), "微信支付商品编码", 0..=32)?;
        fields.text(&at("goods_name"), "商品名称", 0..=256)?;
        fields.need_int(&at("unit_price"), "商品单价", 0)?;
        fields.need_int(&at("refund_amount"), "商品退款金额", 0)?;
        fields.need_int(&at("refund_quantity"), "商品退货数量", 1)?;
    }
    // What was taken before is answered as before, whatever the balance is now.
    if books.switches.not_enough && books.ledger.refund(&caller.merchant.mchid, out_refund_no).is_none() {
        return Err(Refused::new(403, "NOT_ENOUGH", "余额不足", "The balance is not enough"));
    }
    let draft = RefundDraft {
        mchid: caller.merchant.mchid.clone(),
        transaction_id: transaction_id.map(str::to_owned),
        out_trade_no: out_trade_no.map(str::to_owned),
        out_refund_no: out_refund_no.to_owned(),
        notify_url: notify_url.map(str::to_owned),
        funds_account: funds_account.map(str::to_owned),
        refund,
        total,
        parameters: fields.digest("refund"),
        by_public_key: caller.by_public_key,
        needs_interval: books.switches.refund_interval,
    };
    let refund = books.ledger.ask_refund(draft, books.now).map_err(refused)?;
    Ok(Granted::json(&refund.object()))
}

/// Where a refund stands.
pub(super) fn query(number: &str, caller: &Caller, books: &mut Books<'_>) -> Result<Granted, Refused> {
    let refund = books.ledger.refund(&caller.merchant.mchid, number).ok_or_else(|| refused(RefundError::NoRefund))?;
    Ok(Granted::json(&refund.object()))
}

/// A person decides where the money of an abnormal refund goes.
pub(super) fn abnormal(
    refund_id: &str,
    request: &Request,
    caller: &Caller,
    books: &mut Books<'_>,
) -> Result<Granted, Refused> {
    need_serial(request)?;
    let fields = Fields::read(&request.body, books.switches.strict_fields)?;
    fields.only(&["out_refund_no", "type", "bank_type", "bank_account", "real_name", "sub_mchid"])?;
    let out_refund_no = fields.need_text("/out_refund_no", "商户退款单号", 1..=64)?;
    match fields.need_text("/type", "异常退款处理方式", 1..=32)? {
        "MERCHANT_BANK_CARD" => {}
        "USER_BANK_CARD" => {
            let bank = fields.need_text("/bank_type", "开户银行", 1..=16)?;
            if !bank.strip_suffix("_DEBIT").is_some_and(|name| BANKS.contains(&name)) {
                return Err(wrong_form("body", "/bank_type", "开户银行", bank));
            }
            for (pointer, name) in [("/bank_account", "收款银行卡号"), ("/real_name", "收款用户姓名")] {
                let sealed = fields.need_text(pointer, name, 1..=1_024)?;
                must_open(caller, sealed)?;
            }
        }
        other => return Err(wrong_form("body", "/type", "异常退款处理方式", other)),
    }
    let refund =
        books.ledger.handle_abnormal(&caller.merchant.mchid, refund_id, out_refund_no, books.now).map_err(refused)?;
    Ok(Granted::json(&refund.object()))
}

fn refused(why: RefundError) -> Refused {
    let invalid = |zh: &str, en: &str| Refused::invalid(zh, en);
    match why {
        RefundError::NoOrder => Refused::new(404, "RESOURCE_NOT_EXISTS", "订单不存在", "The order does not exist"),
        RefundError::NoRefund => Refused::new(404, "RESOURCE_NOT_EXISTS", "退款单不存在", "The refund does not exist"),
        RefundError::NumbersDisagree => {
            invalid("微信订单号与商户订单号不匹配", "transaction_id and out_trade_no name different orders")
                .with_inner(268_447_843)
        }
        RefundError::NotPaid => invalid("订单未支付，不能退款", "The order is not paid"),
        RefundError::Changed => {
            invalid("请求重入时，参数与首次请求时不一致", "The parameters differ from those of the first request")
                .with_inner(268_498_688)
        }
        RefundError::TotalDiffers => invalid("订单金额与原订单金额不一致", "amount.total is not the order's total"),
        RefundError::TooMuch => invalid("退款金额超过订单可退金额", "The refund is more than is left of the order"),
        RefundError::TooLate => invalid("订单已超过一年，不能退款", "The order was paid more than a year ago"),
        RefundError::TooManyParts => invalid("部分退款次数超过 50 次", "More than 50 partial refunds"),
        RefundError::TooSoon => {
            invalid("同一订单两次部分退款须间隔 1 分钟", "Two partial refunds need a minute between them")
        }
        RefundError::NotAbnormal => invalid("退款单状态不是退款异常", "The refund is not abnormal"),
    }
}
