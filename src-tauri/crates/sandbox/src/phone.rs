//! The payer's phone: what it shows of an order, and the check of pay params that WeChat's client makes before the cashier
//! opens (reference 5.6, 12.2). Causes are slugs of the signature doctor's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use wechatpay::message;

use crate::keyring::Merchant;
use crate::ledger::State;
use crate::office::{Office, phone_state};
use crate::views::{PayParamsVerdict, PhoneOrder};

fn no(cause: Option<&str>, text: &str) -> PayParamsVerdict {
    PayParamsVerdict { ok: false, err_msg: format!("requestPayment:fail {text}"), cause: cause.map(str::to_owned) }
}

/// Checks the object given to `wx.requestPayment`, with `appId`.
pub(crate) fn check(office: &Office, params: &Value) -> PayParamsVerdict {
    let Some(map) = params.as_object() else { return no(Some("param_missing"), "参数不是对象") };
    let text = |name: &str| map.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    if map.get("timeStamp").is_some_and(Value::is_number) {
        return no(Some("timestamp_type_wrong"), "timeStamp 必须是字符串");
    }
    let package = map.get("package").and_then(Value::as_str).unwrap_or_default();
    let Some(prepay_id) = package.strip_prefix("prepay_id=").filter(|id| !id.is_empty()) else {
        return no(
            Some(if map.contains_key("package") { "package_wrong" } else { "param_missing" }),
            "JSAPI缺少参数total_fee",
        );
    };
    if map.get("signType").and_then(Value::as_str) != Some("RSA") {
        return no(Some("sign_type_wrong"), "signType 必须是 RSA");
    }
    let (Some(app_id), Some(stamp), Some(nonce), Some(sign)) =
        (text("appId"), text("timeStamp"), text("nonceStr"), text("paySign"))
    else {
        return no(Some("param_missing"), "缺少参数");
    };
    if stamp.len() == 13 && stamp.bytes().all(|b| b.is_ascii_digit()) {
        return no(Some("timestamp_milliseconds"), "timeStamp 的单位是秒");
    }
    let now = office.clock.business();
    let found = office.look(|ledger| {
        let key = ledger.ticket_key(prepay_id)?;
        match ledger.combined_at(key) {
            Some(c) => {
                let open = c.tickets.iter().any(|t| t.prepay_id == prepay_id && t.is_open(c.product, now));
                let state = ledger.parts(c).next().map_or(State::Closed, |part| part.state_at(now));
                Some((c.mchid.clone(), c.appid.clone(), state, open))
            }
            None => ledger.order_at(key).map(|o| {
                let open = o.tickets.iter().any(|t| t.prepay_id == prepay_id && t.is_open(o.product, now));
                (o.mchid.clone(), o.appid.clone(), o.state_at(now), open)
            }),
        }
    });
    let Some((mchid, appid, state, open)) = found else { return no(None, "订单不存在") };
    let Some(merchant) = office.keyring.by_mchid(&mchid) else { return no(None, "订单不存在") };
    if app_id != appid {
        return no(Some("appid_differs"), "支付验证签名失败");
    }
    if let Err(cause) = check_signature(merchant, [app_id, stamp, nonce, package], sign) {
        return no(Some(cause), "支付验证签名失败");
    }
    match state {
        State::NotPay if open => PayParamsVerdict { ok: true, err_msg: "requestPayment:ok".to_owned(), cause: None },
        State::NotPay => no(None, "订单已过期，请重新下单"),
        State::Closed => no(None, "该订单已失效"),
        State::Success | State::Refund => no(None, "该订单已支付"),
    }
}

/// The signature over the four lines; if it does not hold, the commonest mistakes are tried.
fn check_signature(merchant: &Merchant, lines: [&str; 4], sign: &str) -> Result<(), &'static str> {
    if (sign.len() == 64 || sign.len() == 32) && sign.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("symmetric_signature");
    }
    if sign.len() == 512 && sign.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("signature_hex");
    }
    let Ok(raw) = STANDARD.decode(sign) else { return Err("key_mismatch") };
    let fits = |text: &[u8]| merchant.certificate_key.verify(text, &raw);
    let [app_id, stamp, nonce, package] = lines;
    let right = message::jsapi(app_id, stamp, nonce, package);
    if fits(&right) {
        return Ok(());
    }
    let bare = package.strip_prefix("prepay_id=").unwrap_or(package);
    if fits(&message::jsapi(app_id, stamp, nonce, bare)) {
        return Err("prepay_prefix_wrong");
    }
    if fits(right.strip_suffix(b"\n").unwrap_or(&right)) {
        return Err("final_newline_missing");
    }
    if fits(lines.map(|line| format!("{line}\r\n")).concat().as_bytes()) {
        return Err("line_endings_crlf");
    }
    if fits(lines.map(|line| format!("{line}\\n")).concat().as_bytes()) {
        return Err("literal_backslash_n");
    }
    for other in ["", "undefined", "null", "None"] {
        if fits(&message::jsapi(other, stamp, nonce, package)) {
            return Err("appid_differs");
        }
    }
    for (a, b, c, d) in [(0, 2, 1, 3), (1, 0, 2, 3), (1, 2, 0, 3), (2, 1, 0, 3), (3, 0, 1, 2), (0, 1, 3, 2)] {
        let line = |at: usize| lines.get(at).copied().unwrap_or_default();
        if fits(format!("{}\n{}\n{}\n{}\n", line(a), line(b), line(c), line(d)).as_bytes()) {
            return Err("field_order_wrong");
        }
    }
    if fits(format!("appId={app_id}&nonceStr={nonce}&package={package}&signType=RSA&timeStamp={stamp}").as_bytes()) {
        return Err("v2_style_string");
    }
    if let Ok(seconds) = stamp.parse::<i64>() {
        for off in (-10..=10).filter(|off| *off != 0) {
            if fits(&message::jsapi(app_id, &seconds.saturating_add(off).to_string(), nonce, package)) {
                return Err("timestamp_differs");
            }
        }
    }
    Err("key_mismatch")
}

/// What the phone shows for a prepay_id or code_url.
pub(crate) fn order(office: &Office, ticket: &str) -> Option<PhoneOrder> {
    let now = office.clock.business();
    office.look(|ledger| {
        let key = ledger.ticket_key(ticket)?;
        if let Some(combined) = ledger.combined_at(key) {
            let parts: Vec<_> = ledger.parts(combined).collect();
            let open = combined.tickets.iter().any(|t| t.is_open(combined.product, now));
            let state = parts.first().map_or(State::Closed, |part| part.state_at(now));
            return Some(PhoneOrder {
                merchant_name: format!("沙箱商户 {}", combined.mchid),
                description: parts.iter().map(|p| p.description.as_str()).collect::<Vec<_>>().join("、"),
                amount: parts.iter().map(|p| p.total).sum(),
                out_trade_no: combined.number.clone(),
                trade_type: combined.product.trade_type().to_owned(),
                state: phone_state(state, open).to_owned(),
            });
        }
        let order = ledger.order_at(key)?;
        let of_ticket = order.tickets.iter().find(|t| t.prepay_id == ticket || t.code_url.as_deref() == Some(ticket));
        let open = of_ticket.is_some_and(|t| t.is_open(order.product, now));
        Some(PhoneOrder {
            merchant_name: format!("沙箱商户 {}", order.mchid),
            description: order.description.clone(),
            amount: order.total,
            out_trade_no: order.out_trade_no.clone(),
            trade_type: order.product.trade_type().to_owned(),
            state: phone_state(order.state_at(now), open).to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::keyring::Keyring;

    #[test]
    fn wrong_signatures_are_named() {
        let folder = tempfile::tempdir().unwrap();
        fixture::lay(folder.path());
        let keyring = Keyring::open(folder.path(), 1).unwrap();
        let merchant = &keyring.all()[0];
        let lines = ["wx0123456789abcdef", "1795500000", "nonce", "prepay_id=wx1"];
        let [a, t, n, p] = lines;
        let key = fixture::signer().key;
        for (signed, expected) in [
            (format!("{a}\n{t}\n{n}\n{p}\n"), Ok(())),
            (format!("{a}\n{t}\n{n}\nwx1\n"), Err("prepay_prefix_wrong")),
            (format!("{a}\n{t}\n{n}\n{p}"), Err("final_newline_missing")),
            (format!("{a}\r\n{t}\r\n{n}\r\n{p}\r\n"), Err("line_endings_crlf")),
            (format!("{a}\\n{t}\\n{n}\\n{p}\\n"), Err("literal_backslash_n")),
            (format!("undefined\n{t}\n{n}\n{p}\n"), Err("appid_differs")),
            (format!("{a}\n{n}\n{t}\n{p}\n"), Err("field_order_wrong")),
            (format!("appId={a}&nonceStr={n}&package={p}&signType=RSA&timeStamp={t}"), Err("v2_style_string")),
            (format!("{a}\n1795500001\n{n}\n{p}\n"), Err("timestamp_differs")),
            ("something else".to_owned(), Err("key_mismatch")),
        ] {
            assert_eq!(check_signature(merchant, lines, &key.sign(signed.as_bytes())), expected, "{signed:?}");
        }
        assert_eq!(check_signature(merchant, lines, &"A".repeat(32)), Err("symmetric_signature"));
        assert_eq!(check_signature(merchant, lines, "no base64 ~"), Err("key_mismatch"));
        let stranger = fixture::strangers_key().sign(format!("{a}\n{t}\n{n}\n{p}\n").as_bytes());
        assert_eq!(check_signature(merchant, lines, &stranger), Err("key_mismatch"));
    }
}
