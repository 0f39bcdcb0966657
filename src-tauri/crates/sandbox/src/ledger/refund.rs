//! Refunds: asked for, settled a second later, taken up again when they failed; their objects in answers and notifications.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wechatpay::time::{beijing, beijing_date};

use super::order::{Order, Turn};
use super::{Due, Ledger, key};
use crate::clock::{Millis, instant};
use crate::store::Kind;
use crate::switches::RefundOutcome;

/// A refund settles after this much business time.
const SETTLES_AFTER: Millis = 1_000;
/// Refunds are to be had this long after the payment.
const REFUNDABLE: Millis = 365 * 86_400_000;
/// Refunds of one order.
const MOST_PARTS: usize = 50;
/// Between two partial refunds, if the switch asks for it.
const INTERVAL: Millis = 60_000;

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    Processing,
    Success,
    Closed,
    Abnormal,
}

impl Status {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Status::Processing => "PROCESSING",
            Status::Success => "SUCCESS",
            Status::Closed => "CLOSED",
            Status::Abnormal => "ABNORMAL",
        }
    }
}

/// What a request for a refund asks for, checked.
#[derive(Debug, Clone)]
pub(crate) struct RefundDraft {
    pub(crate) mchid: String,
    pub(crate) transaction_id: Option<String>,
    pub(crate) out_trade_no: Option<String>,
    pub(crate) out_refund_no: String,
    pub(crate) notify_url: Option<String>,
    pub(crate) funds_account: Option<String>,
    pub(crate) refund: i64,
    pub(crate) total: i64,
    pub(crate) parameters: String,
    pub(crate) by_public_key: bool,
    pub(crate) needs_interval: bool,
}

/// Why there is no refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefundError {
    NoOrder,
    NumbersDisagree,
    NotPaid,
    Changed,
    TotalDiffers,
    TooMuch,
    TooLate,
    TooManyParts,
    TooSoon,
    NoRefund,
    NotAbnormal,
}

/// A refund.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Refund {
    pub(crate) seq: u64,
    pub(crate) mchid: String,
    pub(crate) refund_id: String,
    pub(crate) out_refund_no: String,
    pub(crate) transaction_id: String,
    pub(crate) out_trade_no: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notify_url: Option<String>,
    /// Where the request wants the money from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) funds_account: Option<String>,
    pub(crate) refund: i64,
    pub(crate) total: i64,
    pub(crate) parameters: String,
    pub(crate) created: Millis,
    pub(crate) settles_at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) succeeded: Option<Millis>,
    pub(crate) status: Status,
    pub(crate) by_public_key: bool,
    /// Handled after `ABNORMAL`: it succeeds whatever the switch says.
    #[serde(default)]
    pub(crate) handled: bool,
}

impl Refund {
    pub(crate) fn key(&self) -> String {
        key(&self.mchid, &self.out_refund_no)
    }

    /// The object that apply and query answer (reference 7.3).
    pub(crate) fn object(&self) -> Value {
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| {
            out.insert(name.to_owned(), value);
        };
        put("refund_id", json!(self.refund_id));
        put("out_refund_no", json!(self.out_refund_no));
        put("transaction_id", json!(self.transaction_id));
        put("out_trade_no", json!(self.out_trade_no));
        put("channel", json!("ORIGINAL"));
        put("user_received_account", json!("支付用户零钱"));
        if let Some(at) = self.succeeded {
            put("success_time", json!(beijing(instant(at))));
        }
        put("create_time", json!(beijing(instant(self.created))));
        put("status", json!(self.status.word()));
        put("funds_account", json!(self.funds_account.as_deref().unwrap_or("AVAILABLE")));
        put(
            "amount",
            json!({
                "total": self.total, "refund": self.refund, "payer_total": self.total, "payer_refund": self.refund,
                "settlement_refund": self.refund, "settlement_total": self.total, "discount_refund": 0, "currency": "CNY",
            }),
        );
        Value::Object(out)
    }

    /// What its notification holds (reference 8.4): the state is called `refund_status` there.
    pub(crate) fn notice(&self) -> Value {
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| {
            out.insert(name.to_owned(), value);
        };
        put("mchid", json!(self.mchid));
        put("transaction_id", json!(self.transaction_id));
        put("out_trade_no", json!(self.out_trade_no));
        put("refund_id", json!(self.refund_id));
        put("out_refund_no", json!(self.out_refund_no));
        put("refund_status", json!(self.status.word()));
        if let Some(at) = self.succeeded {
            put("success_time", json!(beijing(instant(at))));
        }
        put("user_received_account", json!("支付用户零钱"));
        put(
            "amount",
            json!({ "total": self.total, "refund": self.refund, "payer_total": self.total, "payer_refund": self.refund }),
        );
        Value::Object(out)
    }
}

impl Ledger {
    /// Finds a refund by the merchant's number.
    pub(crate) fn refund(&self, mchid: &str, out_refund_no: &str) -> Option<&Refund> {
        self.refunds.get(&key(mchid, out_refund_no))
    }

    /// Every refund, in no order.
    pub(crate) fn refunds(&self) -> impl Iterator<Item = &Refund> {
        self.refunds.values()
    }

    /// Asks for a refund. The same number with the same parameters is the same refund; one that was closed is taken up again.
    pub(crate) fn ask_refund(&mut self, draft: RefundDraft, now: Millis) -> Result<Refund, RefundError> {
        if let Some(known) = self.refunds.get(&key(&draft.mchid, &draft.out_refund_no)) {
            if known.parameters != draft.parameters {
                return Err(RefundError::Changed);
            }
            if known.status != Status::Closed {
                return Ok(known.clone());
            }
        }
        let by_transaction = draft.transaction_id.as_ref().map(|id| self.order_by_transaction(id));
        let by_number = draft.out_trade_no.as_ref().map(|no| self.order(&draft.mchid, no));
        let order: &Order = match (by_transaction, by_number) {
            (Some(Some(a)), Some(Some(b))) if a.seq != b.seq => return Err(RefundError::NumbersDisagree),
            (Some(None), _) | (_, Some(None)) | (None, None) => return Err(RefundError::NoOrder),
            (Some(Some(order)), _) | (None, Some(Some(order))) => order,
        };
        if order.mchid != draft.mchid {
            return Err(RefundError::NoOrder);
        }
        let paid = order.paid.clone().ok_or(RefundError::NotPaid)?;
        if draft.total != order.total {
            return Err(RefundError::TotalDiffers);
        }
        if now > paid.at.saturating_add(REFUNDABLE) {
            return Err(RefundError::TooLate);
        }
        if draft.refund > order.total.saturating_sub(order.refunded) {
            return Err(RefundError::TooMuch);
        }
        let again = order.refunds.contains(&draft.out_refund_no);
        if !again && order.refunds.len() >= MOST_PARTS {
            return Err(RefundError::TooManyParts);
        }
        let last = order.refunds.last().and_then(|no| self.refund(&draft.mchid, no));
        if draft.needs_interval && last.is_some_and(|last| now < last.created.saturating_add(INTERVAL)) {
            return Err(RefundError::TooSoon);
        }
        let (order_key, out_trade_no) = (order.key(), order.out_trade_no.clone());
        let day = beijing_date(instant(now)).replace('-', "");
        let what = ["refund", &draft.mchid, &draft.out_refund_no];
        let refund_id = format!("503{}{day}{}", self.lots.digits(8, &what), self.lots.digits(10, &what));
        let refund = Refund {
            seq: self.next_seq(),
            mchid: draft.mchid,
            refund_id,
            out_refund_no: draft.out_refund_no,
            transaction_id: paid.transaction_id,
            out_trade_no,
            notify_url: draft.notify_url,
            funds_account: draft.funds_account,
            refund: draft.refund,
            total: draft.total,
            parameters: draft.parameters,
            created: now,
            settles_at: now.saturating_add(SETTLES_AFTER),
            succeeded: None,
            status: Status::Processing,
            by_public_key: draft.by_public_key,
            handled: false,
        };
        let number = refund.out_refund_no.clone();
        let amount = refund.refund;
        self.turn(&order_key, Turn::Refund, now, |order| {
            if !again {
                order.refunds.push(number);
            }
            order.refunded = order.refunded.saturating_add(amount);
        })
        .map_err(|_| RefundError::NotPaid)?;
        self.put_refund(refund.clone());
        self.plan(refund.settles_at, Due::Settle(refund.key()));
        Ok(refund)
    }

    /// A person decides on an abnormal refund: it is under way again and will succeed.
    pub(crate) fn handle_abnormal(
        &mut self,
        mchid: &str,
        refund_id: &str,
        out_refund_no: &str,
        now: Millis,
    ) -> Result<Refund, RefundError> {
        let key = self.refund_ids.get(refund_id).cloned().ok_or(RefundError::NoRefund)?;
        let refund = self.refunds.get_mut(&key).ok_or(RefundError::NoRefund)?;
        if refund.mchid != mchid || refund.out_refund_no != out_refund_no {
            return Err(RefundError::NoRefund);
        }
        if refund.status != Status::Abnormal {
            return Err(RefundError::NotAbnormal);
        }
        refund.status = Status::Processing;
        refund.handled = true;
        refund.settles_at = now.saturating_add(SETTLES_AFTER);
        let refund = refund.clone();
        self.put_refund(refund.clone());
        self.plan(refund.settles_at, Due::Settle(key));
        Ok(refund)
    }

    /// A refund comes to its end.
    pub(crate) fn settle(&mut self, key: &str, outcome: RefundOutcome, at: Millis) -> Option<Refund> {
        let refund = self.refunds.get_mut(key).filter(|r| r.status == Status::Processing)?;
        refund.status = match outcome {
            _ if refund.handled => Status::Success,
            RefundOutcome::Success => Status::Success,
            RefundOutcome::Closed => Status::Closed,
            RefundOutcome::Abnormal => Status::Abnormal,
        };
        if refund.status == Status::Success {
            refund.succeeded = Some(at);
        }
        let refund = refund.clone();
        if refund.status == Status::Closed {
            // what is not refunded after all may be asked for again
            let order = super::key(&refund.mchid, &refund.out_trade_no);
            let _ = self.turn(&order, Turn::Refund, at, |o| o.refunded = o.refunded.saturating_sub(refund.refund));
        }
        self.put_refund(refund.clone());
        Some(refund)
    }

    fn put_refund(&mut self, refund: Refund) {
        self.keep(Kind::Refund, refund.seq, &refund);
        self.refund_ids.insert(refund.refund_id.clone(), refund.key());
        self.refunds.insert(refund.key(), refund);
    }
}
