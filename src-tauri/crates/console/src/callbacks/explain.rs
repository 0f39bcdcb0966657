//! A verdict's reason in words: why, and the one thing to do about it.

use crate::orders::callback_id;
use crate::problem::{self, both};
use crate::store::{CallbackRaw, CallbackRow};
use crate::wire::{Bilingual, Problem};

/// Why a delivery has its verdict, and what to do; `None` where nothing is to be said.
pub(super) fn reason(row: &CallbackRow, raw: &CallbackRaw) -> Option<(Bilingual, Bilingual)> {
    if !raw.intact {
        return Some((
            both(
                "保存的原始内容已与收到时不同：磁盘损坏，或文件被改动。",
                "The kept bytes differ from what came: the disk is failing, or the file was changed.",
            ),
            both("检查磁盘，从备份恢复，并查询相关订单。", "Check the disk, restore a backup, and query the order."),
        ));
    }
    meaning(row.reason.as_deref()?)
}

/// What a reason means, and what to do about it; `None` for one that this version doesn't know.
pub(super) fn meaning(reason: &str) -> Option<(Bilingual, Bilingual)> {
    let words = match reason {
        "header_missing" => [
            "缺少签名所需的 Wechatpay-* 请求头，不能证明来自微信支付。",
            "A Wechatpay-* header that the signature needs is missing, so nothing shows that WeChat Pay sent it.",
            "检查隧道或反向代理是否去掉了请求头；若不是微信支付发来的，忽略即可。",
            "See whether a tunnel or proxy drops headers; if WeChat Pay didn't send it, ignore it.",
        ],
        "header_repeated" => [
            "同一个签名请求头出现了两次，无法判断哪一个是真的。",
            "A signature header is there twice; which one was signed can't be told.",
            "检查隧道或反向代理是否重复添加请求头。",
            "See whether a tunnel or proxy adds headers again.",
        ],
        "signature_type_unknown" => [
            "签名类型不是 WECHATPAY2-SHA256-RSA2048。",
            "The signature type is not WECHATPAY2-SHA256-RSA2048.",
            "本版本只支持 RSA；确认商户平台没有改用国密。",
            "This version knows RSA only; see that the merchant platform was not switched to SM2.",
        ],
        "timestamp_malformed" => [
            "时间戳不是以秒为单位的数字。",
            "The time stamp is not a number of seconds.",
            "若不是微信支付发来的，忽略即可。",
            "If WeChat Pay didn't send it, ignore it.",
        ],
        "timestamp_stale" => [
            "签名时间与本机时间相差超过 5 分钟：可能是旧请求的重放，也可能是本机时钟不准。",
            "It was signed more than 5 minutes from now: an old request sent again, or this machine's clock is off.",
            "先校准本机时钟；时钟准确则忽略，微信支付会以新签名重发。",
            "Set this machine's clock first; if it is right, ignore it: WeChat Pay sends again, freshly signed.",
        ],
        "serial_unknown" => [
            "没有这个序列号的平台证书或公钥。",
            "No platform certificate or public key with this serial is known.",
            "程序已去下载新证书，微信支付重发时会再验；使用微信支付公钥的商户请导入公钥。",
            "Fresh certificates are being fetched and the retry is judged by them; import the WeChat Pay public key if you use one.",
        ],
        "probe" => [
            "这是微信支付故意发来的错误签名，用来检查商户是否验签；拒绝是正确的。",
            "A deliberately wrong signature by which WeChat Pay tests whether merchants verify; refusing it is right.",
            "无需处理，微信支付会再发正确的签名。",
            "Nothing to do; WeChat Pay sends it again, rightly signed.",
        ],
        "signature_malformed" | "signature_mismatch" => [
            "签名与收到的内容不符：内容被改过，或不是这把密钥签的。",
            "The signature doesn't fit what came: the bytes were changed on the way, or another key signed.",
            "检查隧道或代理是否改动了请求体；若不是微信支付发来的，忽略即可。",
            "See whether a tunnel or proxy changes the body; if WeChat Pay didn't send it, ignore it.",
        ],
        "resource_decrypts" => [
            "签名正确，但现有的 APIv3 密钥都解不开内容。",
            "The signature holds, but no APIv3 key that is kept opens the content.",
            "在商户平台核对 APIv3 密钥并更新；微信支付重发后会自动处理，也可手动应用。",
            "Compare the APIv3 key with the merchant platform and update it; the retry goes through, or apply it by hand.",
        ],
        "not_understood" => [
            "确实来自微信支付，但本版本看不懂它的内容，已原样保存。",
            "It is WeChat Pay's, but this version doesn't understand it; it is kept byte for byte.",
            "升级程序后用 callback apply 再应用。",
            "Update the program, then apply it (callback apply).",
        ],
        "merchant_matches" => [
            "通知里的商户号或 appid 与这个商户不同。",
            "The notification names another merchant number or appid than this merchant's.",
            "核对该订单的 notify_url 是否指向了正确的商户路径。",
            "See whether the order's notify_url names the right merchant's path.",
        ],
        "order_known" => [
            "这里没有这个订单号的订单。",
            "There is no order with this number here.",
            "若订单是在别处创建的，由人核对；在这里补建后可再应用。",
            "If it was made elsewhere, a person checks it; enter it here and apply this again.",
        ],
        "amount_matches" => [
            "通知里的金额或币种与订单不符，订单未改动。",
            "The amount or currency differs from the order's; the order was not changed.",
            "到商户平台核对这笔交易，再决定发货或退款。",
            "Compare the transaction on the merchant platform, then ship or refund.",
        ],
        "state_allows" => [
            "与订单现在的状态矛盾，例如已关闭又付款，或出现第二个微信支付单号。",
            "It contradicts the order's state: paid after it was closed, or by a second transaction.",
            "查询订单；若顾客多付了款，退还那一笔。",
            "Query the order; if the customer paid twice, refund that payment.",
        ],
        _ => return None,
    };
    let [why_zh, why_en, fix_zh, fix_en] = words;
    Some((both(why_zh, why_en), both(fix_zh, fix_en)))
}

/// It was judged before and is not waiting for anybody.
pub(super) fn not_held(row: &CallbackRow) -> Problem {
    let id = callback_id(row.id);
    problem::new(
        "CALLBACK_NOT_HELD",
        format!("回调 {id} 不在待处理之列，没有可应用的内容。"),
        format!("The delivery {id} is neither held nor failed; there is nothing to apply."),
        "只有 held 或 failed 的回调可以再应用。",
        "Only held and failed deliveries can be applied again.",
    )
}

/// Its bytes can't be shown to be WeChat Pay's any more.
pub(super) fn not_verifiable(row: &CallbackRow) -> Problem {
    let id = callback_id(row.id);
    problem::new(
        "CALLBACK_NOT_VERIFIABLE",
        format!("回调 {id} 的签名现在无法验证，未应用。"),
        format!("The signature of the delivery {id} can't be verified now; it was not applied."),
        "改为查询订单：查询结果同样可信。",
        "Query the order instead; its answer is as good.",
    )
    .with_why(
        "签名所用的证书已不受信任，或保存的内容已损坏。",
        "The certificate that signed it is not trusted any more, or the kept bytes have rotted.",
    )
}

/// Judged anew, with the same end.
pub(super) fn still_held(row: &CallbackRow, raw: &CallbackRaw) -> Problem {
    let id = callback_id(row.id);
    let said = row.reason.clone().unwrap_or_default();
    let problem = problem::new(
        "CALLBACK_STILL_HELD",
        format!("回调 {id} 仍不能应用（{said}），订单未改动。"),
        format!("The delivery {id} still can't be applied ({said}); the order was not changed."),
        "按原因处理后再试。",
        "Mend the reason, then try again.",
    );
    match reason(row, raw) {
        Some((why, fix)) => Problem { why: Some(why), hint: fix, ..problem },
        None => problem,
    }
}
