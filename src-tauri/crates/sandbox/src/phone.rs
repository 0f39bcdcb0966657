//! The payer's phone: what it shows of an order, and the check of pay params that WeChat's client makes before the cashier
//! opens (reference 5.6, 12.2). What is wrong with a signature is the signature doctor's to say.

use std::sync::Arc;

use serde_json::Value;
use wechatpay::doctor::{self, KeyFile, PayParamsInput, PayParamsKind};

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
    let text = |names: &[&str]| names.iter().find_map(|name| map.get(*name)?.as_str()).unwrap_or_default();
    // The App SDK's set names the payee and carries the bare prepay_id.
    let prepay_id = text(&["prepayId", "prepayid"]);
    let kind = if prepay_id.is_empty() { PayParamsKind::Jsapi } else { PayParamsKind::App };
    let app_id = text(&["appId", "appid"]);
    if app_id.is_empty() {
        return no(Some("param_missing"), "缺少参数appId");
    }
    let package = text(&["package"]);
    let ticket = if kind == PayParamsKind::App { prepay_id } else { package };
    let found = behind(office, ticket.strip_prefix("prepay_id=").unwrap_or(ticket));
    // Params without a findable order are judged by the merchant that they name, so that the reason can still be told.
    let named = || office.keyring.all().iter().find(|m| m.appid == app_id).or(office.keyring.all().first());
    let merchant = found.as_ref().map(|order| &order.merchant).or_else(named);
    let Some(merchant) = merchant else { return no(None, "商户不存在") };
    let appid = found.as_ref().map_or(merchant.appid.as_str(), |order| order.appid.as_str());
    if let Some(cause) = wrong(merchant, appid, params, kind) {
        let about_package = kind == PayParamsKind::Jsapi && (cause == "package_wrong" || package.is_empty());
        return no(Some(cause), if about_package { "JSAPI缺少参数total_fee" } else { "支付验证签名失败" });
    }
    match found.map(|order| (order.state, order.open)) {
        Some((State::NotPay, true)) => {
            PayParamsVerdict { ok: true, err_msg: "requestPayment:ok".to_owned(), cause: None }
        }
        Some((State::NotPay, false)) => no(None, "订单已过期，请重新下单"),
        Some((State::Closed, _)) => no(None, "该订单已失效"),
        Some((State::Success | State::Refund, _)) => no(None, "该订单已支付"),
        None => no(None, "订单不存在"),
    }
}

/// The slug of what is wrong with the params' form or signature.
fn wrong(merchant: &Merchant, appid: &str, params: &Value, kind: PayParamsKind) -> Option<&'static str> {
    let text = params.to_string();
    let key = KeyFile::Certificate(merchant.certificate_pem.as_bytes());
    let input = PayParamsInput { params: text.as_bytes(), appid, kind, key };
    match doctor::pay_params(&input) {
        Ok(diagnosis) if diagnosis.valid => None,
        Ok(diagnosis) => Some(diagnosis.cause.map_or("sign_string_unexplained", doctor::Cause::slug)),
        Err(_) => Some("param_missing"),
    }
}

/// The order, or combined order, behind a prepay_id.
struct Behind {
    merchant: Arc<Merchant>,
    appid: String,
    state: State,
    open: bool,
}

fn behind(office: &Office, prepay_id: &str) -> Option<Behind> {
    let now = office.clock.business();
    let (mchid, appid, state, open) = office.look(|ledger| {
        let key = ledger.ticket_key(prepay_id)?;
        if let Some(c) = ledger.combined_at(key) {
            let open = c.tickets.iter().any(|t| t.prepay_id == prepay_id && t.is_open(c.product, now));
            let state = ledger.parts(c).next().map_or(State::Closed, |part| part.state_at(now));
            return Some((c.mchid.clone(), c.appid.clone(), state, open));
        }
        let o = ledger.order_at(key)?;
        let open = o.tickets.iter().any(|t| t.prepay_id == prepay_id && t.is_open(o.product, now));
        Some((o.mchid.clone(), o.appid.clone(), o.state_at(now), open))
    })?;
    Some(Behind { merchant: office.keyring.by_mchid(&mchid)?.clone(), appid, state, open })
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
    use serde_json::json;

    use super::*;
    use crate::fixture::{self, APPID};
    use crate::keyring::Keyring;

    #[test]
    fn wrong_signatures_are_named() {
        let folder = tempfile::tempdir().unwrap();
        fixture::lay(folder.path());
        let keyring = Keyring::open(folder.path(), 1).unwrap();
        let merchant = &keyring.all()[0];
        let [a, t, n, p] = [APPID, "1795500000", "nonce", "prepay_id=wx1"];
        let key = fixture::signer().key;
        for (signed, expected) in [
            (format!("{a}\n{t}\n{n}\n{p}\n"), None),
            (format!("{a}\n{t}\n{n}\nwx1\n"), Some("prepay_prefix_wrong")),
            (format!("{a}\n{t}\n{n}\n{p}"), Some("final_newline_missing")),
            ("something else".to_owned(), Some("sign_string_unexplained")),
        ] {
            let params = json!({ "appId": a, "timeStamp": t, "nonceStr": n, "package": p, "signType": "RSA",
                "paySign": key.sign(signed.as_bytes()) });
            assert_eq!(wrong(merchant, APPID, &params, PayParamsKind::Jsapi), expected, "{signed:?}");
        }
        let signed = key.sign(format!("{a}\n{t}\n{n}\nwx1\n").as_bytes());
        let mut app = json!({ "appId": a, "partnerId": "1900000001", "prepayId": "wx1", "packageValue": "Sign=WXPay",
            "nonceStr": n, "timeStamp": t, "sign": signed });
        assert_eq!(wrong(merchant, APPID, &app, PayParamsKind::App), None);
        app["prepayId"] = json!("prepay_id=wx1");
        assert_eq!(wrong(merchant, APPID, &app, PayParamsKind::App), Some("prepay_prefix_wrong"));
        let stranger = fixture::strangers_key().sign(format!("{a}\n{t}\n{n}\n{p}\n").as_bytes());
        let params =
            json!({ "appId": a, "timeStamp": t, "nonceStr": n, "package": p, "signType": "RSA", "paySign": stranger });
        assert_eq!(wrong(merchant, APPID, &params, PayParamsKind::Jsapi), Some("key_mismatch"));
    }
}
