//! Querying and closing: what WeChat Pay knows of an order, and ending one that nobody will pay.

use super::apply::{self, Taken};
use super::combine;
use super::facts;
use super::prepay::{code_of, not_open};
use super::show::shown;
use super::state::{News, State};
use crate::console::{Console, Desk};
use crate::journal::{Kind, Line, Source};
use crate::merchants::Profile;
use crate::patrol;
use crate::problem;
use crate::store::{OrderRow, StoreError};
use crate::wire::{FoundBy, Order, Problem};
use std::sync::Arc;
use wechatpay::api::close::Close;
use wechatpay::api::query::{ByOutTradeNo, ByTransactionId};
use wechatpay::ids::{Mchid, OutTradeNo, TransactionId};

impl Console {
    /// Asks WeChat Pay what it knows of the order, and takes it in.
    ///
    /// # Errors
    /// `ORDER_NOT_FOUND`; WeChat Pay's own codes (`ORDER_NOT_EXIST`: it never heard of it); `ANSWER_CONTRADICTS`.
    pub async fn order_query(&self, m: Option<&str>, out_trade_no: &str) -> Result<Order, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let order = self.order_row(profile.mchid.as_str(), out_trade_no).await?;
        query(&self.desk, &profile, &order).await.map(|row| shown(&row))
    }

    /// Asks by WeChat Pay's own number of a payment, also of one that was made elsewhere; WeChat Pay's transaction object.
    /// If its order is kept here, what is told is taken in.
    ///
    /// # Errors
    /// `INVALID_FIELD`; WeChat Pay's own codes (`ORDER_NOT_EXIST`); `ANSWER_CONTRADICTS`.
    pub async fn transaction_query(&self, m: Option<&str>, transaction_id: &str) -> Result<serde_json::Value, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let transaction_id = TransactionId::parse(transaction_id)?;
        let call = ByTransactionId { mchid: profile.mchid.clone(), transaction_id };
        let asked = self.desk.ask(&profile, &call.request(), None, |_| Ok(())).await?;
        let told =
            asked.outcome().map_err(Clone::clone).and_then(|answer| Ok(facts::of_transaction_query(&call, answer)?));
        let (heard, mchid, now) = (told.clone(), profile.mchid.to_string(), self.desk.outside.now());
        let kept = self.desk.store.write(move |tx| {
            let exchange = asked.keep(tx)?;
            let Ok((facts, _)) = &heard else { return Ok::<_, StoreError>((exchange, None)) };
            let Some(mut row) = tx.order(&mchid, &facts.out_trade_no)? else { return Ok((exchange, None)) };
            let was_paid = row.success_time.is_some();
            let taken = apply::take_query(tx, &mut row, facts, exchange, now)?;
            Ok((exchange, tx.order_at(row.id)?.map(|row| (row, was_paid, taken))))
        });
        let (exchange, taken) = kept.await?;
        let (_, words) = told.map_err(|error| self.desk.gateway_problem(&error, exchange))?;
        if let Some((row, was_paid, taken)) = taken {
            let paid_now = !was_paid && row.found_by == Some(FoundBy::Query);
            self.desk.tell(apply::events(&row, paid_now.then_some(FoundBy::Query)));
            if let Taken::Contrary { rung, detail } = taken {
                return Err(contradicts(&row, rung, &detail));
            }
        }
        Ok(words)
    }

    /// Closes an order that is not paid. One that WeChat Pay never heard of is closed here only.
    ///
    /// # Errors
    /// `ORDER_NOT_FOUND`, `ORDER_NOT_OPEN`, `LIVE_READ_ONLY`; WeChat Pay's own codes (`ORDERPAID`).
    pub async fn order_close(&self, m: Option<&str>, out_trade_no: &str) -> Result<Order, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        profile.may_write()?;
        let order = self.order_row(profile.mchid.as_str(), out_trade_no).await?;
        if order.combine_out_trade_no.is_some() {
            return Err(combine::combined(&order));
        }
        if order.state == State::Closed {
            return Ok(shown(&order));
        }
        if !order.state.is_open() {
            return Err(not_open(&order));
        }
        let unheard = order.state == State::Created && order.prepaid_at.is_none() && order.unknown_since.is_none();
        let row = if unheard { self.close_here(&order).await? } else { self.close_there(m, &profile, &order).await? };
        self.desk.tell([super::changed(&row)]);
        Ok(shown(&row))
    }

    /// Closing a number that WeChat Pay doesn't know would spoil it there (reference 6.1), so it isn't told.
    async fn close_here(&self, order: &OrderRow) -> Result<OrderRow, Problem> {
        let (id, now) = (order.id, self.desk.outside.now());
        let closed = self.desk.store.write(move |tx| {
            tx.order_move(id, State::Created, State::Closed)?;
            tx.journal_write(id, now, &Line::new(Kind::Closed).state(State::Closed))?;
            tx.order_at(id)?.ok_or_else(|| StoreError::Other("the order is gone".to_owned()))
        });
        Ok(closed.await?)
    }

    async fn close_there(
        &self,
        m: Option<&str>,
        profile: &Arc<Profile>,
        order: &OrderRow,
    ) -> Result<OrderRow, Problem> {
        let call = Close { mchid: Mchid::parse(&order.mchid)?, out_trade_no: OutTradeNo::parse(&order.out_trade_no)? };
        let (id, began) = (order.id, self.desk.outside.now());
        let before = move |tx: &crate::store::Tx<'_>| {
            tx.order_set_unknown(id, Some(began))?;
            tx.order_set_patrol(id, patrol::next(began, began, 0), 0)?;
            Ok(())
        };
        let asked = self.desk.ask(profile, &call.request(), Some(order), before).await?;
        let result = asked.outcome().map_err(Clone::clone).and_then(|answer| Ok(call.answer(answer)?));
        let (now, failed, earlier) = (self.desk.outside.now(), result.as_ref().err().cloned(), order.unknown_since);
        let (exchange, row) = self
            .desk
            .store
            .write(move |tx| {
                let exchange = asked.keep(tx)?;
                let mut row = tx.order_at(id)?.ok_or_else(|| StoreError::Other("the order is gone".to_owned()))?;
                match &failed {
                    None => {
                        tx.order_set_unknown(id, None)?;
                        let taken = apply::take_turn(tx, &mut row, News::Closed, Source::Exchange(exchange), now)?;
                        if let Taken::Contrary { detail, .. } = taken {
                            tx.journal_write(id, now, &Line::new(Kind::Held).detail(detail).exchange(exchange))?;
                        }
                    }
                    Some(error) => {
                        if !error.outcome_is_unknown() {
                            tx.order_set_unknown(id, earlier)?;
                        }
                        let line = Line::new(Kind::Closed).detail(code_of(error)).exchange(exchange);
                        tx.journal_write(id, now, &line)?;
                    }
                }
                let row = tx.order_at(id)?.ok_or_else(|| StoreError::Other("the order is gone".to_owned()))?;
                Ok::<_, StoreError>((exchange, row))
            })
            .await?;
        self.desk.patrol.wake();
        match result {
            Ok(()) => Ok(row),
            Err(error) => {
                if matches!(code_of(&error).as_str(), "ORDERPAID" | "ORDER_PAID") {
                    // it was paid and we didn't know: ask
                    let _ = self.order_query(m, &order.out_trade_no).await;
                }
                Err(self.desk.gateway_problem(&error, exchange))
            }
        }
    }
}

/// The query behind the verb and the patrol.
pub(crate) async fn query(desk: &Desk, profile: &Arc<Profile>, order: &OrderRow) -> Result<OrderRow, Problem> {
    if let Some(number) = &order.combine_out_trade_no {
        // WeChat Pay knows it as a part only
        combine::query(desk, profile, number).await?;
        let id = order.id;
        let row = desk.store.read(move |view| view.order_at(id)).await?;
        return row.ok_or_else(|| StoreError::Other("the order is gone".to_owned()).into());
    }
    let call =
        ByOutTradeNo { mchid: Mchid::parse(&order.mchid)?, out_trade_no: OutTradeNo::parse(&order.out_trade_no)? };
    let asked = desk.ask(profile, &call.request(), Some(order), |_| Ok(())).await?;
    let told = asked.outcome().map_err(Clone::clone).and_then(|answer| Ok(facts::of_query(&call, answer)?));
    let (id, now, was_paid) = (order.id, desk.outside.now(), order.success_time.is_some());
    let heard = told.clone();
    let (exchange, row, taken) = desk
        .store
        .write(move |tx| {
            let exchange = asked.keep(tx)?;
            let gone = || StoreError::Other("the order is gone".to_owned());
            let mut row = tx.order_at(id)?.ok_or_else(gone)?;
            let taken = match &heard {
                Ok(facts) => Some(apply::take_query(tx, &mut row, facts, exchange, now)?),
                Err(error) => {
                    let code = code_of(error);
                    if matches!(code.as_str(), "ORDER_NOT_EXIST" | "ORDERNOTEXIST") && row.state == State::Created {
                        // what was unknown is known now: it never got there
                        tx.order_set_unknown(id, None)?;
                        tx.order_set_patrol(id, None, 0)?;
                    }
                    tx.journal_write(id, now, &Line::new(Kind::Query).detail(code).exchange(exchange))?;
                    None
                }
            };
            Ok::<_, StoreError>((exchange, tx.order_at(id)?.ok_or_else(gone)?, taken))
        })
        .await?;
    let paid_now = (!was_paid && row.found_by == Some(FoundBy::Query)).then_some(FoundBy::Query);
    desk.tell(apply::events(&row, paid_now));
    match (told, taken) {
        (Err(error), _) => Err(desk.gateway_problem(&error, exchange)),
        (Ok(_), Some(Taken::Contrary { rung, detail })) => Err(contradicts(&row, rung, &detail)),
        (Ok(_), _) => Ok(row),
    }
}

pub(super) fn contradicts(order: &OrderRow, rung: &str, detail: &str) -> Problem {
    let no = &order.out_trade_no;
    problem::new(
        "ANSWER_CONTRADICTS",
        format!("微信支付对订单 {no} 的应答与本地记录矛盾，订单未改动。"),
        format!("WeChat Pay's answer about the order {no} contradicts what is kept here; the order was not changed."),
        "在时间线里打开这次查询，对照两边的金额和单号，由人来决定。",
        "Open this query in the timeline, compare amounts and numbers, and decide.",
    )
    .with_why(format!("{rung}：{detail}"), format!("{rung}: {detail}"))
}
