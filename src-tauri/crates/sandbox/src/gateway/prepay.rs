//! Prepay of a single order: JSAPI and mini-program, Native, App, H5 (reference 5).

use guitai_door::Request;
use wechatpay::api::prepay::Identity;
use wechatpay::ids::{Appid, NotifyUrl, Openid, OutTradeNo};
use wechatpay::money::Fen;

use super::fields::{Fields, not_allowed, wrong_form};
use super::login::gave_out;
use super::sealed::{must_open, need_serial};
use super::{Books, Caller, Granted, Refused};
use crate::clock::Millis;
use crate::ledger::{Draft, Forbidden, Product};
use crate::switches::{ChangedParameters, Switches};

const TOP: [&str; 16] = [
    "appid",
    "mchid",
    "description",
    "out_trade_no",
    "time_expire",
    "attach",
    "notify_url",
    "goods_tag",
    "limit_pay",
    "support_fapiao",
    "amount",
    "payer",
    "detail",
    "scene_info",
    "settle_info",
    "subsidy_info",
];

/// Goods of one order.
const GOODS: std::ops::RangeInclusive<usize> = 1..=6_000;

/// Places an order.
pub(super) fn prepay(
    product: Product,
    request: &Request,
    caller: &Caller,
    books: &mut Books<'_>,
) -> Result<Granted, Refused> {
    let fields = Fields::read(&request.body, books.switches.strict_fields)?;
    fields.only(&TOP)?;
    let merchant = &caller.merchant;
    let appid = fields.need_text("/appid", "公众号ID", 1..=32)?;
    let mchid = fields.need_text("/mchid", "直连商户号", 1..=32)?;
    if mchid != merchant.mchid {
        return Err(other_mchid());
    }
    let description = fields.need_text("/description", "商品描述", 1..=127)?;
    let out_trade_no = fields.need_text("/out_trade_no", "商户订单号", 6..=32)?;
    if OutTradeNo::parse(out_trade_no).is_err() {
        return Err(wrong_form("body", "/out_trade_no", "商户订单号", out_trade_no));
    }
    let time_expire = time(&fields, "/time_expire")?;
    let attach = fields.text("/attach", "附加数据", 0..=128)?.filter(|t| !t.is_empty());
    let notify_url = notify_url(&fields, "/notify_url", books.switches)?;
    fields.text("/goods_tag", "订单优惠标记", 0..=32)?;
    for index in 0..fields.list("/limit_pay", "指定支付方式")?.map_or(0, Vec::len) {
        let known = ["no_balance", "no_credit", "no_debit", "balance_only"];
        fields.need_choice(&format!("/limit_pay/{index}"), "指定支付方式", &known)?;
    }
    fields.flag("/support_fapiao", "电子发票入口开放标识")?;
    fields.need_object("/amount", "订单金额")?;
    let total = total(&fields, "/amount/total", "总金额")?;
    currency(&fields, "/amount/currency", "货币类型")?;
    let openid = match product {
        Product::Jsapi => Some(payer(&fields, "/payer", "/payer/openid", appid, caller, books.switches)?),
        _ => None,
    };
    identity(&fields, request, caller)?;
    goods(&fields)?;
    let device_id = scene(&fields, product)?;
    fields.object("/settle_info", "结算信息")?;
    fields.flag("/settle_info/profit_sharing", "是否指定分账")?;
    fields.object("/subsidy_info", "分期补贴信息")?;
    if appid != merchant.appid {
        return Err(other_appid(appid));
    }
    let draft = Draft {
        mchid: merchant.mchid.clone(),
        appid: appid.to_owned(),
        out_trade_no: out_trade_no.to_owned(),
        product,
        description: description.to_owned(),
        attach: attach.map(str::to_owned),
        notify_url,
        total,
        openid,
        device_id,
        time_expire,
        parameters: fields.digest(product.trade_type()),
        by_public_key: caller.by_public_key,
    };
    let ticket = books.ledger.place(draft, books.now).map_err(|why| not_placed(why, books.switches))?;
    Ok(Granted::json(&ticket.answer(product)))
}

/// Why an order can't be placed (reference 5.5).
pub(super) fn not_placed(why: Forbidden, switches: &Switches) -> Refused {
    match (why, switches.changed_parameters) {
        (Forbidden::Paid, _) => Refused::new(400, "ORDERPAID", "该订单已支付", "The order is paid"),
        (Forbidden::Closed | Forbidden::Expired, _) => {
            Refused::new(400, "ORDER_CLOSED", "该订单已失效", "The order is closed")
        }
        (_, ChangedParameters::OutTradeNoUsed) => {
            Refused::new(403, "OUT_TRADE_NO_USED", "商户订单号重复", "The out_trade_no was used before")
        }
        _ => Refused::invalid(
            "请求重入时，参数与首次请求时不一致",
            "The parameters differ from those of the first request",
        )
        .with_inner(268_498_688),
    }
}

pub(super) fn other_mchid() -> Refused {
    Refused::param(
        "http header中的mchid与post payload中的mchid不匹配",
        "The mchid of the Authorization header is not the mchid of the body",
    )
}

pub(super) fn other_appid(appid: &str) -> Refused {
    if Appid::parse(appid).is_err() {
        return wrong_form("body", "/appid", "公众号ID", appid);
    }
    Refused::new(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配", "The appid is not bound to the mchid")
}

pub(super) fn time(fields: &Fields, pointer: &str) -> Result<Option<Millis>, Refused> {
    let name = "交易结束时间";
    let Some(text) = fields.text(pointer, name, 1..=64)? else { return Ok(None) };
    let at = wechatpay::time::parse(text).map_err(|_| wrong_form("body", pointer, name, text))?;
    Ok(Some(at.as_millisecond()))
}

/// The checked `notify_url`: required, without a query, nowhere that is off limits; strict: https and public.
pub(super) fn notify_url(fields: &Fields, pointer: &str, switches: &Switches) -> Result<String, Refused> {
    let text = fields.need_text(pointer, "通知地址", 1..=255)?;
    check_notify_url(text, pointer, switches)?;
    Ok(text.to_owned())
}

pub(super) fn check_notify_url(text: &str, pointer: &str, switches: &Switches) -> Result<(), Refused> {
    let checked = if switches.strict_notify_url { NotifyUrl::parse(text) } else { NotifyUrl::parse_for_sandbox(text) };
    let reachable = url::Url::parse(text).is_ok_and(|url| !crate::reach::names_off_limits(&url));
    if checked.is_ok() && reachable { Ok(()) } else { Err(wrong_form("body", pointer, "通知地址", text)) }
}

pub(super) fn total(fields: &Fields, pointer: &str, name: &str) -> Result<i64, Refused> {
    let total = fields.need_int(pointer, name, 1)?;
    let most = Fen::ORDER_LIMIT.get();
    if total > most {
        return Err(Refused::param(
            format!("输入源“/body{pointer}”映射到数值字段“{name}”规则校验失败，值高于最大值 {most}"),
            format!("/body{pointer} is above the maximum {most}"),
        )
        .with_inner(268_435_464)
        .with_detail(serde_json::json!({ "location": "body", "value": total })));
    }
    Ok(total)
}

/// The currency, if it is there: only `CNY`.
pub(super) fn currency(fields: &Fields, pointer: &str, name: &str) -> Result<(), Refused> {
    match fields.text(pointer, name, 1..=16)? {
        None | Some("CNY") => Ok(()),
        Some(other) => Err(Refused::param("参数错误", "The currency is not CNY").with_detail(serde_json::json!({
            "field": pointer, "value": other, "issue": "Currency code is invalid", "location": "body",
        }))),
    }
}

/// The payer of a JSAPI order: an openid that this sandbox gave out under this appid.
pub(super) fn payer(
    fields: &Fields,
    object: &str,
    pointer: &str,
    appid: &str,
    caller: &Caller,
    switches: &Switches,
) -> Result<String, Refused> {
    let missing =
        || not_allowed(pointer, None, "JSAPI支付必须传openid", "JSAPI needs payer.openid").with_inner(268_501_013);
    fields.object(object, "支付者")?.ok_or_else(missing)?;
    let openid = fields.text(pointer, "用户标识", 0..=128)?.filter(|t| !t.is_empty()).ok_or_else(missing)?;
    if Openid::parse(openid).is_err() {
        return Err(not_allowed(pointer, Some(openid), "无效的openid", "The openid is invalid"));
    }
    if !switches.any_openid && appid == caller.merchant.appid && !gave_out(&caller.merchant, openid) {
        return Err(not_allowed(pointer, Some(openid), "appid与openid不匹配", "The openid is not one of this appid"));
    }
    Ok(openid.to_owned())
}

/// Real-name payment: the payer's papers, encrypted.
fn identity(fields: &Fields, request: &Request, caller: &Caller) -> Result<(), Refused> {
    if fields.object("/payer/identity", "实名支付用户信息")?.is_none() {
        return Ok(());
    }
    need_serial(request)?;
    fields.need_choice("/payer/identity/type", "证件类型", &Identity::KINDS)?;
    must_open(caller, fields.need_text("/payer/identity/number", "证件号", 1..=1_024)?)?;
    match fields.text("/payer/identity/name", "证件姓名", 0..=1_024)?.filter(|t| !t.is_empty()) {
        Some(name) => must_open(caller, name),
        None => Ok(()),
    }
}

fn goods(fields: &Fields) -> Result<(), Refused> {
    let Some(detail) = fields.object("/detail", "优惠功能")? else { return Ok(()) };
    if serde_json::to_vec(detail).is_ok_and(|bytes| bytes.len() > 6_144) {
        let (zh, en) = ("输入源“/body/detail”长度超过 6144 字节", "/body/detail has more than 6144 bytes");
        return Err(not_allowed("/detail", None, zh, en));
    }
    fields.int("/detail/cost_price", "订单原价", 0)?;
    fields.text("/detail/invoice_id", "商品小票ID", 0..=32)?;
    let count = fields.list("/detail/goods_detail", "单品列表")?.map(Vec::len);
    if count.is_some_and(|count| !GOODS.contains(&count)) {
        let (zh, en) = ("单品列表须为 1 到 6000 条", "goods_detail has 1 to 6000 entries");
        return Err(not_allowed("/detail/goods_detail", None, zh, en));
    }
    for index in 0..count.unwrap_or(0) {
        let at = |name: &str| format!("/detail/goods_detail/{index}/{name}");
        let goods = at("merchant_goods_id");
        let id = fields.need_text(&goods, "商户侧商品编码", 1..=32)?;
        if !id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            return Err(wrong_form("body", &goods, "商户侧商品编码", id));
        }
        fields.text(&at("wechatpay_goods_id"), "微信支付商品编码", 0..=32)?;
        fields.text(&at("goods_name"), "商品名称", 0..=256)?;
        fields.need_int(&at("quantity"), "商品数量", 1)?;
        fields.need_int(&at("unit_price"), "商品单价", 0)?;
    }
    Ok(())
}

/// The scene: required for H5, otherwise its parts when it is there. Gives the device.
pub(super) fn scene(fields: &Fields, product: Product) -> Result<Option<String>, Refused> {
    let h5 = product == Product::H5;
    let scene = if h5 {
        Some(fields.need_object("/scene_info", "场景信息")?)
    } else {
        fields.object("/scene_info", "场景信息")?
    };
    if scene.is_none() {
        return Ok(None);
    }
    let ip = fields.need_text("/scene_info/payer_client_ip", "用户终端IP", 1..=45)?;
    if ip.parse::<std::net::IpAddr>().is_err() {
        return Err(wrong_form("body", "/scene_info/payer_client_ip", "用户终端IP", ip));
    }
    let device =
        fields.text("/scene_info/device_id", "商户端设备号", 0..=32)?.filter(|t| !t.is_empty()).map(str::to_owned);
    if fields.object("/scene_info/store_info", "商户门店信息")?.is_some() {
        fields.need_text("/scene_info/store_info/id", "门店编号", 1..=32)?;
        fields.text("/scene_info/store_info/name", "门店名称", 0..=256)?;
        fields.text("/scene_info/store_info/area_code", "地区编码", 0..=32)?;
        fields.text("/scene_info/store_info/address", "详细地址", 0..=512)?;
    }
    let h5_info = if h5 {
        Some(fields.need_object("/scene_info/h5_info", "H5场景信息")?)
    } else {
        fields.object("/scene_info/h5_info", "H5场景信息")?
    };
    if h5_info.is_some() {
        fields.need_text("/scene_info/h5_info/type", "场景类型", 1..=32)?;
        fields.text("/scene_info/h5_info/app_name", "应用名称", 0..=64)?;
        fields.text("/scene_info/h5_info/app_url", "网站URL", 0..=128)?;
        fields.text("/scene_info/h5_info/bundle_id", "iOS平台BundleID", 0..=128)?;
        fields.text("/scene_info/h5_info/package_name", "Android平台PackageName", 0..=128)?;
    }
    Ok(device)
}
