//! Right and wrong in what was seen. Nothing is asked for or sent here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;
use wechatpay::time::Timestamp;

use super::watch::Seen;
use crate::backend::Answer;
use crate::run::Draft;

/// Off by so much, a clock is worth a word; WeChat Pay refuses at 5 minutes.
const SKEW: i64 = 30;
const REFUSED_SKEW: i64 = 300;
/// An order is closed within this of its end.
const GRACE: SignedDuration = SignedDuration::from_secs(60);
const RATE: usize = 15;
const RATE_WINDOW: SignedDuration = SignedDuration::from_secs(10);

/// What the gateway answered, for the score card.
pub(super) fn answered(seen: &Seen) -> Answer {
    Answer {
        status: Some(seen.status).filter(|status| *status != 0),
        latency: Duration::from_millis(seen.latency_ms),
        body: if seen.response_body.is_empty() { seen.verdict.clone() } else { seen.response_body.clone() },
        ..Answer::default()
    }
}

/// The request that decided, for the score card.
pub(super) fn shown(seen: &Seen) -> String {
    format!("{} {}\n{}\n\n{}", seen.method, seen.target, seen.at, seen.request_body)
}

fn unseen(en: &str, zh: &str) -> Draft {
    Draft::skip(format!("the sandbox saw {en}"), format!("沙箱没有看到{zh}"))
}

pub(super) fn amounts(requests: &[&Seen]) -> Draft {
    let mut last = None;
    for seen in requests.iter().filter(|seen| seen.is_order() || seen.is_refund()) {
        let body = seen.body();
        for pointer in ["/amount/total", "/amount/refund"] {
            let Some(amount) = body.pointer(pointer) else { continue };
            if amount.as_i64().is_none() {
                return Draft::fail(
                    &answered(seen),
                    format!("{} is {amount}", pointer.replace('/', ".").trim_start_matches('.')),
                    format!("{} 是 {amount}", pointer.replace('/', ".").trim_start_matches('.')),
                )
                .showing(shown(seen));
            }
            last = Some(seen);
        }
    }
    match last {
        Some(seen) => Draft::pass(&answered(seen)).showing(shown(seen)),
        None => unseen("no order and no refund of the backend's", "后端下单或退款"),
    }
}

/// Orders that were placed one after the other for one wish: is it one number?
pub(super) fn one_number(attempts: &[&Seen], field: &str) -> Draft {
    let numbers: BTreeSet<String> =
        attempts.iter().filter_map(|seen| seen.body().get(field).and_then(Value::as_str).map(str::to_owned)).collect();
    match attempts.last() {
        Some(last) if numbers.len() > 1 => {
            let all = numbers.into_iter().collect::<Vec<_>>().join(", ");
            Draft::fail(
                &answered(last),
                format!("asked again under another {field}: {all}"),
                format!("重试换了 {field}：{all}"),
            )
            .showing(shown(last))
        }
        Some(last) if attempts.len() > 1 => Draft::pass(&answered(last)).showing(shown(last)),
        Some(_) => Draft::skip(
            "the connection was broken on purpose, and the backend did not ask again",
            "故意断开了连接，后端没有重试",
        ),
        None => Draft::skip("the fault that was planted did not strike", "预设的故障没有命中"),
    }
}

/// Refunds of the same order, the first of which had no clear end.
pub(super) fn refunds(requests: &[&Seen]) -> Draft {
    let mut of: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for seen in requests.iter().filter(|seen| seen.is_refund()) {
        of.entry(seen.out_trade_no.as_deref().unwrap_or_default()).or_default().push(seen);
    }
    let unclear = |seen: &&Seen| seen.status == 0 || seen.status == 429 || seen.status >= 500;
    let retried = of.values().filter(|attempts| attempts.first().is_some_and(unclear));
    let drafts: Vec<Draft> = retried.map(|attempts| one_number(attempts, "out_refund_no")).collect();
    let of_outcome = |wanted| drafts.iter().find(|draft| draft.outcome == wanted).cloned();
    of_outcome(crate::Outcome::Fail)
        .or_else(|| of_outcome(crate::Outcome::Pass))
        .or_else(|| drafts.into_iter().next())
        .unwrap_or_else(|| {
            Draft::skip(
                "no refund of the backend's went wrong; give --refund so that it makes one",
                "没有看到后端的退款出错；请用 --refund 让它退一笔",
            )
        })
}

/// `waited`: the lost callback stayed unnoticed for all of `--lost-wait`.
pub(super) fn queried(requests: &[&Seen], lost: Option<&str>, waited: bool) -> Draft {
    let Some(lost) = lost else {
        return Draft::skip(
            "needs --create-order: an order of the backend's own",
            "需要 --create-order：后端自己的订单",
        );
    };
    match requests.iter().find(|seen| seen.is_query() && seen.out_trade_no.as_deref() == Some(lost)) {
        Some(seen) => Draft::pass(&answered(seen)).showing(shown(seen)),
        None if waited => Draft::warn(
            &Answer::default(),
            format!("{lost} was paid, and nobody asked about it"),
            format!("{lost} 已支付，没有人来查"),
        ),
        None => unseen("no query while it watched; nothing says that there is none", "查单；观察的时间还不够下结论"),
    }
}

/// `open`: orders that the gateway still has as NOTPAY.
pub(super) fn closed(requests: &[&Seen], open: &BTreeSet<String>, now: Timestamp) -> Draft {
    let mut last = None;
    for seen in requests.iter().filter(|seen| seen.is_order() && seen.status == 200) {
        let body = seen.body();
        let ends = body.get("time_expire").and_then(Value::as_str).and_then(|t| t.parse::<Timestamp>().ok());
        let (Some(ends), Some(number)) = (ends, &seen.out_trade_no) else { continue };
        // WeChat Pay raises what is less than a minute ahead to a minute.
        let ends = ends.max(seen.at + SignedDuration::from_secs(60));
        let close = requests.iter().find(|it| it.is_close() && it.out_trade_no.as_ref() == Some(number));
        match close {
            Some(close) => last = Some(close),
            None if now.duration_since(ends) > GRACE && open.contains(number) => {
                return Draft::warn(
                    &answered(seen),
                    format!("{number} ended at {ends} and is still open"),
                    format!("{number} 已于 {ends} 过期，仍未关闭"),
                )
                .showing(shown(seen));
            }
            None => {}
        }
    }
    match last {
        Some(close) => Draft::pass(&answered(close)).showing(shown(close)),
        None => unseen("no order come to its end", "订单过期"),
    }
}

pub(super) fn rate(requests: &[&Seen]) -> Draft {
    let mut of: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for seen in requests.iter().filter(|seen| seen.is_query()) {
        of.entry(seen.out_trade_no.as_deref().unwrap_or_default()).or_default().push(seen);
    }
    let Some(last) = requests.iter().rev().find(|seen| seen.is_query()) else {
        return unseen("no query of the backend's", "后端查单");
    };
    for (number, queries) in of {
        for window in queries.windows(RATE + 1) {
            let (Some(first), Some(end)) = (window.first(), window.last()) else { continue };
            if end.at.duration_since(first.at) <= RATE_WINDOW {
                return Draft::warn(
                    &answered(end),
                    format!("{number} was asked about {} times in 10 s", window.len()),
                    format!("10 秒内查了 {number} {} 次", window.len()),
                )
                .showing(shown(end));
            }
        }
    }
    Draft::pass(&answered(last)).showing(shown(last))
}

pub(super) fn clock(requests: &[&Seen]) -> Draft {
    let skew = |seen: &&Seen| {
        let said: i64 = seen.signed(2)?.parse().ok()?;
        Some(said.saturating_sub(seen.at.as_second()).saturating_abs())
    };
    // Only the least is the clock's: a request can have waited on its way, none can have come too early.
    let least = requests.iter().filter_map(|seen| Some((skew(seen)?, *seen))).min_by_key(|(off, _)| *off);
    let Some((off, seen)) = least else { return unseen("no signed request of the backend's", "后端的签名请求") };
    let said = (format!("off by {off} s at the least"), format!("至少偏差 {off} 秒"));
    match off {
        REFUSED_SKEW.. => Draft::fail(&answered(seen), said.0, said.1).showing(shown(seen)),
        SKEW.. => Draft::warn(&answered(seen), said.0, said.1).showing(shown(seen)),
        _ => Draft::pass(&answered(seen)).showing(shown(seen)),
    }
}

pub(super) fn notify_url(requests: &[&Seen], examined: &url::Url) -> Draft {
    let mut elsewhere = None;
    let mut sound = None;
    for seen in requests.iter().filter(|seen| seen.is_order()) {
        let body = seen.body();
        let text = body.get("notify_url").and_then(Value::as_str).unwrap_or_default();
        let parsed = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let wrong = match &parsed {
            None => Some(("it is no http or https URL", "不是 http 或 https 地址")),
            Some(url) if url.query().is_some() || url.fragment().is_some() => {
                Some(("it has a query or a fragment", "带有查询参数或片段"))
            }
            Some(_) if text.chars().count() > 255 => Some(("it is longer than 255 characters", "超过 255 个字符")),
            Some(_) => None,
        };
        if let Some((en, zh)) = wrong {
            return Draft::fail(&answered(seen), format!("{text}: {en}"), format!("{text}：{zh}")).showing(shown(seen));
        }
        match parsed {
            Some(url) if url.path() != examined.path() => elsewhere = Some((seen, text.to_owned())),
            _ => sound = Some(seen),
        }
    }
    match (elsewhere, sound) {
        (Some((seen, text)), _) => Draft::warn(
            &answered(seen),
            format!("orders are notified at {text}, not at the address that was examined"),
            format!("订单的通知地址是 {text}，不是被体检的地址"),
        )
        .showing(shown(seen)),
        (None, Some(seen)) => Draft::pass(&answered(seen)).showing(shown(seen)),
        (None, None) => unseen("no order of the backend's", "后端下单"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outcome;
    use serde_json::json;

    fn seen(at: i64, method: &str, target: &str, body: Value) -> Seen {
        let at = Timestamp::from_second(1_795_500_000 + at).unwrap();
        serde_json::from_value(json!({
            "id": 1, "at": at.to_string(), "method": method, "target": target, "out_trade_no": "N1", "status": 200,
            "verdict": "accepted", "request_body": body.to_string(),
        }))
        .unwrap()
    }

    #[test]
    fn an_order_past_its_end_is_to_be_closed() {
        let order = seen(0, "POST", "/v3/pay/transactions/native", json!({"time_expire": "2026-11-24T00:02:00+00:00"}));
        let ends = "2026-11-24T00:02:00Z".parse::<Timestamp>().unwrap();
        let mut order = order;
        order.at = ends - SignedDuration::from_secs(120);
        let close = seen(0, "POST", "/v3/pay/transactions/out-trade-no/N1/close", json!({"mchid": "1"}));
        let open = BTreeSet::from(["N1".to_owned()]);
        let after = |seconds| ends + SignedDuration::from_secs(seconds);
        for (requests, open, now, wanted) in [
            (vec![&order], &open, after(61), Outcome::Warn),
            (vec![&order], &open, after(59), Outcome::Skip),
            (vec![&order], &BTreeSet::new(), after(61), Outcome::Skip),
            (vec![&order, &close], &open, after(61), Outcome::Pass),
            (vec![], &open, after(61), Outcome::Skip),
        ] {
            assert_eq!(closed(&requests, open, now).outcome, wanted, "{now} {open:?}");
        }
    }

    #[test]
    fn a_calm_patrol_is_no_hammering() {
        let queries = |count: i64, every: i64| -> Vec<Seen> {
            (0..count).map(|n| seen(n * every, "GET", "/v3/pay/transactions/out-trade-no/N1", Value::Null)).collect()
        };
        for (queries, wanted) in
            [(queries(40, 1), Outcome::Pass), (queries(16, 0), Outcome::Warn), (queries(0, 1), Outcome::Skip)]
        {
            assert_eq!(rate(&queries.iter().collect::<Vec<_>>()).outcome, wanted, "{}", queries.len());
        }
    }

    #[test]
    fn amounts_are_integers() {
        for (total, wanted) in [
            (json!(880), Outcome::Pass),
            (json!(8.8), Outcome::Fail),
            (json!(880.0), Outcome::Fail),
            (json!("880"), Outcome::Fail),
        ] {
            let order = seen(0, "POST", "/v3/pay/transactions/native", json!({"amount": {"total": total}}));
            assert_eq!(amounts(&[&order]).outcome, wanted, "{total}");
        }
    }
}
