//! Combined orders: prepay, query, close (reference 10.1).

use guitai_door::Request;
use wechatpay::ids::OutTradeNo;

use super::fields::{Fields, not_allowed, wrong_form};
use super::prepay::{currency, not_placed, notify_url, other_appid, other_mchid, payer, scene, time, total};
use super::{Books, Caller, Granted, Refused};
use crate::ledger::{Combined, Draft, Forbidden, Product};

/// Parts of one combined order.
const PARTS: std::ops::RangeInclusive<usize> = 2..=10;

const TOP: [&str; 9] = [
    "combine_appid",
    "combine_mchid",
    "combine_out_trade_no",
    "scene_info",
    "sub_orders",
    "combine_payer_info",
    "time_start",
    "time_expire",
    "notify_url",
];

/// Places a combined order.
pub(super) fn prepay(
    product: Product,
    request: &Request,
    caller: &Caller,
    books: &mut Books<'_>,
) -> Result<Granted, Refused> {
    let fields = Fields::read(&request.body, books.switches.strict_fields)?;
    fields.only(&TOP)?;
    let merchant = &caller.merchant;
    let appid = fields.need_text("/combine_appid", "合单商户appid", 1..=32)?;
    if fields.need_text("/combine_mchid", "合单发起方商户号", 1..=32)? != merchant.mchid {
        return Err(other_mchid());
    }
    let number = fields.need_text("/combine_out_trade_no", "合单商户订单号", 6..=32)?;
    if OutTradeNo::parse(number).is_err() {
        return Err(wrong_form("body", "/combine_out_trade_no", "合单商户订单号", number));
    }
    let notify_url = notify_url(&fields, "/notify_url", books.switches)?;
    let time_expire = time(&fields, "/time_expire")?;
    time(&fields, "/time_start")?;
    let openid = match product {
        Product::Jsapi => {
            Some(payer(&fields, "/combine_payer_info", "/combine_payer_info/openid", appid, caller, books.switches)?)
        }
        _ => None,
    };
    let device_id = scene(&fields, product)?;
    let count = fields.list("/sub_orders", "子单信息")?.map_or(0, Vec::len);
    if !PARTS.contains(&count) {
        return Err(not_allowed(
            "/sub_orders",
            None,
            "子单数量须为 2 到 10",
            "A combined order has 2 to 10 sub_orders",
        ));
    }
    if appid != merchant.appid {
        return Err(other_appid(appid));
    }
    let mut drafts: Vec<Draft> = Vec::new();
    for index in 0..count {
        let at = |name: &str| format!("/sub_orders/{index}/{name}");
        let mchid = fields.need_text(&at("mchid"), "子单商户号", 1..=32)?;
        if books.keyring.by_mchid(mchid).is_none() {
            return Err(Refused::new(400, "MCH_NOT_EXISTS", "商户号不存在", "The mchid of a sub-order does not exist"));
        }
        let out_trade_no = fields.need_text(&at("out_trade_no"), "子单商户订单号", 6..=32)?;
        if OutTradeNo::parse(out_trade_no).is_err() {
            return Err(wrong_form("body", &at("out_trade_no"), "子单商户订单号", out_trade_no));
        }
        if drafts.iter().any(|d| d.mchid == mchid && d.out_trade_no == out_trade_no) {
            return Err(not_allowed(
                &at("out_trade_no"),
                Some(out_trade_no),
                "子单商户订单号重复",
                "Two sub_orders have the same out_trade_no",
            ));
        }
        fields.need_object(&at("amount"), "订单金额")?;
        let total = total(&fields, &at("amount/total_amount"), "标价金额")?;
        fields.need_text(&at("amount/currency"), "标价币种", 1..=16)?;
        currency(&fields, &at("amount/currency"), "标价币种")?;
        fields.object(&at("settle_info"), "结算信息")?;
        fields.flag(&at("settle_info/profit_sharing"), "是否指定分账")?;
        drafts.push(Draft {
            mchid: mchid.to_owned(),
            appid: appid.to_owned(),
            out_trade_no: out_trade_no.to_owned(),
            product,
            description: fields.need_text(&at("description"), "商品描述", 1..=127)?.to_owned(),
            attach: Some(fields.need_text(&at("attach"), "附加数据", 1..=128)?.to_owned()),
            notify_url: notify_url.clone(),
            total,
            openid: openid.clone(),
            device_id: device_id.clone(),
            time_expire,
            parameters: String::new(),
            by_public_key: caller.by_public_key,
        });
    }
    let combined = Combined {
        seq: 0,
        mchid: merchant.mchid.clone(),
        appid: appid.to_owned(),
        number: number.to_owned(),
        product,
        notify_url,
        parameters: fields.digest(product.trade_type()),
        device_id,
        by_public_key: caller.by_public_key,
        tickets: Vec::new(),
        placed: 0,
        parts: Vec::new(),
    };
    let ticket =
        books.ledger.place_combined(combined, drafts, books.now).map_err(|why| not_placed(why, books.switches))?;
    Ok(Granted::json(&ticket.answer(product)))
}

/// Where a combined order stands.
pub(super) fn query(number: &str, caller: &Caller, books: &mut Books<'_>) -> Result<Granted, Refused> {
    let combined = books.ledger.combined(&caller.merchant.mchid, number).ok_or_else(Refused::order_unknown)?;
    Ok(Granted::json(&books.ledger.combined_object(combined, books.now)))
}

/// Closes all parts.
pub(super) fn close(
    number: &str,
    request: &Request,
    caller: &Caller,
    books: &mut Books<'_>,
) -> Result<Granted, Refused> {
    let fields = Fields::read(&request.body, books.switches.strict_fields)?;
    fields.only(&["combine_appid", "combine_out_trade_no", "sub_orders"])?;
    let appid = fields.need_text("/combine_appid", "合单商户appid", 1..=32)?;
    if appid != caller.merchant.appid {
        return Err(other_appid(appid));
    }
    let mut numbers = Vec::new();
    for index in 0..fields.list("/sub_orders", "子单信息")?.map_or(0, Vec::len) {
        let mchid = fields.need_text(&format!("/sub_orders/{index}/mchid"), "子单商户号", 1..=32)?;
        let number = fields.need_text(&format!("/sub_orders/{index}/out_trade_no"), "子单商户订单号", 6..=32)?;
        numbers.push((mchid.to_owned(), number.to_owned()));
    }
    let key = crate::ledger::key(&caller.merchant.mchid, number);
    match books.ledger.close_combined(&key, &numbers, books.now) {
        Ok(()) => Ok(Granted::Nothing),
        Err(Forbidden::Unknown) => Err(Refused::order_unknown()),
        Err(Forbidden::Paid) => {
            Err(Refused::new(400, "ORDERPAID", "该订单已支付", "The order is paid").with_inner(268_449_538))
        }
        Err(_) => Err(Refused::invalid("子单信息与下单时不一致", "The sub_orders are not those of the prepay")),
    }
}
