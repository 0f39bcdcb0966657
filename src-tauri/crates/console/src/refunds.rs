//! Refunds: asked for here, made elsewhere, settled by notification or query. The running total never passes the
//! order's, and after an unclear answer the same number is asked again: a new one could refund twice.

mod abnormal;

use crate::console::{Console, Desk};
use crate::gateway::GatewayError;
use crate::journal::{Kind, Line, Source};
use crate::merchants::Profile;
use crate::orders::apply::{self, Taken, contrary};
use crate::orders::facts::{self, RefundNews};
use crate::orders::shown_refund;
use crate::orders::state::{News, RefundState, State, Turn};
use crate::patrol;
use crate::problem;
use crate::store::{NewRefund, OrderRow, RefundFacts, RefundRow, StoreError, Tx};
use crate::wire::{Problem, Refund, RefundInput};
use std::sync::Arc;
use wechatpay::api::refund::{Of, Refund as Call, RefundQuery};
use wechatpay::error::FieldError;
use wechatpay::ids::{NotifyUrl, OutRefundNo, TransactionId};
use wechatpay::money::Fen;
use wechatpay::time::Timestamp;

/// WeChat Pay takes refunds for 365 days after the payment …
const DAYS: i64 = 365;
/// … in 50 parts at most.
const PARTS: usize = 50;

impl Console {
    /// Gives money back: the whole rest, or a part. Its number is committed before WeChat Pay hears it; a refund whose
    /// outcome is unknown, or that was refused, is asked for again under its own number.
    ///
    /// # Errors
    /// `ORDER_NOT_FOUND`, `ORDER_NOT_PAID`, `REFUND_EXCEEDS` (with what remains), `REFUND_TOO_LATE` (365 days),
    /// `REFUND_TOO_MANY` (50 parts), `REFUND_OUTCOME_UNKNOWN` (an earlier one is not clear yet), `REFUND_NO_USED`,
    /// `INVALID_FIELD`, `LIVE_READ_ONLY`; WeChat Pay's own codes.
    pub async fn order_refund(
        &self,
        m: Option<&str>,
        out_trade_no: &str,
        input: RefundInput,
    ) -> Result<Refund, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        profile.may_write()?;
        let order = self.order_row(profile.mchid.as_str(), out_trade_no).await?;
        let now = self.desk.outside.now();
        if let Some(no) = &input.out_refund_no {
            OutRefundNo::parse(no)?;
        }
        if let Some(amount) = input.amount {
            amount.payable("amount.refund")?;
        }
        let (id, fresh, wanted) = (order.id, self.number("RF", now), input);
        let url = order.notify_url.clone();
        // decided and committed in one transaction: two clicks can't both find the same rest
        let refund = self
            .desk
            .store
            .write(move |tx| {
                let order = tx.order_at(id)?.ok_or_else(|| StoreError::Other("the order is gone".to_owned()))?;
                reserve(tx, &order, &wanted, &fresh, url.as_deref(), now)
            })
            .await?;
        let call = call(&profile, &order, &refund)?;
        let request = match call.request() {
            Ok(request) => request,
            Err(error) => {
                self.withdraw(&order, &refund, now).await?;
                return Err(error.into());
            }
        };
        let asked = self.desk.ask(&profile, &request, Some(&order), |_| Ok(())).await?;
        let told = asked.outcome().map_err(Clone::clone).and_then(|answer| Ok(facts::of_refund(&call, answer)?));
        self.settle(&order, &refund, told, asked).await
    }

    /// Asks WeChat Pay what became of a refund, and takes it in.
    ///
    /// # Errors
    /// `REFUND_NOT_FOUND`; WeChat Pay's own codes; `ANSWER_CONTRADICTS`.
    pub async fn refund_query(&self, m: Option<&str>, out_refund_no: &str) -> Result<Refund, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let (mchid, no) = (profile.mchid.to_string(), out_refund_no.to_owned());
        let found = self.desk.store.read(move |view| {
            let Some(refund) = view.refund(&mchid, &no)? else { return Ok::<_, StoreError>(None) };
            Ok(view.order_at(refund.order_id)?.map(|order| (order, refund)))
        });
        let (order, refund) = found.await?.ok_or_else(|| absent(out_refund_no))?;
        self.refund_ask(&profile, &order, &refund).await
    }

    /// The query behind the verb and the patrol.
    pub(crate) async fn refund_ask(
        &self,
        profile: &Arc<Profile>,
        order: &OrderRow,
        refund: &RefundRow,
    ) -> Result<Refund, Problem> {
        let call = RefundQuery { out_refund_no: OutRefundNo::parse(&refund.out_refund_no)? };
        let asked = self.desk.ask(profile, &call.request(), Some(order), |_| Ok(())).await?;
        let told = asked.outcome().map_err(Clone::clone).and_then(|answer| Ok(facts::of_refund_query(&call, answer)?));
        self.settle(order, refund, told, asked).await
    }

    /// A request that breaks a rule was never sent: the number is free to be asked again.
    async fn withdraw(&self, order: &OrderRow, refund: &RefundRow, now: Timestamp) -> Result<(), Problem> {
        let (order_id, refund) = (order.id, refund.clone());
        let refused = self.desk.store.write(move |tx| {
            tx.refund_move(&refund, RefundState::Refused, &RefundFacts::default())?;
            tx.refund_set_patrol(refund.id, None, 0)?;
            tx.journal_write(order_id, now, &Line::new(Kind::RefundRefused).detail(refund.out_refund_no.clone()))
        });
        Ok(refused.await?)
    }

    async fn settle(
        &self,
        order: &OrderRow,
        refund: &RefundRow,
        told: Result<RefundNews, GatewayError>,
        asked: Arc<crate::orders::asking::Asked>,
    ) -> Result<Refund, Problem> {
        let (order_id, now) = (order.id, self.desk.outside.now());
        let (mchid, no, heard) = (order.mchid.clone(), refund.out_refund_no.clone(), told.clone());
        let (exchange, order, refund, taken) = self
            .desk
            .store
            .write(move |tx| {
                let exchange = asked.keep(tx)?;
                let gone = || StoreError::Other("the refund is gone".to_owned());
                let mut order = tx.order_at(order_id)?.ok_or_else(gone)?;
                let taken = match &heard {
                    Ok(news) => Some(take(tx, &mut order, news, Source::Exchange(exchange), now)?),
                    Err(error) => {
                        let row = tx.refund(&mchid, &no)?.ok_or_else(gone)?;
                        failed(tx, &order, &row, error, exchange, now)?;
                        None
                    }
                };
                let row = tx.refund(&mchid, &no)?.ok_or_else(gone)?;
                let order = tx.order_at(order_id)?.ok_or_else(gone)?;
                Ok::<_, StoreError>((exchange, order, row, taken))
            })
            .await?;
        self.desk.tell([crate::orders::changed(&order)]);
        self.desk.patrol.wake();
        match (told, taken) {
            (Err(error), _) => Err(self.desk.gateway_problem(&error, exchange)),
            (Ok(_), Some(Taken::Contrary { rung, detail })) => Err(contradicts(&refund, rung, &detail)),
            (Ok(_), _) => Ok(shown_refund(&refund, &order.out_trade_no)),
        }
    }
}

/// What a refused or lost call leaves behind.
fn failed(
    tx: &Tx<'_>,
    order: &OrderRow,
    refund: &RefundRow,
    error: &GatewayError,
    exchange: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let unknown_there = matches!(error, GatewayError::Refused { error, .. } if error.status == 404);
    let (kind, detail) = if error.outcome_is_unknown() {
        (Kind::Refund, format!("{} UNKNOWN", refund.out_refund_no))
    } else {
        if refund.status == RefundState::Unknown
            && (unknown_there || !matches!(error, GatewayError::Unreachable { .. }))
        {
            tx.refund_move(refund, RefundState::Refused, &RefundFacts::default())?;
            tx.refund_set_patrol(refund.id, None, 0)?;
        }
        (Kind::RefundRefused, refund.out_refund_no.clone())
    };
    let line = Line::new(kind).amount(refund.refund).detail(detail).exchange(exchange);
    tx.journal_write(order.id, now, &line)
}

/// Chooses the refund to ask for, with its rules, and keeps it as `UNKNOWN`.
fn reserve(
    tx: &Tx<'_>,
    order: &OrderRow,
    wanted: &RefundInput,
    fresh: &str,
    notify_url: Option<&str>,
    now: Timestamp,
) -> Result<RefundRow, Problem> {
    if !order.state.is_paid() {
        return Err(not_paid(order));
    }
    if order.success_time.is_some_and(|paid| now.as_second().saturating_sub(paid.as_second()) > DAYS * 86_400) {
        return Err(too_late(order));
    }
    let refunds = tx.refunds_of(order.id)?;
    let again = again(tx, order, &refunds, wanted)?;
    let mut taken = Fen::new(0);
    for refund in refunds.iter().filter(|refund| refund.status.counts() || refund.status == RefundState::Unknown) {
        if again.as_ref().is_none_or(|again| again.id != refund.id) {
            taken = taken.checked_add(refund.refund).ok_or_else(|| exceeds(order, Fen::new(0)))?;
        }
    }
    let rest = order.total.checked_sub(taken).unwrap_or(Fen::new(0));
    let amount = wanted.amount.or(again.as_ref().map(|again| again.refund)).unwrap_or(rest);
    if amount > rest || rest < Fen::new(1) {
        return Err(exceeds(order, rest));
    }
    let line = |refund: &RefundRow| Line::new(Kind::Refund).amount(refund.refund).detail(refund.out_refund_no.clone());
    if let Some(again) = again {
        if again.status == RefundState::Refused {
            tx.refund_move(&again, RefundState::Unknown, &RefundFacts::default())?;
        }
        tx.refund_set_patrol(again.id, patrol::next_refund(now, now, 0), 0)?;
        tx.journal_write(order.id, now, &line(&again))?;
        return Ok(again_row(tx, &again)?);
    }
    let parts = refunds.iter().filter(|refund| refund.status != RefundState::Refused).count();
    if parts >= PARTS {
        return Err(too_many(order));
    }
    let refund = tx.refund_insert(&NewRefund {
        order_id: order.id,
        mchid: order.mchid.clone(),
        out_refund_no: wanted.out_refund_no.clone().unwrap_or_else(|| fresh.to_owned()),
        refund_id: None,
        transaction_id: order.transaction_id.clone(),
        status: RefundState::Unknown,
        refund: amount,
        total: order.total,
        reason: wanted.reason.clone().filter(|reason| !reason.is_empty()),
        notify_url: notify_url.map(str::to_owned),
        elsewhere: false,
        user_received_account: None,
        success_time: None,
        created_at: now,
    })?;
    // killed before the answer: the patrol asks what became of it
    tx.refund_set_patrol(refund.id, patrol::next_refund(now, now, 0), 0)?;
    tx.journal_write(order.id, now, &line(&refund))?;
    Ok(refund)
}

fn again_row(tx: &Tx<'_>, refund: &RefundRow) -> Result<RefundRow, StoreError> {
    let row = tx.refund(&refund.mchid, &refund.out_refund_no)?;
    row.ok_or_else(|| StoreError::Other("the refund is gone".to_owned()))
}

/// The earlier refund that this one repeats, if it does: by its number, or because one of the same amount is not clear.
fn again(
    tx: &Tx<'_>,
    order: &OrderRow,
    refunds: &[RefundRow],
    wanted: &RefundInput,
) -> Result<Option<RefundRow>, Problem> {
    let unclear = |refund: &RefundRow| matches!(refund.status, RefundState::Unknown | RefundState::Refused);
    if let Some(no) = &wanted.out_refund_no {
        let Some(refund) = tx.refund(&order.mchid, no)? else { return Ok(None) };
        let same = refund.order_id == order.id && wanted.amount.is_none_or(|amount| amount == refund.refund);
        return if same { Ok(Some(refund)) } else { Err(number_used(no)) };
    }
    // without a number: what isn't clear yet comes first, under its own number
    let open: Vec<&RefundRow> = refunds.iter().filter(|refund| unclear(refund)).collect();
    let repeats = |refund: &&&RefundRow| wanted.amount.is_none_or(|amount| amount == refund.refund);
    if let Some(refund) = open.iter().find(repeats) {
        return Ok(Some((*refund).clone()));
    }
    match open.iter().find(|refund| refund.status == RefundState::Unknown) {
        Some(refund) => Err(unknown(refund)),
        None => Ok(None),
    }
}

/// The same call for the same refund, byte for byte.
fn call(profile: &Profile, order: &OrderRow, refund: &RefundRow) -> Result<Call, FieldError> {
    let of = match &order.transaction_id {
        Some(id) => Of::Payment { transaction_id: TransactionId::parse(id)? },
        None => Of::Order { out_trade_no: wechatpay::ids::OutTradeNo::parse(&order.out_trade_no)? },
    };
    let mut call = Call::new(of, OutRefundNo::parse(&refund.out_refund_no)?, refund.refund, refund.total);
    call.reason.clone_from(&refund.reason);
    call.notify_url = match &refund.notify_url {
        Some(url) if profile.sandbox => Some(NotifyUrl::parse_for_sandbox(url)?),
        Some(url) => Some(NotifyUrl::parse(url)?),
        None => None,
    };
    Ok(call)
}

/// Takes in what something verified says of a refund: one of ours, or one that was made elsewhere. A refund may be heard
/// of before its payment; the order ends the same.
pub(crate) fn take(
    tx: &Tx<'_>,
    order: &mut OrderRow,
    news: &RefundNews,
    source: Source,
    now: Timestamp,
) -> Result<Taken, StoreError> {
    let Some(status) = news.status else { return Ok(Taken::Known) };
    let known = tx.refund(&order.mchid, &news.out_refund_no)?;
    if let Some(contrary) = judge(tx, order, known.as_ref(), news, status)? {
        return Ok(contrary);
    }
    let success_time = (status == RefundState::Success).then(|| news.success_time.unwrap_or(now));
    let facts = RefundFacts {
        refund_id: Some(news.refund_id.clone()),
        transaction_id: Some(news.transaction_id.clone()),
        user_received_account: news.user_received_account.clone(),
        success_time,
    };
    let refund = match known {
        Some(refund) => match refund.status.on(status) {
            Turn::Stay => return Ok(Taken::Known),
            Turn::Forbidden => {
                let (is, said) = (refund.status.as_str(), status.as_str());
                return Ok(contrary("state_allows", format!("{said}, but the refund is {is}")));
            }
            Turn::To(next) => {
                tx.refund_move(&refund, next, &facts)?;
                refund
            }
        },
        None => tx.refund_insert(&NewRefund {
            order_id: order.id,
            mchid: order.mchid.clone(),
            out_refund_no: news.out_refund_no.clone(),
            refund_id: facts.refund_id.clone(),
            transaction_id: facts.transaction_id.clone(),
            status,
            refund: news.refund,
            total: news.total,
            reason: None,
            notify_url: None,
            elsewhere: true,
            user_received_account: facts.user_received_account.clone(),
            success_time,
            created_at: now,
        })?,
    };
    let next = match status {
        RefundState::Processing | RefundState::Abnormal => patrol::next_refund(now, now, 0),
        RefundState::Unknown | RefundState::Refused | RefundState::Closed | RefundState::Success => None,
    };
    tx.refund_set_patrol(refund.id, next, 0)?;
    if status.accepted() {
        // judged above: it doesn't contradict the order
        let _ = apply::take_turn(tx, order, News::Refunded, source, now)?;
    }
    let kind = if status == RefundState::Processing { Kind::Refund } else { Kind::RefundSettled };
    let line = Line::new(kind).state(order.state).amount(news.refund).source(source);
    tx.journal_write(order.id, now, &line.detail(format!("{} {}", news.out_refund_no, status.as_str())))?;
    Ok(Taken::Applied)
}

/// Does it contradict the order or the refund that is known?
fn judge(
    tx: &Tx<'_>,
    order: &OrderRow,
    known: Option<&RefundRow>,
    news: &RefundNews,
    status: RefundState,
) -> Result<Option<Taken>, StoreError> {
    let amount = |detail: String| Ok(Some(contrary("amount_matches", detail)));
    if news.total != order.total {
        return amount(format!("total {}, the order says {}", news.total.get(), order.total.get()));
    }
    if news.currency.as_deref().is_some_and(|currency| currency != order.currency) {
        return amount(format!("currency {:?}", news.currency));
    }
    if news.refund < Fen::new(1) || news.refund > order.total {
        return amount(format!("refund {} of {}", news.refund.get(), order.total.get()));
    }
    if let Some(known) = known {
        if known.order_id != order.id {
            return Ok(Some(contrary("state_allows", "this refund number belongs to another order")));
        }
        if known.refund != news.refund {
            return amount(format!("refund {}, it was {}", news.refund.get(), known.refund.get()));
        }
    }
    if status.counts() && !known.is_some_and(|known| known.status.counts()) {
        let sum = order.refunded.checked_add(news.refund);
        if sum.is_none_or(|sum| sum > order.total) {
            let (had, more, all) = (order.refunded.get(), news.refund.get(), order.total.get());
            return amount(format!("{had} refunded before, {more} more, of {all}"));
        }
    }
    let paid_by = match &order.transaction_id {
        Some(id) => Some(id.clone()),
        // before the payment is known, refunds must at least agree with each other
        None => tx.refunds_of(order.id)?.into_iter().find_map(|refund| refund.transaction_id),
    };
    if let Some(paid_by) = paid_by
        && paid_by != news.transaction_id
    {
        return Ok(Some(contrary(
            "state_allows",
            format!("transaction {}, the order's is {paid_by}", news.transaction_id),
        )));
    }
    if order.state.on(News::Refunded) == Turn::<State>::Forbidden {
        return Ok(Some(contrary("state_allows", format!("refunded, but the order is {}", order.state.as_str()))));
    }
    Ok(None)
}

impl Desk {
    /// The order and the refund that a patrol's row is about.
    pub(crate) async fn refund_order(&self, refund: &RefundRow) -> Result<Option<OrderRow>, StoreError> {
        let id = refund.order_id;
        self.store.read(move |view| view.order_at(id)).await
    }
}

fn absent(out_refund_no: &str) -> Problem {
    let no = crate::visible(out_refund_no, 64);
    problem::new(
        "REFUND_NOT_FOUND",
        format!("没有退款 {no}。"),
        format!("There is no refund {no}."),
        "检查退款单号和所选的商户。",
        "Check the number and the merchant.",
    )
}

fn not_paid(order: &OrderRow) -> Problem {
    let (no, state) = (&order.out_trade_no, order.state.as_str());
    problem::new(
        "ORDER_NOT_PAID",
        format!("订单 {no} 的状态是 {state}，没有可退的款项。"),
        format!("The order {no} is {state}; there is nothing to give back."),
        "如果顾客已付款，先查询订单。",
        "If the customer has paid, query the order first.",
    )
}

fn too_late(order: &OrderRow) -> Problem {
    let no = &order.out_trade_no;
    problem::new(
        "REFUND_TOO_LATE",
        format!("订单 {no} 支付已超过 365 天，微信支付不再受理退款。"),
        format!("The order {no} was paid more than 365 days ago; WeChat Pay takes no refunds after that."),
        "与顾客约定其他退款方式。",
        "Agree on another way with the customer.",
    )
}

fn too_many(order: &OrderRow) -> Problem {
    let no = &order.out_trade_no;
    problem::new(
        "REFUND_TOO_MANY",
        format!("订单 {no} 已有 50 笔退款，达到上限。"),
        format!("The order {no} has 50 refunds, the most there can be."),
        "与顾客约定其他退款方式。",
        "Agree on another way with the customer.",
    )
}

fn exceeds(order: &OrderRow, rest: Fen) -> Problem {
    let no = &order.out_trade_no;
    problem::new(
        "REFUND_EXCEEDS",
        format!("订单 {no} 还能退 {rest}，这次超出了。"),
        format!("Of the order {no} {rest} can still be given back; this is more."),
        "把退款金额改到剩余金额以内。",
        "Take an amount within what remains.",
    )
    .at_field("amount.refund")
}

fn number_used(no: &str) -> Problem {
    problem::new(
        "REFUND_NO_USED",
        format!("退款单号 {no} 已用于另一笔订单或另一个金额。"),
        format!("The refund number {no} was used for another order or another amount."),
        "重试同一笔退款须用原金额；另一笔退款须换单号。",
        "To repeat that refund take its amount; for another take another number.",
    )
    .at_field("out_refund_no")
}

fn unknown(refund: &RefundRow) -> Problem {
    let (no, amount) = (&refund.out_refund_no, refund.refund);
    problem::new(
        "REFUND_OUTCOME_UNKNOWN",
        format!("退款 {no}（{amount}）的结果还不清楚，换新单号可能重复退款。"),
        format!("What became of the refund {no} ({amount}) is not clear yet; a new number could refund twice."),
        format!("先查询退款 {no}，或用原单号、原金额重试。"),
        format!("Query the refund {no} first, or repeat it with its number and amount."),
    )
}

fn contradicts(refund: &RefundRow, rung: &str, detail: &str) -> Problem {
    let no = &refund.out_refund_no;
    problem::new(
        "ANSWER_CONTRADICTS",
        format!("微信支付对退款 {no} 的应答与本地记录矛盾，未改动。"),
        format!("WeChat Pay's answer about the refund {no} contradicts what is kept here; nothing was changed."),
        "打开这次请求，对照金额和单号，由人来决定。",
        "Open this call, compare amounts and numbers, and decide.",
    )
    .with_why(format!("{rung}：{detail}"), format!("{rung}: {detail}"))
}
