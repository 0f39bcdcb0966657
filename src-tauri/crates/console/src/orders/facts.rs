//! What something verified tells of an order or a refund. Facts are made from a verified notification or a verified
//! answer only, and nothing else changes an order: trust is a type.

use super::state::{News, RefundState};
use wechatpay::api::combine::CombineQuery;
use wechatpay::api::objects::{CombinedTransaction, RefundObject, RefundStatus, SubOrder, TradeState, Transaction};
use wechatpay::api::query::{ByOutTradeNo, ByTransactionId};
use wechatpay::api::refund::{AbnormalRefund, Refund, RefundQuery};
use wechatpay::api::{AnswerError, VerifiedAnswer};
use wechatpay::money::Fen;
use wechatpay::notification::{Event, Notification};
use wechatpay::time::{self, Timestamp};

/// What is told of one order.
#[derive(Debug, Clone)]
pub(crate) struct OrderFacts {
    pub(crate) mchid: String,
    /// A combined order names its appid once, for all.
    pub(crate) appid: String,
    pub(crate) out_trade_no: String,
    pub(crate) transaction_id: Option<String>,
    /// As WeChat Pay says it.
    pub(crate) trade_state: String,
    /// `None`: a state that this version doesn't know.
    pub(crate) news: Option<News>,
    pub(crate) success_time: Option<Timestamp>,
    pub(crate) openid: Option<String>,
    pub(crate) total: Option<Fen>,
    pub(crate) payer_total: Option<Fen>,
    pub(crate) currency: Option<String>,
    /// Only this file can make one.
    _made_here: (),
}

/// What is told of one refund.
#[derive(Debug, Clone)]
pub(crate) struct RefundNews {
    /// Only notifications say it.
    pub(crate) mchid: Option<String>,
    pub(crate) out_trade_no: String,
    pub(crate) transaction_id: String,
    pub(crate) out_refund_no: String,
    pub(crate) refund_id: String,
    /// `None`: a status that this version doesn't know.
    pub(crate) status: Option<RefundState>,
    pub(crate) refund: Fen,
    pub(crate) total: Fen,
    pub(crate) currency: Option<String>,
    pub(crate) success_time: Option<Timestamp>,
    pub(crate) user_received_account: Option<String>,
    /// Only this file can make one.
    _made_here: (),
}

/// What a notification tells.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// Of orders: one, or the sub-orders of a combined one.
    Orders(Vec<OrderFacts>),
    /// Of a refund.
    Refund(RefundNews),
}

impl Told {
    /// What a verified notification tells.
    pub(crate) fn by(notification: &Notification) -> Told {
        match notification.event() {
            Event::Payment(transaction) => Told::Orders(vec![of_transaction(transaction)]),
            Event::Combined(combined) => {
                Told::Orders(combined.sub_orders.iter().map(|sub| of_sub_order(combined, sub)).collect())
            }
            Event::Refund(notice) => Told::Refund(RefundNews {
                mchid: Some(notice.mchid.clone()),
                out_trade_no: notice.out_trade_no.clone(),
                transaction_id: notice.transaction_id.clone(),
                out_refund_no: notice.out_refund_no.clone(),
                refund_id: notice.refund_id.clone(),
                status: status_of(&notice.refund_status),
                refund: notice.amount.refund,
                total: notice.amount.total,
                currency: word(notice.amount.extra.get("currency")),
                success_time: instant(notice.success_time.as_deref()),
                user_received_account: notice.user_received_account.clone(),
                _made_here: (),
            }),
        }
    }
}

/// What the verified answer to a query tells of the order that was asked about.
pub(crate) fn of_query(call: &ByOutTradeNo, answer: &VerifiedAnswer) -> Result<OrderFacts, AnswerError> {
    call.answer(answer).map(|transaction| of_transaction(&transaction))
}

/// What the verified answer to a query by WeChat Pay's number tells, and its words.
pub(crate) fn of_transaction_query(
    call: &ByTransactionId,
    answer: &VerifiedAnswer,
) -> Result<(OrderFacts, serde_json::Value), AnswerError> {
    let transaction = call.answer(answer)?;
    let words = serde_json::to_value(&transaction).map_err(|error| AnswerError::NotUnderstood(error.to_string()))?;
    Ok((of_transaction(&transaction), words))
}

/// What the verified answer to a query of a combined order tells of each of its orders.
pub(crate) fn of_combine_query(call: &CombineQuery, answer: &VerifiedAnswer) -> Result<Vec<OrderFacts>, AnswerError> {
    let combined = call.answer(answer)?;
    Ok(combined.sub_orders.iter().map(|sub| of_sub_order(&combined, sub)).collect())
}

/// What the verified answer to the handling of an abnormal refund tells.
pub(crate) fn of_abnormal(call: &AbnormalRefund, answer: &VerifiedAnswer) -> Result<RefundNews, AnswerError> {
    call.answer(answer).map(|refund| of_refund_object(&refund))
}

/// What the verified answer to a refund request tells.
pub(crate) fn of_refund(call: &Refund, answer: &VerifiedAnswer) -> Result<RefundNews, AnswerError> {
    call.answer(answer).map(|refund| of_refund_object(&refund))
}

/// What the verified answer to a refund query tells.
pub(crate) fn of_refund_query(call: &RefundQuery, answer: &VerifiedAnswer) -> Result<RefundNews, AnswerError> {
    call.answer(answer).map(|refund| of_refund_object(&refund))
}

fn of_transaction(transaction: &Transaction) -> OrderFacts {
    let amount = transaction.amount.as_ref();
    OrderFacts {
        mchid: transaction.mchid.clone(),
        appid: transaction.appid.clone(),
        out_trade_no: transaction.out_trade_no.clone(),
        transaction_id: transaction.transaction_id.clone(),
        trade_state: transaction.trade_state.as_str().to_owned(),
        news: news_of(&transaction.trade_state),
        success_time: instant(transaction.success_time.as_deref()),
        openid: transaction.payer.as_ref().and_then(|payer| payer.openid.clone()),
        total: amount.map(|amount| amount.total),
        payer_total: amount.and_then(|amount| amount.payer_total),
        currency: amount.and_then(|amount| amount.currency.clone()),
        _made_here: (),
    }
}

fn of_sub_order(combined: &CombinedTransaction, sub: &SubOrder) -> OrderFacts {
    OrderFacts {
        mchid: sub.mchid.clone(),
        appid: combined.combine_appid.clone(),
        out_trade_no: sub.out_trade_no.clone(),
        transaction_id: sub.transaction_id.clone(),
        trade_state: sub.trade_state.as_str().to_owned(),
        news: news_of(&sub.trade_state),
        success_time: instant(sub.success_time.as_deref()),
        openid: combined.combine_payer_info.as_ref().and_then(|payer| payer.openid.clone()),
        total: Some(sub.amount.total_amount),
        payer_total: sub.amount.payer_amount,
        currency: sub.amount.currency.clone(),
        _made_here: (),
    }
}

fn of_refund_object(refund: &RefundObject) -> RefundNews {
    RefundNews {
        mchid: None,
        out_trade_no: refund.out_trade_no.clone(),
        transaction_id: refund.transaction_id.clone(),
        out_refund_no: refund.out_refund_no.clone(),
        refund_id: refund.refund_id.clone(),
        status: status_of(&refund.status),
        refund: refund.amount.refund,
        total: refund.amount.total,
        currency: word(refund.amount.extra.get("currency")),
        success_time: instant(refund.success_time.as_deref()),
        user_received_account: refund.user_received_account.clone(),
        _made_here: (),
    }
}

fn news_of(state: &TradeState) -> Option<News> {
    match state {
        TradeState::Success => Some(News::Paid),
        TradeState::Refund => Some(News::Refunded),
        TradeState::NotPay => Some(News::Unpaid),
        TradeState::Closed => Some(News::Closed),
        TradeState::Revoked => Some(News::Revoked),
        TradeState::UserPaying => Some(News::Paying),
        TradeState::PayError => Some(News::PayFailed),
        TradeState::Other(_) => None,
    }
}

fn status_of(status: &RefundStatus) -> Option<RefundState> {
    match status {
        RefundStatus::Success => Some(RefundState::Success),
        RefundStatus::Closed => Some(RefundState::Closed),
        RefundStatus::Processing => Some(RefundState::Processing),
        RefundStatus::Abnormal => Some(RefundState::Abnormal),
        RefundStatus::Other(_) => None,
    }
}

fn instant(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(|text| time::parse(text).ok())
}

fn word(value: Option<&serde_json::Value>) -> Option<String> {
    value.and_then(serde_json::Value::as_str).map(str::to_owned)
}
