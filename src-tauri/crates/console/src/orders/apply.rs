//! Verified facts meet an order: compared with what the order says, moved by the state table, written with its journal
//! line. Deliveries, queries and the answers to our own calls all come through here.

use super::facts::OrderFacts;
use super::state::{News, State, Turn};
use crate::console::seconds_before;
use crate::journal::{Kind, Line, Source};
use crate::store::{OrderRow, Payment, StoreError, Tx};
use crate::wire::{Event, FoundBy, Verdict};
use wechatpay::time::Timestamp;

/// What became of facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// They changed something.
    Applied,
    /// Known already, or older than what is known.
    Known,
    /// They contradict what is known: nothing changed, a person decides.
    Contrary {
        /// The rung of the ladder of checks that fails.
        rung: &'static str,
        /// What was compared.
        detail: String,
    },
}

/// A rung that fails.
pub(crate) fn contrary(rung: &'static str, detail: impl Into<String>) -> Taken {
    Taken::Contrary { rung, detail: detail.into() }
}

/// Is it about the same money? `payer_total` may be less (coupons) and isn't looked at.
pub(crate) fn amount_differs(order: &OrderRow, facts: &OrderFacts) -> Option<String> {
    let total = facts.total?;
    let currency = facts.currency.as_deref().unwrap_or("CNY");
    if total == order.total && currency == order.currency {
        return None;
    }
    Some(format!("{} {currency}, the order says {} {}", total.get(), order.total.get(), order.currency))
}

/// What a payment would do, without doing it: the state that it leads to, `None` if it is known, or what it contradicts.
pub(crate) fn judge_payment(order: &OrderRow, facts: &OrderFacts) -> Result<Option<State>, Taken> {
    let Some(transaction_id) = facts.transaction_id.as_deref() else {
        return Err(contrary("state_allows", "paid, but without a transaction_id"));
    };
    if let Some(known) = order.transaction_id.as_deref()
        && known != transaction_id
    {
        return Err(contrary("state_allows", format!("transaction {transaction_id}, the order was paid by {known}")));
    }
    match order.state.on(News::Paid) {
        Turn::Forbidden => Err(contrary("state_allows", format!("paid, but the order is {}", order.state.as_str()))),
        Turn::Stay if order.success_time.is_some() => Ok(None),
        // a refund overtook its payment: the state is right, the payment's facts are still missing
        Turn::Stay => Ok(Some(order.state)),
        Turn::To(next) => Ok(Some(next)),
    }
}

/// Takes a payment in: payment is the truth for every order that is open.
pub(crate) fn take_payment(
    tx: &Tx<'_>,
    order: &mut OrderRow,
    facts: &OrderFacts,
    found_by: FoundBy,
    source: Source,
    now: Timestamp,
) -> Result<Taken, StoreError> {
    let next = match judge_payment(order, facts) {
        Ok(Some(next)) => next,
        Ok(None) => return Ok(Taken::Known),
        Err(contrary) => return Ok(contrary),
    };
    let transaction_id = facts.transaction_id.as_deref().unwrap_or_default();
    let success_time = facts.success_time.unwrap_or(now);
    let payment = Payment {
        transaction_id,
        success_time,
        openid: facts.openid.as_deref(),
        payer_total: facts.payer_total,
        found_by,
    };
    tx.order_pay(order.id, order.state, next, &payment)?;
    let line = Line::new(Kind::Paid).state(next).amount(order.total).detail(transaction_id).source(source);
    tx.journal_write(order.id, now, &line)?;
    order.state = next;
    order.transaction_id = Some(transaction_id.to_owned());
    order.success_time = Some(success_time);
    order.found_by = Some(found_by);
    order.unknown_since = None;
    if found_by == FoundBy::Callback {
        order.callback_verdict = Some(Verdict::Applied);
    }
    Ok(Taken::Applied)
}

/// Takes in what a verified query of the order says. Always leaves a line.
pub(crate) fn take_query(
    tx: &Tx<'_>,
    order: &mut OrderRow,
    facts: &OrderFacts,
    exchange: i64,
    now: Timestamp,
) -> Result<Taken, StoreError> {
    let source = Source::Exchange(exchange);
    let taken = judge_query(tx, order, facts, source, now)?;
    match &taken {
        Taken::Contrary { rung, detail } => {
            let line = Line::new(Kind::Held).detail(format!("{rung}: {detail}")).source(source);
            tx.journal_write(order.id, now, &line)?;
        }
        Taken::Applied | Taken::Known => {
            let line = Line::new(Kind::Query).state(order.state).detail(facts.trade_state.clone()).source(source);
            tx.journal_write(order.id, now, &line)?;
            // whatever was unknown of it, WeChat Pay has just said
            tx.order_set_unknown(order.id, None)?;
            order.unknown_since = None;
        }
    }
    Ok(taken)
}

fn judge_query(
    tx: &Tx<'_>,
    order: &mut OrderRow,
    facts: &OrderFacts,
    source: Source,
    now: Timestamp,
) -> Result<Taken, StoreError> {
    if facts.mchid != order.mchid || facts.appid != order.appid {
        return Ok(contrary("merchant_matches", format!("{} {}", facts.mchid, facts.appid)));
    }
    if let Some(detail) = amount_differs(order, facts) {
        return Ok(contrary("amount_matches", detail));
    }
    match facts.news {
        None => Ok(Taken::Known),
        Some(News::Paid) => take_payment(tx, order, facts, FoundBy::Query, source, now),
        Some(News::Refunded) => {
            // a refunded order was paid: its payment's facts come with it
            let paid = if facts.transaction_id.is_some() {
                take_payment(tx, order, facts, FoundBy::Query, source, now)?
            } else {
                Taken::Known
            };
            if let Taken::Contrary { .. } = paid {
                return Ok(paid);
            }
            let moved = take_turn(tx, order, News::Refunded, source, now)?;
            Ok(if moved == Taken::Known { paid } else { moved })
        }
        Some(news @ (News::Unpaid | News::Paying | News::PayFailed | News::Closed | News::Revoked | News::Prepaid)) => {
            take_turn(tx, order, news, source, now)
        }
    }
}

/// Moves the order by news that carry no facts of their own.
pub(crate) fn take_turn(
    tx: &Tx<'_>,
    order: &mut OrderRow,
    news: News,
    source: Source,
    now: Timestamp,
) -> Result<Taken, StoreError> {
    match order.state.on(news) {
        Turn::Stay => Ok(Taken::Known),
        Turn::Forbidden => Ok(contrary("state_allows", format!("{news:?}, but the order is {}", order.state.as_str()))),
        Turn::To(next) => {
            tx.order_move(order.id, order.state, next)?;
            order.state = next;
            match next {
                State::Closed | State::Revoked => {
                    tx.order_set_patrol(order.id, None, order.patrol_step)?;
                    tx.journal_write(order.id, now, &Line::new(Kind::Closed).state(next).source(source))?;
                }
                // refunded without a known payment: ask for it soon
                State::Refund if order.success_time.is_none() => {
                    tx.order_set_patrol(order.id, Some(seconds_before(now, -5)), 0)?;
                }
                State::Created
                | State::Notpay
                | State::Userpaying
                | State::Payerror
                | State::Success
                | State::Refund => {}
            }
            Ok(Taken::Applied)
        }
    }
}

/// What to tell once the commit stands.
pub(crate) fn events(order: &OrderRow, paid_now: Option<FoundBy>) -> Vec<Event> {
    let changed = Event::OrderChanged {
        merchant: order.merchant.clone(),
        out_trade_no: order.out_trade_no.clone(),
        state: order.state.as_str().to_owned(),
    };
    let paid = paid_now.map(|found_by| Event::PaymentReceived {
        merchant: order.merchant.clone(),
        out_trade_no: order.out_trade_no.clone(),
        amount: order.total.get(),
        found_by,
    });
    std::iter::once(changed).chain(paid).collect()
}
