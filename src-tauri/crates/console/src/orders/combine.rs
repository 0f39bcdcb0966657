//! Combined orders (合单): several orders behind one payment, all of them paid or none. An order is made as any other and
//! joins before WeChat Pay hears of it; from then on it is prepaid, queried and closed with the others. Refunds go order
//! by order, as always.

use super::apply::{self, Taken};
use super::facts::{self, OrderFacts};
use super::prepay::{H5_SECONDS, HANDLE_SECONDS, SANDBOX_PAYER, code_of, handle_of, joined_fields, not_open, product};
use super::settle::contradicts;
use super::show::{shown, shown_time};
use super::state::{News, State};
use super::{absent, fields_of, kept, notify_url, used};
use crate::console::{Console, Desk, seconds_before};
use crate::gateway::GatewayError;
use crate::journal::{Kind, Line, Source};
use crate::merchants::Profile;
use crate::patrol;
use crate::problem;
use crate::store::{CombineRow, OrderRow, StoreError, Tx};
use crate::wire::{Amount, CombineInput, Combined, FoundBy, PrepayInput, Problem, Via};
use std::sync::Arc;
use wechatpay::api::combine::{CombineClose, CombinePrepay, CombineQuery, SubOrder};
use wechatpay::api::fields::PrepayFields;
use wechatpay::api::prepay::{Prepaid as Given, Prepay};
use wechatpay::error::FieldError;
use wechatpay::ids::{Appid, Mchid, NotifyUrl, Openid, OutTradeNo};
use wechatpay::money::Fen;

/// What the gateway takes for an order without merchant data: it wants some.
const NO_ATTACH: &str = "-";
/// Orders of a combined one.
const PARTS: std::ops::RangeInclusive<usize> = 2..=10;

impl Console {
    /// Puts 2 to 10 orders that WeChat Pay hasn't heard of behind one payment. Nothing is sent yet.
    ///
    /// # Errors
    /// `ORDER_NOT_FOUND`, `ORDER_NOT_OPEN`, `ORDER_COMBINED`, `INVALID_FIELD` (another appid, fields that a combined
    /// order can't have, too many), `OUT_TRADE_NO_USED`; the merchant's and the store's.
    pub async fn combine_create(&self, m: Option<&str>, input: CombineInput) -> Result<Combined, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let now = self.desk.outside.now();
        let number = match input.combine_out_trade_no.filter(|number| !number.is_empty()) {
            Some(number) => OutTradeNo::parse(&number).map_err(|error| error.at("combine_out_trade_no"))?.to_string(),
            None => self.number("GC", now),
        };
        if !PARTS.contains(&input.orders.len()) {
            let count = input.orders.len().to_string();
            return Err(FieldError::new(
                "sub_orders",
                "items_2_10",
                &count,
                "has 2 to 10 orders",
                "合单须有 2 到 10 个子单",
            )
            .into());
        }
        let mut orders = Vec::with_capacity(input.orders.len());
        for no in &input.orders {
            orders.push(self.order_row(profile.mchid.as_str(), no).await?);
        }
        let first = orders.first();
        let url = input.notify_url.filter(|url| !url.is_empty()).map(|url| notify_url(&profile, &url)).transpose()?;
        let row = CombineRow {
            merchant: profile.name.clone(),
            mchid: profile.mchid.to_string(),
            appid: first.map_or_else(|| profile.appid.to_string(), |order| order.appid.clone()),
            combine_out_trade_no: number.clone(),
            openid: input.openid.filter(|openid| !openid.is_empty()).or(first.and_then(|order| order.openid.clone())),
            notify_url: url.map(|url| url.as_str().to_owned()).or(first.and_then(|order| order.notify_url.clone())),
            fields: kept(&fields_of(input.fields)?)?,
            created_at: now,
        };
        if let Some(openid) = &row.openid {
            Openid::parse(openid).map_err(|error| error.at("combine_payer_info.openid"))?;
        }
        // every rule but those of the product, which isn't known yet
        let fields = own_fields(&row, None)?;
        let scene = if fields.has_scene() { fields.with_scene(Some(SANDBOX_PAYER), false) } else { fields };
        let free = CombineRow { openid: None, ..row.clone() };
        call(&profile, &free, &orders, &scene, Via::Native)?.request()?;
        let ids: Vec<i64> = orders.iter().map(|order| order.id).collect();
        let kept = self.desk.store.write(move |tx| {
            for id in &ids {
                let order = tx.order_at(*id)?.ok_or_else(|| StoreError::Other("the order is gone".to_owned()))?;
                if order.combine_out_trade_no.is_some() {
                    return Err(combined(&order));
                }
                if order.state != State::Created || order.unknown_since.is_some() {
                    return Err(not_open(&order));
                }
            }
            tx.combine_insert(&row, &ids).map_err(|error| match error {
                StoreError::Exists(_) => used(&row.combine_out_trade_no),
                other => other.into(),
            })
        });
        kept.await?;
        self.combine_show(m, &number).await
    }

    /// One combined order with its orders.
    ///
    /// # Errors
    /// `COMBINE_NOT_FOUND`; the merchant's and the store's.
    pub async fn combine_show(&self, m: Option<&str>, number: &str) -> Result<Combined, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let (row, orders) = self.desk.combine_rows(profile.mchid.as_str(), number).await?;
        Ok(shown_combine(&row, &orders))
    }

    /// Asks WeChat Pay to take all the orders at once. Asking again is safe: the same numbers with the same parameters.
    ///
    /// # Errors
    /// As [`Console::order_prepay_with`], for the whole; `COMBINE_NOT_FOUND`.
    pub async fn combine_prepay(
        &self,
        m: Option<&str>,
        number: &str,
        via: Via,
        input: PrepayInput,
    ) -> Result<Combined, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        profile.may_write()?;
        let (row, orders) = self.desk.combine_rows(profile.mchid.as_str(), number).await?;
        if let Some(order) = orders.iter().find(|order| !order.state.is_open()) {
            return Err(not_open(order));
        }
        if let Some(appid) = input.appid.filter(|appid| *appid != row.appid) {
            let (en, zh) = ("is that of the orders and can't be changed", "以子订单的为准，不能更改");
            return Err(FieldError::new("appid", "of_the_orders", &appid, en, zh).into());
        }
        let fields = own_fields(&row, Some((orders.first(), input.fields)))?;
        let said = match via {
            Via::H5 => fields.clone().with_scene(profile.sandbox.then_some(SANDBOX_PAYER), true),
            Via::Jsapi | Via::Native | Via::App => fields.clone(),
        };
        let call = call(&profile, &row, &orders, &said, via)?;
        let request = call.request()?;
        let (now, all, about, fields) = (self.desk.outside.now(), orders.clone(), row.clone(), kept(&fields)?);
        let before = move |tx: &Tx<'_>| {
            tx.combine_set_fields(&about.mchid, &about.combine_out_trade_no, fields.as_deref())?;
            for order in &all {
                tx.order_about_to_ask(order.id, via, &order.appid, order.fields.as_deref(), now)?;
            }
            // one question tells of all of them
            if let Some(first) = all.first() {
                tx.order_set_patrol(first.id, patrol::next(now, now, 1), 1)?;
            }
            Ok(())
        };
        let asked = self.desk.ask(&profile, &request, orders.first(), before).await?;
        let given = asked.outcome().map_err(Clone::clone).and_then(|answer| Ok(call.answer(answer)?));
        let (heard, before, now) = (given.clone(), orders.clone(), self.desk.outside.now());
        let exchange = self
            .desk
            .store
            .write(move |tx| {
                let exchange = asked.keep(tx)?;
                for (at, order) in before.iter().enumerate() {
                    match &heard {
                        Ok(given) => accepted(tx, order, via, given, at == 0, exchange, now)?,
                        Err(error) => not_accepted(tx, order, error, exchange, now)?,
                    }
                }
                Ok::<_, StoreError>(exchange)
            })
            .await?;
        self.desk.patrol.wake();
        let (row, orders) = self.desk.combine_rows(&row.mchid, number).await?;
        self.desk.tell(orders.iter().map(super::changed));
        match given {
            Ok(_) => Ok(shown_combine(&row, &orders)),
            Err(error) => {
                if matches!(code_of(&error).as_str(), "ORDERPAID" | "ORDER_PAID" | "ORDER_CLOSED" | "ORDERCLOSED") {
                    // WeChat Pay knows more than we do: ask what
                    let _ = self.combine_query(m, number).await;
                }
                Err(self.desk.gateway_problem(&error, exchange))
            }
        }
    }

    /// What `wx.requestPayment` (or the App SDK) takes to pay all of it.
    ///
    /// # Errors
    /// As [`Console::pay_params`]; `COMBINE_NOT_FOUND`.
    pub async fn combine_pay_params(&self, m: Option<&str>, number: &str) -> Result<serde_json::Value, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let (_, orders) = self.desk.combine_rows(profile.mchid.as_str(), number).await?;
        let first = orders.first().ok_or_else(|| no_combine(number))?;
        self.pay_params(m, &first.out_trade_no).await
    }

    /// Asks WeChat Pay what it knows of the whole, and takes it in for each order.
    ///
    /// # Errors
    /// `COMBINE_NOT_FOUND`; WeChat Pay's own codes; `ANSWER_CONTRADICTS`.
    pub async fn combine_query(&self, m: Option<&str>, number: &str) -> Result<Combined, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let row = query(&self.desk, &profile, number).await?;
        let orders = self.desk.combine_rows(&row.mchid, number).await?.1;
        Ok(shown_combine(&row, &orders))
    }

    /// Closes all the orders, which none may have paid. What WeChat Pay never heard of is closed here only.
    ///
    /// # Errors
    /// `COMBINE_NOT_FOUND`, `ORDER_NOT_OPEN`, `LIVE_READ_ONLY`; WeChat Pay's own codes (`ORDERPAID`).
    pub async fn combine_close(&self, m: Option<&str>, number: &str) -> Result<Combined, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        profile.may_write()?;
        let (row, orders) = self.desk.combine_rows(profile.mchid.as_str(), number).await?;
        if orders.iter().all(|order| order.state == State::Closed) {
            return Ok(shown_combine(&row, &orders));
        }
        if let Some(order) = orders.iter().find(|order| !order.state.is_open()) {
            return Err(not_open(order));
        }
        let unheard = |order: &OrderRow| {
            order.state == State::Created && order.prepaid_at.is_none() && order.unknown_since.is_none()
        };
        if orders.iter().all(unheard) {
            let (all, now) = (orders.clone(), self.desk.outside.now());
            let closed = self.desk.store.write(move |tx| {
                for order in &all {
                    tx.order_move(order.id, State::Created, State::Closed)?;
                    tx.journal_write(order.id, now, &Line::new(Kind::Closed).state(State::Closed))?;
                }
                Ok::<_, StoreError>(())
            });
            closed.await?;
        } else {
            self.close_all(m, &profile, &row, &orders).await?;
        }
        let orders = self.desk.combine_rows(&row.mchid, number).await?.1;
        self.desk.tell(orders.iter().map(super::changed));
        Ok(shown_combine(&row, &orders))
    }

    async fn close_all(
        &self,
        m: Option<&str>,
        profile: &Arc<Profile>,
        row: &CombineRow,
        orders: &[OrderRow],
    ) -> Result<(), Problem> {
        let each = |order: &OrderRow| {
            Ok::<_, FieldError>((Mchid::parse(&order.mchid)?, OutTradeNo::parse(&order.out_trade_no)?))
        };
        let call = CombineClose {
            appid: Appid::parse(&row.appid)?,
            out_trade_no: OutTradeNo::parse(&row.combine_out_trade_no)?,
            sub_orders: orders.iter().map(each).collect::<Result<_, _>>()?,
        };
        let (all, began) = (orders.to_vec(), self.desk.outside.now());
        let before = move |tx: &Tx<'_>| {
            for order in &all {
                tx.order_set_unknown(order.id, Some(began))?;
            }
            if let Some(first) = all.first() {
                tx.order_set_patrol(first.id, patrol::next(began, began, 0), 0)?;
            }
            Ok(())
        };
        let asked = self.desk.ask(profile, &call.request()?, orders.first(), before).await?;
        let result = asked.outcome().map_err(Clone::clone).and_then(|answer| Ok(call.answer(answer)?));
        let (failed, all, now) = (result.as_ref().err().cloned(), orders.to_vec(), self.desk.outside.now());
        let kept = self.desk.store.write(move |tx| {
            let exchange = asked.keep(tx)?;
            for order in &all {
                closed(tx, order, failed.as_ref(), exchange, now)?;
            }
            Ok::<_, StoreError>(exchange)
        });
        let exchange = kept.await?;
        self.desk.patrol.wake();
        let Err(error) = result else { return Ok(()) };
        if matches!(code_of(&error).as_str(), "ORDERPAID" | "ORDER_PAID") {
            let _ = self.combine_query(m, &row.combine_out_trade_no).await;
        }
        Err(self.desk.gateway_problem(&error, exchange))
    }
}

impl Desk {
    async fn combine_rows(&self, mchid: &str, number: &str) -> Result<(CombineRow, Vec<OrderRow>), Problem> {
        let (mchid, no) = (mchid.to_owned(), number.to_owned());
        let found = self.store.read(move |view| {
            let Some(row) = view.combine(&mchid, &no)? else { return Ok::<_, StoreError>(None) };
            Ok(Some((row, view.orders_of_combine(&mchid, &no)?)))
        });
        found.await?.ok_or_else(|| no_combine(number))
    }
}

/// The query behind the verbs and the patrol: what is told of each order is taken in, all in one transaction.
pub(super) async fn query(desk: &Desk, profile: &Arc<Profile>, number: &str) -> Result<CombineRow, Problem> {
    let (row, orders) = desk.combine_rows(profile.mchid.as_str(), number).await?;
    let call = CombineQuery { out_trade_no: OutTradeNo::parse(number)? };
    let asked = desk.ask(profile, &call.request(), orders.first(), |_| Ok(())).await?;
    let told = asked.outcome().map_err(Clone::clone).and_then(|answer| Ok(facts::of_combine_query(&call, answer)?));
    let (heard, now, before) = (told.clone(), desk.outside.now(), orders.clone());
    let (exchange, taken) = desk
        .store
        .write(move |tx| {
            let exchange = asked.keep(tx)?;
            let mut all = Vec::with_capacity(before.len());
            for order in &before {
                all.push((order.id, taken_in(tx, order.id, &heard, exchange, now)?));
            }
            Ok::<_, StoreError>((exchange, all))
        })
        .await?;
    let after = desk.combine_rows(&row.mchid, number).await?.1;
    for (was, is) in orders.iter().zip(&after) {
        let paid_now = was.success_time.is_none() && is.found_by == Some(FoundBy::Query);
        desk.tell(apply::events(is, paid_now.then_some(FoundBy::Query)));
    }
    if let Err(error) = told {
        return Err(desk.gateway_problem(&error, exchange));
    }
    for (id, taken) in taken {
        if let (Some(Taken::Contrary { rung, detail }), Some(order)) =
            (taken, after.iter().find(|order| order.id == id))
        {
            return Err(contradicts(order, rung, &detail));
        }
    }
    Ok(row)
}

fn taken_in(
    tx: &Tx<'_>,
    id: i64,
    heard: &Result<Vec<OrderFacts>, GatewayError>,
    exchange: i64,
    now: wechatpay::time::Timestamp,
) -> Result<Option<Taken>, StoreError> {
    let mut order = tx.order_at(id)?.ok_or_else(|| StoreError::Other("the order is gone".to_owned()))?;
    match heard {
        Ok(all) => match all.iter().find(|facts| facts.out_trade_no == order.out_trade_no) {
            Some(facts) => apply::take_query(tx, &mut order, facts, exchange, now).map(Some),
            None => Ok(Some(apply::contrary("order_known", format!("{} is not among them", order.out_trade_no)))),
        },
        Err(error) => {
            let code = code_of(error);
            if matches!(code.as_str(), "ORDER_NOT_EXIST" | "ORDERNOTEXIST") && order.state == State::Created {
                // what was unknown is known now: it never got there
                tx.order_set_unknown(id, None)?;
                tx.order_set_patrol(id, None, 0)?;
            }
            tx.journal_write(id, now, &Line::new(Kind::Query).detail(code).exchange(exchange))?;
            Ok(None)
        }
    }
}

fn accepted(
    tx: &Tx<'_>,
    order: &OrderRow,
    via: Via,
    given: &Given,
    first: bool,
    exchange: i64,
    now: wechatpay::time::Timestamp,
) -> Result<(), StoreError> {
    let seconds = if via == Via::H5 { H5_SECONDS } else { HANDLE_SECONDS };
    let handle = handle_of(given.clone());
    let mut row = tx.order_at(order.id)?.ok_or_else(|| StoreError::Other("the order is gone".to_owned()))?;
    tx.order_set_handle(row.id, via, &handle, seconds_before(now, -seconds), now)?;
    // a callback may have been faster than this answer
    let taken = apply::take_turn(tx, &mut row, News::Prepaid, Source::Exchange(exchange), now)?;
    if let Taken::Contrary { detail, .. } = taken {
        tx.journal_write(row.id, now, &Line::new(Kind::Held).detail(detail).exchange(exchange))?;
    }
    if first && row.state.is_open() {
        tx.order_set_patrol(row.id, patrol::next(now, now, 0), 0)?;
    }
    let told = handle.prepay_id.or(handle.code_url).or(handle.h5_url).unwrap_or_default();
    let line = Line::new(Kind::Prepay).state(row.state).amount(row.total).exchange(exchange).detail(told);
    tx.journal_write(row.id, now, &line)
}

fn not_accepted(
    tx: &Tx<'_>,
    order: &OrderRow,
    error: &GatewayError,
    exchange: i64,
    now: wechatpay::time::Timestamp,
) -> Result<(), StoreError> {
    let unknown = error.outcome_is_unknown();
    // refused or never sent: an earlier unknown outcome is still unknown
    tx.order_set_unknown(order.id, if unknown { Some(now) } else { order.unknown_since })?;
    if !unknown && order.prepaid_at.is_none() && order.unknown_since.is_none() {
        tx.order_set_patrol(order.id, None, 0)?;
    }
    let kind = if unknown { Kind::PrepayUnknown } else { Kind::PrepayRefused };
    tx.journal_write(order.id, now, &Line::new(kind).detail(code_of(error)).exchange(exchange))
}

fn closed(
    tx: &Tx<'_>,
    order: &OrderRow,
    failed: Option<&GatewayError>,
    exchange: i64,
    now: wechatpay::time::Timestamp,
) -> Result<(), StoreError> {
    let Some(error) = failed else {
        let mut row = tx.order_at(order.id)?.ok_or_else(|| StoreError::Other("the order is gone".to_owned()))?;
        tx.order_set_unknown(row.id, None)?;
        let taken = apply::take_turn(tx, &mut row, News::Closed, Source::Exchange(exchange), now)?;
        if let Taken::Contrary { detail, .. } = taken {
            tx.journal_write(row.id, now, &Line::new(Kind::Held).detail(detail).exchange(exchange))?;
        }
        return Ok(());
    };
    if !error.outcome_is_unknown() {
        tx.order_set_unknown(order.id, order.unknown_since)?;
    }
    tx.journal_write(order.id, now, &Line::new(Kind::Closed).detail(code_of(error)).exchange(exchange))
}

/// The whole's own fields, with what is said now: only a deadline and the scene, the rest is said order by order.
fn own_fields(
    row: &CombineRow,
    now: Option<(Option<&OrderRow>, Option<serde_json::Value>)>,
) -> Result<PrepayFields, FieldError> {
    let (sent, said) = now.unwrap_or((None, None));
    let fields = joined_fields(row.fields.as_deref(), said, sent)?;
    match fields.other_than(&["scene_info", "time_expire"]) {
        None => Ok(fields),
        Some(name) => {
            let (en, zh) = ("is no field of a combined order", "不是合单下单的字段");
            Err(FieldError::new(name, "unknown_field", "", en, zh))
        }
    }
}

/// The same call for the same orders and product, byte for byte.
fn call(
    profile: &Profile,
    row: &CombineRow,
    orders: &[OrderRow],
    fields: &PrepayFields,
    via: Via,
) -> Result<CombinePrepay, FieldError> {
    let mut sub_orders = Vec::with_capacity(orders.len());
    for (at, order) in orders.iter().enumerate() {
        let field = |name: &str| format!("sub_orders[{at}].{name}");
        if order.appid != row.appid {
            let (en, zh) =
                (format!("must be {} as in the first order", row.appid), format!("须与第一笔订单相同：{}", row.appid));
            return Err(FieldError::new(&field("appid"), "same_appid", &order.appid, en, zh));
        }
        let own = joined_fields(order.fields.as_deref(), None, None)?;
        if let Some(name) = own.other_than(&["settle_info"]) {
            let (en, zh) = ("can't be said in a combined order", "合单的子单不支持该字段");
            return Err(FieldError::new(&field(name), "unknown_field", &order.out_trade_no, en, zh));
        }
        let call = plain(profile, order, &own, via)?;
        sub_orders.push(SubOrder {
            mchid: call.mchid,
            out_trade_no: call.out_trade_no,
            description: call.description,
            attach: order.attach.clone().unwrap_or_else(|| NO_ATTACH.to_owned()),
            total: order.total,
            settle_info: call.settle_info,
        });
    }
    let url = row.notify_url.as_deref().or(profile.notify_url.as_ref().map(NotifyUrl::as_str)).ok_or_else(|| {
        let (en, zh) =
            ("is needed: neither the orders nor the merchant have one", "不能为空：订单和商户都没有设置回调地址");
        FieldError::new("notify_url", "required", "", en, zh)
    })?;
    let (scene_info, time_expire) = match orders.first() {
        Some(first) => {
            let whole = plain(profile, first, fields, via)?;
            (whole.scene_info, whole.time_expire)
        }
        None => (None, None),
    };
    let openid = match via {
        Via::Jsapi => row.openid.as_deref().map(Openid::parse).transpose()?,
        Via::Native | Via::App | Via::H5 => None,
    };
    Ok(CombinePrepay {
        product: product(via),
        appid: Appid::parse(&row.appid)?,
        mchid: Mchid::parse(&row.mchid)?,
        out_trade_no: OutTradeNo::parse(&row.combine_out_trade_no)?,
        sub_orders,
        openid,
        scene_info,
        time_start: None,
        time_expire,
        notify_url: notify_url(profile, url)?,
    })
}

/// An order's own call with these fields, as if it were alone: what is in it is typed there.
fn plain(profile: &Profile, order: &OrderRow, fields: &PrepayFields, via: Via) -> Result<Prepay, FieldError> {
    let any_url = NotifyUrl::parse_for_sandbox("http://localhost/notify")?;
    let (mchid, no) = (profile.mchid.clone(), OutTradeNo::parse(&order.out_trade_no)?);
    let appid = Appid::parse(&order.appid)?;
    let mut call = Prepay::new(product(via), appid, mchid, no, order.description.clone(), any_url, order.total);
    fields.apply(&mut call)?;
    Ok(call)
}

fn shown_combine(row: &CombineRow, orders: &[OrderRow]) -> Combined {
    let first = orders.first();
    let total = orders.iter().try_fold(Fen::new(0), |sum, order| sum.checked_add(order.total)).unwrap_or_default();
    Combined {
        combine_out_trade_no: row.combine_out_trade_no.clone(),
        combine_mchid: row.mchid.clone(),
        combine_appid: row.appid.clone(),
        merchant: row.merchant.clone(),
        amount: Amount { total: total.get(), currency: "CNY".to_owned() },
        via: first.and_then(|order| order.via),
        prepay_id: first.and_then(|order| order.prepay_id.clone()),
        code_url: first.and_then(|order| order.code_url.clone()),
        h5_url: first.and_then(|order| order.h5_url.clone()),
        url_expires_at: first.and_then(|order| order.url_expires_at).map(shown_time),
        notify_url: row.notify_url.clone(),
        fields: row.fields.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        outcome_unknown: orders.iter().any(|order| order.unknown_since.is_some()),
        created_at: shown_time(row.created_at),
        sub_orders: orders.iter().map(shown).collect(),
    }
}

/// An order that is prepaid and closed with others only.
pub(super) fn combined(order: &OrderRow) -> Problem {
    let (no, whole) = (&order.out_trade_no, order.combine_out_trade_no.as_deref().unwrap_or_default());
    problem::new(
        "ORDER_COMBINED",
        format!("订单 {no} 属于合单 {whole}，只能和其他子单一起下单或关单。"),
        format!("The order {no} is part of the combined order {whole} and is prepaid and closed with the others only."),
        format!("用 guitai order combine prepay {whole} 或 guitai order combine close {whole}。"),
        format!("Take guitai order combine prepay {whole} or guitai order combine close {whole}."),
    )
}

fn no_combine(number: &str) -> Problem {
    Problem { code: "COMBINE_NOT_FOUND".to_owned(), ..absent(number) }
}
