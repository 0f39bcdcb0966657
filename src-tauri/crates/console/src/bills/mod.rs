//! Bills (账单) and reconciliation (对账): a day's bill is fetched, kept as it came, and held against what this desk knows;
//! what comes out is only what differs, each with its likely cause and what mends it.
//!
//! `fetch` decides what is believed, `matching` what differs, `causes` has the words, `facts` the shapes. Nothing here
//! changes an order by what a bill says: that is done by what WeChat Pay answers when it is asked.

mod causes;
mod facts;
mod fetch;
mod matching;

pub use facts::{BillKind, Difference, DifferenceKind, KeptBill, Mend, Reconciliation, Side, SideTotals};

use crate::console::Console;
use crate::journal::{Kind, Line, Source};
use crate::merchants::Profile;
use crate::orders::apply::{self, Taken};
use crate::orders::{facts as orders_facts, moment, shown, shown_time};
use crate::problem;
use crate::refunds;
use crate::store::{BillRow, NewOrder, StoreError, View};
use crate::wire::{FoundBy, Order, Problem};
use fetch::Had;
use matching::{Known, Matched};
use std::sync::Arc;
use wechatpay::api::bill::{Bill, TradeLine};
use wechatpay::api::query::ByOutTradeNo;
use wechatpay::api::refund::RefundQuery;
use wechatpay::ids::{Mchid, OutRefundNo, OutTradeNo};
use wechatpay::time::Timestamp;

/// Differences that are listed; more are only counted.
const LISTED: usize = 2_000;
/// Bills that a list shows.
const SHOWN: i64 = 200;
/// A bill is ready at this hour of the next day (Beijing).
pub(crate) const READY_HOUR: i64 = 10;

impl Console {
    /// Has the bill of a day: the kept one, or (`again`, or none is kept) a fresh one, which takes the place of an earlier
    /// one. A day without trade is kept as such, once its bill would be ready (10:00 of the next day, Beijing).
    ///
    /// # Errors
    /// `INVALID_FIELD` (no day); `BILL_ALTERED`, `BILL_TOO_LARGE`, `BILL_UNREADABLE`, `BILL_NOT_OURS`,
    /// `BILL_ELSEWHERE`: nothing was kept; WeChat Pay's own codes (`NO_STATEMENT_EXIST`); the store's.
    pub async fn bill_fetch(
        &self,
        m: Option<&str>,
        kind: BillKind,
        date: &str,
        again: bool,
    ) -> Result<KeptBill, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let next = moment("bill_date", date, true)?;
        let (mchid, day) = (profile.mchid.to_string(), date.to_owned());
        let kept = self.desk.store.read(move |view| view.bill(&mchid, kind.as_str(), &day)).await?;
        if let Some((row, _)) = kept.filter(|(row, _)| !again && !row.sha1.is_empty()) {
            return Ok(shown_bill(&row, profile.mchid.as_str()));
        }
        let had = fetch::fetch(&self.desk, &profile, kind, date).await?;
        let now = self.desk.outside.now();
        let bare = BillRow {
            kind: kind.as_str().to_owned(),
            day: date.to_owned(),
            fetched_at: now,
            sha1: String::new(),
            bytes: 0,
            lines: 0,
            differences: None,
        };
        let (row, file, lines) = match had {
            Had::Bill(bill) => {
                let row = BillRow { sha1: bill.sha1, bytes: bill.bytes, lines: bill.lines, ..bare };
                (row, bill.file, bill.rows)
            }
            Had::None(problem) if now.as_second() < next.as_second() + READY_HOUR * 3_600 => return Err(*problem),
            Had::None(_) => (bare, Vec::new(), Vec::new()),
        };
        let (mchid, kept) = (profile.mchid.to_string(), row.clone());
        self.desk.store.write(move |tx| tx.bill_keep(&mchid, &kept, &file, &lines)).await?;
        Ok(shown_bill(&row, profile.mchid.as_str()))
    }

    /// The bills that are kept, newest day first; 200 at most.
    ///
    /// # Errors
    /// `MERCHANT_NOT_FOUND`, `NO_MERCHANT`; the store's.
    pub async fn bill_list(&self, m: Option<&str>) -> Result<Vec<KeptBill>, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let mchid = profile.mchid.to_string();
        let rows = self.desk.store.read(move |view| view.bills(&mchid, SHOWN)).await?;
        Ok(rows.iter().map(|row| shown_bill(row, profile.mchid.as_str())).collect())
    }

    /// The uncompressed bytes of a bill that is kept, as WeChat Pay made them.
    ///
    /// # Errors
    /// `BILL_NOT_FETCHED`; the store's.
    pub async fn bill_file(&self, m: Option<&str>, kind: BillKind, date: &str) -> Result<Vec<u8>, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let (mchid, day) = (profile.mchid.to_string(), date.to_owned());
        let found = self.desk.store.read(move |view| view.bill(&mchid, kind.as_str(), &day)).await?;
        let (row, file) = found.ok_or_else(|| not_fetched(date))?;
        if row.sha1.is_empty() {
            return Err(no_bill(date));
        }
        fetch::unfolded(&file).map_err(fetch::of_bill)
    }

    /// Holds the trade bill of a day against orders, refunds and callbacks. A bill that is not kept yet is fetched.
    ///
    /// # Errors
    /// As [`Console::bill_fetch`].
    pub async fn bill_reconcile(&self, m: Option<&str>, date: &str) -> Result<Reconciliation, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let (from, until) = (moment("bill_date", date, false)?, moment("bill_date", date, true)?);
        let (mchid, day) = (profile.mchid.to_string(), date.to_owned());
        let kept = self.desk.store.read(move |view| view.bill(&mchid, BillKind::Trade.as_str(), &day));
        if kept.await?.is_none() {
            self.bill_fetch(Some(&profile.name), BillKind::Trade, date, false).await?;
        }
        let (mchid, day) = (profile.mchid.to_string(), date.to_owned());
        let made = self
            .desk
            .store
            .read(move |view| {
                let (row, file) = view
                    .bill(&mchid, BillKind::Trade.as_str(), &day)?
                    .ok_or_else(|| Problem::from(StoreError::Other("the bill just kept is gone".to_owned())))?;
                let (bill, lines) = match row.sha1.is_empty() {
                    true => (None, Vec::new()),
                    false => fetch::reread(&file).map(|(bill, lines)| (Some(bill), lines))?,
                };
                let known = known(view, &mchid, &lines, from, until)?;
                let mut matched = matching::compare(&day, &lines, &known);
                if let Some(bill) = bill {
                    matched.check_summary(&bill);
                }
                Ok::<_, Problem>((row, matched))
            })
            .await?;
        let (mut row, matched) = made;
        let found = u32::try_from(matched.differences.len()).unwrap_or(u32::MAX);
        row.differences = Some(found);
        let (mchid, day) = (profile.mchid.to_string(), date.to_owned());
        self.desk.store.write(move |tx| tx.bill_set_differences(&mchid, &day, found)).await?;
        let mut differences = matched.differences;
        differences.truncate(LISTED);
        Ok(Reconciliation {
            date: date.to_owned(),
            bill: shown_bill(&row, profile.mchid.as_str()),
            there: matched.there,
            here: matched.here,
            fee: matching::fee_text(matched.fee),
            matched: matched.matched,
            found,
            differences,
        })
    }

    /// Records a payment, or a refund, that a kept bill names and this desk doesn't know: WeChat Pay is asked about it,
    /// and what it answers is kept. Returns the order as it is then.
    ///
    /// # Errors
    /// `BILL_NOT_FETCHED`, `BILL_LINE_NOT_FOUND`; WeChat Pay's own codes; `ANSWER_CONTRADICTS`; the store's.
    pub async fn bill_record(
        &self,
        m: Option<&str>,
        date: &str,
        out_trade_no: &str,
        out_refund_no: Option<&str>,
    ) -> Result<Order, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let line = self.bill_line(&profile, date, out_trade_no, out_refund_no).await?;
        let (mchid, no) = (profile.mchid.to_string(), out_trade_no.to_owned());
        if self.desk.store.read(move |view| view.order(&mchid, &no)).await?.is_none() {
            self.record_order(&profile, date, &line).await?;
        }
        if let Some(no) = out_refund_no {
            self.record_refund(&profile, out_trade_no, no).await?;
        }
        let row = self.order_row(profile.mchid.as_str(), out_trade_no).await?;
        self.desk.tell([crate::orders::changed(&row)]);
        Ok(shown(&row))
    }

    async fn bill_line(
        &self,
        profile: &Profile,
        date: &str,
        out_trade_no: &str,
        out_refund_no: Option<&str>,
    ) -> Result<TradeLine, Problem> {
        let (mchid, day) = (profile.mchid.to_string(), date.to_owned());
        let found = self.desk.store.read(move |view| view.bill(&mchid, BillKind::Trade.as_str(), &day)).await?;
        let (_, file) = found.ok_or_else(|| not_fetched(date))?;
        let lines = if file.is_empty() { Vec::new() } else { fetch::reread(&file)?.1 };
        let named = |line: &TradeLine| {
            line.out_trade_no == out_trade_no
                && (line.is_refund().then_some(line.out_refund_no.as_str()) == out_refund_no)
        };
        lines.into_iter().find(named).ok_or_else(|| not_named(date, out_trade_no))
    }

    /// What WeChat Pay says when it is asked decides; the bill only gives the number and the goods' name.
    async fn record_order(&self, profile: &Arc<Profile>, date: &str, line: &TradeLine) -> Result<(), Problem> {
        let call = ByOutTradeNo {
            mchid: Mchid::parse(profile.mchid.as_str())?,
            out_trade_no: OutTradeNo::parse(&line.out_trade_no)?,
        };
        let asked = self.desk.ask(profile, &call.request(), None, |_| Ok(())).await?;
        let told = asked.outcome().map_err(Clone::clone).and_then(|answer| Ok(orders_facts::of_query(&call, answer)?));
        let exchange = self.desk.store.write(move |tx| asked.keep(tx)).await?;
        let told = told.map_err(|error| self.desk.gateway_problem(&error, exchange))?;
        let goods = crate::visible(&line.goods, 120);
        let order = NewOrder {
            merchant: profile.name.clone(),
            mchid: profile.mchid.to_string(),
            appid: if told.appid.is_empty() { profile.appid.to_string() } else { told.appid.clone() },
            out_trade_no: line.out_trade_no.clone(),
            description: if goods.is_empty() { format!("账单 {date}") } else { goods },
            total: told.total.unwrap_or(line.total),
            attach: None,
            openid: told.openid.clone(),
            notify_url: None,
            fields: None,
            created_at: told.success_time.unwrap_or_else(|| self.desk.outside.now()),
        };
        let (now, detail) = (self.desk.outside.now(), format!("bill {date}"));
        let row = self
            .desk
            .store
            .write(move |tx| {
                let mut row = tx.order_insert(&order)?;
                let made = Line::new(Kind::Created).amount(row.total).detail(detail.clone()).exchange(exchange);
                tx.journal_write(row.id, now, &made)?;
                match apply::take_query(tx, &mut row, &told, exchange, now)? {
                    Taken::Contrary { rung, detail } => Err(contradicts(&row.out_trade_no, rung, &detail)),
                    Taken::Applied | Taken::Known => Ok::<_, Problem>(row),
                }
            })
            .await?;
        self.desk.tell(apply::events(&row, row.success_time.map(|_| FoundBy::Query)));
        Ok(())
    }

    async fn record_refund(
        &self,
        profile: &Arc<Profile>,
        out_trade_no: &str,
        out_refund_no: &str,
    ) -> Result<(), Problem> {
        let order = self.order_row(profile.mchid.as_str(), out_trade_no).await?;
        let call = RefundQuery { out_refund_no: OutRefundNo::parse(out_refund_no)? };
        let asked = self.desk.ask(profile, &call.request(), Some(&order), |_| Ok(())).await?;
        let told =
            asked.outcome().map_err(Clone::clone).and_then(|answer| Ok(orders_facts::of_refund_query(&call, answer)?));
        let (now, id) = (self.desk.outside.now(), order.id);
        let heard = told.as_ref().ok().cloned();
        let (exchange, taken) = self
            .desk
            .store
            .write(move |tx| {
                let exchange = asked.keep(tx)?;
                let Some(news) = heard.as_ref() else { return Ok((exchange, None)) };
                let gone = || StoreError::Other("the order is gone".to_owned());
                let mut order = tx.order_at(id)?.ok_or_else(gone)?;
                if news.out_trade_no != order.out_trade_no {
                    let other = apply::contrary("order_known", format!("order {}", news.out_trade_no));
                    return Ok((exchange, Some(other)));
                }
                let taken = refunds::take(tx, &mut order, news, Source::Exchange(exchange), now)?;
                Ok::<_, StoreError>((exchange, Some(taken)))
            })
            .await?;
        told.map_err(|error| self.desk.gateway_problem(&error, exchange))?;
        match taken {
            Some(Taken::Contrary { rung, detail }) => Err(contradicts(out_refund_no, rung, &detail)),
            _ => Ok(()),
        }
    }
}

impl Matched {
    /// The bill's own sums against its lines.
    fn check_summary(&mut self, bill: &Bill) {
        let sum = |name: &str| {
            let at = bill.summary_columns.iter().position(|column| column == name)?;
            wechatpay::money::Fen::parse_yuan(bill.summary.get(at)?).ok().map(|fen| fen.get())
        };
        let said = (sum("订单总金额"), sum("申请退款总金额"));
        let differs = said.0.is_some_and(|total| total != self.there.amount)
            || said.1.is_some_and(|total| total != self.there.refunded);
        if differs {
            let (cause, mend, advice) = causes::of(DifferenceKind::Summary);
            let side = |amount: i64| Some(Side { state: "SUM".to_owned(), amount });
            self.differences.push(Difference {
                kind: DifferenceKind::Summary,
                out_trade_no: String::new(),
                out_refund_no: None,
                transaction_id: None,
                at: String::new(),
                here: side(self.there.amount.saturating_sub(self.there.refunded)),
                there: side(said.0.unwrap_or(0).saturating_sub(said.1.unwrap_or(0))),
                cause,
                mend,
                advice,
            });
        }
    }
}

/// What the desk knows of what a bill names, and of what happened on its day.
fn known(
    view: &View<'_>,
    mchid: &str,
    lines: &[TradeLine],
    from: Timestamp,
    until: Timestamp,
) -> Result<Known, StoreError> {
    let mut known = Known::default();
    for order in view.orders_paid_between(mchid, from, until)? {
        if view.billed(mchid, &order.out_trade_no)?.contains(&None) {
            known.billed_elsewhere.insert(order.out_trade_no.clone());
        }
        let told = view.payment_told(mchid, &order.out_trade_no)?;
        known.orders.insert(order.out_trade_no.clone(), (order, told));
    }
    for (refund, out_trade_no) in view.refunds_made_between(mchid, from, until)? {
        if view.billed(mchid, &out_trade_no)?.contains(&Some(refund.out_refund_no.clone())) {
            known.billed_elsewhere.insert(refund.out_refund_no.clone());
        }
        known.refunds.insert(refund.out_refund_no.clone(), (refund, out_trade_no));
    }
    for line in lines {
        if !known.orders.contains_key(&line.out_trade_no)
            && let Some(order) = view.order(mchid, &line.out_trade_no)?
        {
            let told = view.payment_told(mchid, &line.out_trade_no)?;
            known.orders.insert(line.out_trade_no.clone(), (order, told));
        }
        if line.is_refund()
            && !known.refunds.contains_key(&line.out_refund_no)
            && let Some(refund) = view.refund(mchid, &line.out_refund_no)?
        {
            known.refunds.insert(line.out_refund_no.clone(), (refund, line.out_trade_no.clone()));
        }
    }
    Ok(known)
}

fn shown_bill(row: &BillRow, mchid: &str) -> KeptBill {
    KeptBill {
        kind: BillKind::named(&row.kind),
        date: row.day.clone(),
        mchid: mchid.to_owned(),
        exists: !row.sha1.is_empty(),
        sha1: Some(row.sha1.clone()).filter(|sha1| !sha1.is_empty()),
        bytes: row.bytes,
        lines: row.lines,
        fetched_at: shown_time(row.fetched_at),
        differences: row.differences,
    }
}

fn not_fetched(date: &str) -> Problem {
    let date = crate::visible(date, 16);
    problem::new(
        "BILL_NOT_FETCHED",
        format!("还没有 {date} 的账单。"),
        format!("The bill of {date} was not fetched yet."),
        "先下载这一天的账单。",
        "Fetch that day's bill first.",
    )
}

fn no_bill(date: &str) -> Problem {
    let date = crate::visible(date, 16);
    problem::new(
        "NO_STATEMENT_EXIST",
        format!("微信支付没有 {date} 的账单：这一天没有交易。"),
        format!("WeChat Pay has no bill of {date}: there was no trade on that day."),
        "换一天。",
        "Take another day.",
    )
}

fn not_named(date: &str, no: &str) -> Problem {
    let no = crate::visible(no, 64);
    problem::new(
        "BILL_LINE_NOT_FOUND",
        format!("{date} 的账单里没有 {no}。"),
        format!("The bill of {date} doesn't name {no}."),
        "核对日期和单号。",
        "Check the day and the number.",
    )
}

fn contradicts(no: &str, rung: &str, detail: &str) -> Problem {
    let no = crate::visible(no, 64);
    problem::new(
        "ANSWER_CONTRADICTS",
        format!("微信支付对 {no} 的应答与账单或本地记录矛盾，没有补记。"),
        format!("WeChat Pay's answer about {no} contradicts the bill or what is kept here; it was not recorded."),
        "打开这次请求，对照金额和单号，由人来决定。",
        "Open this call, compare amounts and numbers, and decide.",
    )
    .with_why(format!("{rung}：{detail}"), format!("{rung}: {detail}"))
}

#[cfg(test)]
mod tests;
