//! One order on paper: the receipt that a customer is given, and the dossier that a developer is given, from which
//! everything about the payer and everything that proves who we are is masked.

use crate::console::Console;
use crate::wire::{Dossier, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use specta::Type;
use std::collections::BTreeSet;

/// Written instead of what is masked.
const MASK: &str = "***";
/// Fields whose value tells who paid, or proves who we are. Values found under these names are masked wherever they stand.
const MASKED: [&str; 9] = [
    "openid",
    "sub_openid",
    "payer_client_ip",
    "user_received_account",
    "phone",
    "session_key",
    "paySign",
    "js_code",
    "identity",
];
/// Headers whose value proves who sent it.
const HEADERS: [&str; 3] = ["authorization", "cookie", "x-api-key"];

/// The language of a paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "lowercase")]
pub enum PaperLanguage {
    /// 中文
    Zh,
    /// English
    En,
}

impl Console {
    /// A receipt as plain text: what was sold, paid and given back, with the numbers that find it again. Says so where
    /// nothing was paid.
    ///
    /// # Errors
    /// As [`Console::order_show`].
    pub async fn order_receipt(
        &self,
        m: Option<&str>,
        out_trade_no: &str,
        language: PaperLanguage,
    ) -> Result<String, Problem> {
        let dossier = self.order_show(m, out_trade_no).await?;
        let lines = lines(&dossier, language);
        let width = lines.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        let mut text = format!("{}\n", title(&dossier, language));
        for (name, value) in lines {
            text += &format!("{name}{}  {value}\n", " ".repeat(width.saturating_sub(self::width(&name))));
        }
        Ok(text)
    }

    /// The same as a page that prints on a slip of 80 mm or on A4. Holds no script and asks for nothing.
    ///
    /// # Errors
    /// As [`Console::order_show`].
    pub async fn order_receipt_html(
        &self,
        m: Option<&str>,
        out_trade_no: &str,
        language: PaperLanguage,
    ) -> Result<String, Problem> {
        let dossier = self.order_show(m, out_trade_no).await?;
        let rows: String = lines(&dossier, language)
            .iter()
            .map(|(name, value)| format!("<tr><th>{}</th><td>{}</td></tr>\n", escaped(name), escaped(value)))
            .collect();
        let (title, tongue) =
            (escaped(&title(&dossier, language)), if language == PaperLanguage::Zh { "zh-CN" } else { "en" });
        Ok(format!(
            "<!doctype html>\n<html lang=\"{tongue}\"><head><meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>\n\
             @page {{ margin: 6mm }}\n\
             body {{ font: 14px/1.5 system-ui, 'PingFang SC', 'Microsoft YaHei', sans-serif; max-width: 76mm; margin: 0 auto; color: #000; background: #fff }}\n\
             h1 {{ font-size: 16px; text-align: center }}\n\
             th {{ text-align: left; font-weight: normal; white-space: nowrap; vertical-align: top; padding-right: 4mm }}\n\
             td {{ text-align: right; overflow-wrap: anywhere }}\n\
             table {{ width: 100%; border-top: 1px dashed #000; border-bottom: 1px dashed #000 }}\n\
             </style></head>\n<body><h1>{title}</h1>\n<table>\n{rows}</table></body></html>\n"
        ))
    }

    /// Everything that is known of an order, to hand to a developer: timeline, refunds, callbacks and calls with both
    /// sides as they went over the wire. The payer, client addresses, signatures of ours and everything that could be
    /// used again are masked; keys are not in it, for they are in no order.
    ///
    /// # Errors
    /// As [`Console::order_show`].
    pub async fn order_dossier(&self, m: Option<&str>, out_trade_no: &str) -> Result<Value, Problem> {
        let dossier = self.order_show(m, out_trade_no).await?;
        let mut callbacks = Vec::with_capacity(dossier.callbacks.len());
        for callback in &dossier.callbacks {
            callbacks.push(self.callback_show(&callback.id).await.map(|full| json!(full))?);
        }
        let mut exchanges = Vec::with_capacity(dossier.exchanges.len());
        for exchange in &dossier.exchanges {
            exchanges.push(self.exchange_show(&exchange.id).await.map(|full| json!(full))?);
        }
        let mut whole = json!(dossier);
        if let Some(fields) = whole.as_object_mut() {
            fields.insert("callbacks".to_owned(), json!(callbacks));
            fields.insert("exchanges".to_owned(), json!(exchanges));
            fields.insert("masked".to_owned(), json!(MASKED));
        }
        Ok(masked(whole))
    }
}

fn title(dossier: &Dossier, language: PaperLanguage) -> String {
    let paid = dossier.order.success_time.is_some();
    match (language, paid) {
        (PaperLanguage::Zh, true) => "收款凭证",
        (PaperLanguage::Zh, false) => "订单（未付款）",
        (PaperLanguage::En, true) => "Receipt",
        (PaperLanguage::En, false) => "Order (not paid)",
    }
    .to_owned()
}

fn lines(dossier: &Dossier, language: PaperLanguage) -> Vec<(String, String)> {
    let order = &dossier.order;
    let say = |zh: &str, en: &str| if language == PaperLanguage::Zh { zh.to_owned() } else { en.to_owned() };
    let time = |text: &str| crate::visible(&text.chars().take(19).collect::<String>().replace('T', " "), 32);
    let mut lines = vec![
        (say("商户", "Merchant"), format!("{} ({})", order.merchant, order.mchid)),
        (say("商品", "Goods"), crate::visible(&order.description, 127)),
        (say("金额", "Amount"), money(order.amount.total)),
    ];
    if let Some(at) = &order.success_time {
        lines.push((say("支付时间", "Paid at"), time(at)));
        lines.push((say("支付方式", "Paid by"), say("微信支付", "WeChat Pay")));
    }
    lines.push((say("商户订单号", "Order"), order.out_trade_no.clone()));
    if let Some(id) = &order.transaction_id {
        lines.push((say("微信支付订单号", "Transaction"), id.clone()));
    }
    for refund in &dossier.refunds {
        let (status, tense) = match refund.status.as_str() {
            "SUCCESS" => (say("已退款", "Refunded"), true),
            "PROCESSING" | "ABNORMAL" => (say("退款中", "Refund on its way"), true),
            _ => (String::new(), false),
        };
        if tense {
            let at = refund.success_time.as_deref().unwrap_or(&refund.created_at);
            lines.push((status, format!("−{}  {}", money(refund.amount.refund), time(at))));
        }
    }
    if order.refunded > 0 {
        lines.push((say("实收", "Kept"), money(order.amount.total.saturating_sub(order.refunded))));
    }
    lines
}

/// `¥1,234.50`: money as people read it.
fn money(fen: i64) -> String {
    let yuan = (fen / 100).to_string();
    let mut grouped = String::new();
    for (i, digit) in yuan.chars().enumerate() {
        if i > 0 && (yuan.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("¥{grouped}.{:02}", fen.unsigned_abs() % 100)
}

/// Columns of a terminal or a slip: Chinese characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|it| if u32::from(it) >= 0x1100 { 2 } else { 1 }).sum()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The document without what tells who paid. Values are looked for by their names, in the document and in the JSON texts
/// inside it, and then masked wherever else they stand.
fn masked(mut document: Value) -> Value {
    let mut secrets = BTreeSet::new();
    collect(&document, &mut secrets);
    // the longest first: one may be part of another
    let mut secrets: Vec<String> = secrets.into_iter().filter(|secret| secret.len() >= 4).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    mask(&mut document, &secrets);
    document
}

fn collect(value: &Value, secrets: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if MASKED.contains(&name.as_str()) => {
                        secrets.insert(text.clone());
                    }
                    other => collect(other, secrets),
                }
            }
        }
        Value::Array(items) => {
            // a header: [name, value]
            if let [Value::String(name), Value::String(value)] = items.as_slice()
                && HEADERS.contains(&name.to_ascii_lowercase().as_str())
            {
                secrets.insert(value.clone());
            }
            items.iter().for_each(|item| collect(item, secrets));
        }
        Value::String(text) if text.trim_start().starts_with('{') => {
            if let Ok(inner) = serde_json::from_str::<Value>(text) {
                collect(&inner, secrets);
            }
        }
        _ => {}
    }
}

fn mask(value: &mut Value, secrets: &[String]) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                // what signs in our name; the texts that were signed stay, they are what one looks for
                if name == "signature" && value.is_string() {
                    *value = Value::from(MASK);
                } else {
                    mask(value, secrets);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, secrets)),
        Value::String(text) => {
            for secret in secrets {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), MASK);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_grouped_in_thousands() {
        let shown: Vec<String> = [0, 5, 99_900, 123_450, 100_000_000].into_iter().map(super::money).collect();
        assert_eq!(shown, ["¥0.00", "¥0.05", "¥999.00", "¥1,234.50", "¥1,000,000.00"]);
    }

    #[test]
    fn who_paid_and_what_proves_us_is_masked_wherever_it_stands() {
        let openid = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
        let document = json!({
            "payer": {"openid": openid},
            "timeline": [{"detail": format!("paid by {openid}")}],
            "callbacks": [{"body": "{\"resource\":{}}", "decrypted": {"payer": {"openid": openid}, "trade_state": "SUCCESS"}}],
            "exchanges": [{
                "target": "/v3/pay/transactions/out-trade-no/A1?mchid=1",
                "request_headers": [["Authorization", "WECHATPAY2-SHA256-RSA2048 mchid=\"1\",signature=\"c2lnbmVk\""], ["Host", "h"]],
                "request_body": format!("{{\"payer\":{{\"openid\":\"{openid}\"}},\"scene_info\":{{\"payer_client_ip\":\"203.0.113.77\"}}}}"),
                "response_body": "{\"user_received_account\":\"招商银行信用卡0403\",\"amount\":{\"total\":1000}}",
                "signed": {"text": "GET\n/v3\n", "signature": "c2lnbmVk"},
            }],
        });
        let text = masked(document).to_string();
        for secret in [openid, "c2lnbmVk", "203.0.113.77", "0403"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        for kept in ["SUCCESS", "\\\"total\\\":1000", "out-trade-no/A1", "GET\\n/v3", "Host"] {
            assert!(text.contains(kept), "{kept} is gone from {text}");
        }
    }
}
