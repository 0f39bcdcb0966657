//! Rows as people and programs see them: instants as text, our ids as words, nothing decided.

use crate::store::{BillLineRow, CallbackRow, ExchangeRow, JournalRow, OrderRow, RefundRow};
use crate::visible;
use crate::wire::{Amount, Callback, ExchangeSummary, Order, Payer, Refund, RefundAmount, TimelineEntry, Verdict};
use wechatpay::time::{self, Timestamp};

/// RFC 3339 in Beijing time; with milliseconds where there are any.
pub(crate) fn shown_time(at: Timestamp) -> String {
    let whole = time::beijing(at);
    match at.as_millisecond().rem_euclid(1_000) {
        0 => whole,
        millis => whole.replacen("+08:00", &format!(".{millis:03}+08:00"), 1),
    }
}

/// `cb_12`.
pub(crate) fn callback_id(id: i64) -> String {
    format!("cb_{id}")
}

/// `ex_12`.
pub(crate) fn exchange_id(id: i64) -> String {
    format!("ex_{id}")
}

/// The row behind an id of ours, with or without its prefix.
pub(crate) fn parse_id(text: &str, prefix: &str) -> Option<i64> {
    let text = text.trim();
    text.strip_prefix(prefix).unwrap_or(text).parse().ok().filter(|id| *id > 0)
}

/// An order for lists.
pub(crate) fn shown(order: &OrderRow) -> Order {
    Order {
        out_trade_no: order.out_trade_no.clone(),
        state: order.state.as_str().to_owned(),
        description: order.description.clone(),
        amount: Amount { total: order.total.get(), currency: order.currency.clone() },
        refunded: order.refunded.get(),
        attach: order.attach.clone(),
        payer: order.openid.clone().map(|openid| Payer { openid }),
        via: order.via,
        transaction_id: order.transaction_id.clone(),
        prepay_id: order.prepay_id.clone(),
        code_url: order.code_url.clone(),
        h5_url: order.h5_url.clone(),
        url_expires_at: order.url_expires_at.map(shown_time),
        merchant: order.merchant.clone(),
        mchid: order.mchid.clone(),
        appid: order.appid.clone(),
        notify_url: order.notify_url.clone(),
        created_at: shown_time(order.created_at),
        success_time: order.success_time.map(shown_time),
        found_by: order.found_by,
        callback_verdict: order.callback_verdict,
        outcome_unknown: order.unknown_since.is_some(),
        combine_out_trade_no: order.combine_out_trade_no.clone(),
        fields: order.fields.as_deref().and_then(|text| serde_json::from_str(text).ok()),
    }
}

/// A refund of the order with that number.
pub(crate) fn shown_refund(refund: &RefundRow, out_trade_no: &str) -> Refund {
    Refund {
        out_refund_no: refund.out_refund_no.clone(),
        refund_id: refund.refund_id.clone(),
        out_trade_no: out_trade_no.to_owned(),
        status: refund.status.as_str().to_owned(),
        amount: RefundAmount { refund: refund.refund.get(), total: refund.total.get(), currency: "CNY".to_owned() },
        reason: refund.reason.clone(),
        created_at: shown_time(refund.created_at),
        success_time: refund.success_time.map(shown_time),
        user_received_account: refund.user_received_account.as_deref().map(|text| visible(text, 64)),
    }
}

/// A delivery for lists. Its words are a stranger's: what hides in them is made visible.
pub(crate) fn shown_callback(row: &CallbackRow) -> Callback {
    let word = |text: &Option<String>| text.as_deref().map(|text| visible(text, 64));
    Callback {
        id: callback_id(row.id),
        notification_id: word(&row.notification_id),
        out_trade_no: word(&row.out_trade_no),
        event_type: word(&row.event_type),
        received_at: shown_time(row.received_at),
        verdict: row.verdict,
        http_status: row.http_status,
        merchant: row.merchant.clone(),
        reason: row.reason.clone(),
        latency_ms: row.latency_ms,
        amount: row.amount,
        first_id: row.first_id.map(callback_id),
        repeats: None,
    }
}

/// A line of the journal.
pub(crate) fn shown_line(line: &JournalRow) -> TimelineEntry {
    TimelineEntry {
        at: shown_time(line.at),
        kind: line.kind.clone(),
        state: line.state.clone(),
        amount: line.amount,
        detail: line.detail.as_deref().map(|text| visible(text, 200)),
        exchange_id: line.exchange_id.map(exchange_id),
        callback_id: line.callback_id.map(callback_id),
    }
}

/// A line of a bill, where the timeline learnt of it.
pub(crate) fn shown_bill_line(line: &BillLineRow, fetched_at: Timestamp) -> TimelineEntry {
    TimelineEntry {
        at: shown_time(fetched_at),
        kind: "bill".to_owned(),
        state: None,
        amount: Some(line.amount.get()),
        detail: Some(visible(&format!("{} {} · {}", line.state, line.at, line.fee), 200)),
        exchange_id: None,
        callback_id: None,
    }
}

/// Everything that happened, oldest first: the journal, and what it has no line of its own for: deliveries that were
/// known already or that a line only points at, and calls whose answer is still to come or told nothing new.
pub(crate) fn whole_timeline(
    lines: &[JournalRow],
    callbacks: &[CallbackRow],
    exchanges: &[ExchangeRow],
) -> Vec<TimelineEntry> {
    let told = |id: i64| {
        lines.iter().any(|line| line.callback_id == Some(id) && matches!(line.kind.as_str(), "callback" | "held"))
    };
    let bare = |at: Timestamp, kind: &str, detail: String| TimelineEntry {
        at: shown_time(at),
        kind: kind.to_owned(),
        state: None,
        amount: None,
        detail: Some(detail),
        exchange_id: None,
        callback_id: None,
    };
    let deliveries = callbacks.iter().filter(|row| !told(row.id)).map(|row| {
        let entry = bare(row.received_at, "callback", verdict_word(row.verdict).to_owned());
        // a delivery comes before what it changed, a call before what was learnt from it
        (row.received_at, 0, TimelineEntry { amount: row.amount, callback_id: Some(callback_id(row.id)), ..entry })
    });
    let calls = exchanges.iter().filter(|row| !lines.iter().any(|line| line.exchange_id == Some(row.id))).map(|row| {
        let entry = bare(row.at, "asked", row.purpose.clone());
        (row.at, 0, TimelineEntry { exchange_id: Some(exchange_id(row.id)), ..entry })
    });
    let mut all: Vec<_> =
        lines.iter().map(|line| (line.at, 1, shown_line(line))).chain(deliveries).chain(calls).collect();
    // stable: the journal keeps its own order within one instant
    all.sort_by_key(|(at, rank, _)| (*at, *rank));
    all.into_iter().map(|(_, _, entry)| entry).collect()
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Applied => "applied",
        Verdict::Duplicate => "duplicate",
        Verdict::Held => "held",
        Verdict::Rejected => "rejected",
        Verdict::Failed => "failed",
    }
}

/// A call for lists.
pub(crate) fn shown_exchange(row: &ExchangeRow) -> ExchangeSummary {
    ExchangeSummary {
        id: exchange_id(row.id),
        at: shown_time(row.at),
        purpose: row.purpose.clone(),
        method: row.method.clone(),
        target: row.target.clone(),
        status: row.status,
        code: row.code.clone(),
        outcome: row.outcome.clone(),
        latency_ms: row.latency_ms,
        request_id: row.request_id.clone(),
        out_trade_no: row.out_trade_no.clone(),
    }
}
