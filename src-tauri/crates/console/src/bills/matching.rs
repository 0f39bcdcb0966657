//! A trade bill's lines against what the desk knows: only what differs comes out. Pure: rows in, differences out.

use super::causes;
use super::facts::{Difference, DifferenceKind, Side, SideTotals};
use crate::orders::shown_time;
use crate::orders::state::{RefundState, State};
use crate::store::{OrderRow, RefundRow, Told};
use crate::visible;
use crate::wire::FoundBy;
use std::collections::{HashMap, HashSet};
use wechatpay::api::bill::TradeLine;
use wechatpay::money::Fen;
use wechatpay::time::beijing_date;

/// What the desk knows of a day: what its bill names, and what it should name.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// By number.
    pub(super) orders: HashMap<String, (OrderRow, Told)>,
    /// By refund number, with the order's number.
    pub(super) refunds: HashMap<String, (RefundRow, String)>,
    /// Orders whose payment, and refunds which, have a line in the bill of another day.
    pub(super) billed_elsewhere: HashSet<String>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Matched {
    pub(super) there: SideTotals,
    pub(super) here: SideTotals,
    /// Hundred-thousandths of a yuan.
    pub(super) fee: i64,
    pub(super) matched: u32,
    pub(super) differences: Vec<Difference>,
}

/// Compares. `day` is `YYYY-MM-DD`, Beijing.
pub(super) fn compare(day: &str, lines: &[TradeLine], known: &Known) -> Matched {
    let mut run = Run { known, named: HashSet::new(), out: Matched::default() };
    for line in lines {
        run.out.fee = run.out.fee.saturating_add(fee_of(&line.fee));
        match line.trade_state.as_str() {
            "SUCCESS" => run.payment(line),
            "REFUND" => run.refund(line),
            _ => run.other(line),
        }
    }
    run.missing_there(day);
    run.out
}

/// Yuan with up to five decimals as an integer; what is none counts as nothing.
fn fee_of(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let number = format!("{whole}{part:0<5}");
    let sound = part.len() <= 5 && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<i64>().ok().filter(|_| sound).map_or(0, |value| value.saturating_mul(sign))
}

/// The same as text.
pub(super) fn fee_text(hundred_thousandths: i64) -> String {
    let sign = if hundred_thousandths < 0 { "-" } else { "" };
    let size = hundred_thousandths.unsigned_abs();
    format!("{sign}{}.{:05}", size / 100_000, size % 100_000)
}

struct Run<'a> {
    known: &'a Known,
    /// Payments by order number and refunds by refund number that had their line.
    named: HashSet<(bool, String)>,
    out: Matched,
}

impl Run<'_> {
    fn payment(&mut self, line: &TradeLine) {
        add(&mut self.out.there.payments, &mut self.out.there.amount, line.total);
        if !self.named.insert((false, line.out_trade_no.clone())) {
            return self.found(DifferenceKind::Twice, line, None, Some(paid(line)));
        }
        let Some((order, told)) = self.known.orders.get(&line.out_trade_no) else {
            return self.found(DifferenceKind::MissingHere, line, None, Some(paid(line)));
        };
        let here = Some(side(order));
        if !order.state.is_paid() {
            // a query can't mend another amount: its answer is refused as a contradiction
            let kind = if order.total == line.total { DifferenceKind::State } else { DifferenceKind::Amount };
            return self.found(kind, line, here, Some(paid(line)));
        }
        add(&mut self.out.here.payments, &mut self.out.here.amount, order.total);
        let kind = if order.total != line.total {
            Some(DifferenceKind::Amount)
        } else if order.transaction_id.as_ref().is_some_and(|id| *id != line.transaction_id) {
            Some(DifferenceKind::Transaction)
        } else if told.taken || order.found_by != Some(FoundBy::Query) {
            None
        } else if told.held {
            Some(DifferenceKind::CallbackHeld)
        } else {
            Some(DifferenceKind::NoCallback)
        };
        match kind {
            None => self.out.matched = self.out.matched.saturating_add(1),
            Some(kind) => self.found(kind, line, here, Some(paid(line))),
        }
    }

    fn refund(&mut self, line: &TradeLine) {
        let there = || Some(Side { state: visible(&line.refund_status, 16), amount: line.refund_asked.get() });
        add(&mut self.out.there.refunds, &mut self.out.there.refunded, line.refund_asked);
        if !self.named.insert((true, line.out_refund_no.clone())) {
            return self.found(DifferenceKind::Twice, line, None, there());
        }
        let Some((refund, _)) = self.known.refunds.get(&line.out_refund_no) else {
            return self.found(DifferenceKind::RefundMissingHere, line, None, there());
        };
        let here = Some(refund_side(refund));
        if refund.status.counts() {
            add(&mut self.out.here.refunds, &mut self.out.here.refunded, refund.refund);
        }
        if refund.refund != line.refund_asked {
            return self.found(DifferenceKind::RefundAmount, line, here, there());
        }
        if refund_agrees(refund.status, &line.refund_status) {
            self.out.matched = self.out.matched.saturating_add(1);
        } else {
            self.found(DifferenceKind::RefundState, line, here, there());
        }
    }

    /// `REVOKED` and what else a bill may say of an order.
    fn other(&mut self, line: &TradeLine) {
        let there = Some(Side { state: visible(&line.trade_state, 16), amount: line.total.get() });
        self.named.insert((false, line.out_trade_no.clone()));
        match self.known.orders.get(&line.out_trade_no) {
            None => self.found(DifferenceKind::MissingHere, line, None, there),
            Some((order, _)) if order.state.as_str() == line.trade_state => {
                self.out.matched = self.out.matched.saturating_add(1);
            }
            Some((order, _)) => self.found(DifferenceKind::State, line, Some(side(order)), there),
        }
    }

    fn missing_there(&mut self, day: &str) {
        let unnamed = |refund: bool, number: &String| {
            !self.named.contains(&(refund, number.clone())) && !self.known.billed_elsewhere.contains(number)
        };
        let mut orders: Vec<&OrderRow> = self
            .known
            .orders
            .iter()
            .filter(|(number, (order, _))| {
                let paid = order.state.is_paid() || order.state == State::Revoked;
                paid && order.success_time.is_some_and(|at| beijing_date(at) == day) && unnamed(false, number)
            })
            .map(|(_, (order, _))| order)
            .collect();
        orders.sort_by_key(|order| (order.success_time, order.id));
        // Which time decides a refund's day is not documented: only one that began and ended on this day must be here.
        let mut refunds: Vec<&(RefundRow, String)> = self
            .known
            .refunds
            .iter()
            .filter(|(number, (refund, _))| {
                refund.status == RefundState::Success
                    && beijing_date(refund.created_at) == day
                    && refund.success_time.is_some_and(|at| beijing_date(at) == day)
                    && unnamed(true, number)
            })
            .map(|(_, found)| found)
            .collect();
        refunds.sort_by_key(|(refund, _)| refund.id);
        for order in orders {
            add(&mut self.out.here.payments, &mut self.out.here.amount, order.total);
            let (cause, mend, advice) = causes::of(DifferenceKind::MissingThere);
            self.out.differences.push(Difference {
                kind: DifferenceKind::MissingThere,
                out_trade_no: order.out_trade_no.clone(),
                out_refund_no: None,
                transaction_id: order.transaction_id.clone(),
                at: order.success_time.map(shown_time).unwrap_or_default(),
                here: Some(side(order)),
                there: None,
                cause,
                mend,
                advice,
            });
        }
        for (refund, out_trade_no) in refunds {
            add(&mut self.out.here.refunds, &mut self.out.here.refunded, refund.refund);
            let (cause, mend, advice) = causes::of(DifferenceKind::RefundMissingThere);
            self.out.differences.push(Difference {
                kind: DifferenceKind::RefundMissingThere,
                out_trade_no: out_trade_no.clone(),
                out_refund_no: Some(refund.out_refund_no.clone()),
                transaction_id: refund.transaction_id.clone(),
                at: shown_time(refund.created_at),
                here: Some(refund_side(refund)),
                there: None,
                cause,
                mend,
                advice,
            });
        }
    }

    fn found(&mut self, kind: DifferenceKind, line: &TradeLine, here: Option<Side>, there: Option<Side>) {
        let (cause, mend, advice) = causes::of(kind);
        self.out.differences.push(Difference {
            kind,
            out_trade_no: visible(&line.out_trade_no, 64),
            out_refund_no: line.is_refund().then(|| visible(&line.out_refund_no, 64)),
            transaction_id: Some(visible(&line.transaction_id, 64)),
            at: visible(&line.time, 32),
            here,
            there,
            cause,
            mend,
            advice,
        });
    }
}

fn add(count: &mut u32, sum: &mut i64, amount: Fen) {
    *count = count.saturating_add(1);
    *sum = sum.saturating_add(amount.get());
}

fn paid(line: &TradeLine) -> Side {
    Side { state: visible(&line.trade_state, 16), amount: line.total.get() }
}

fn side(order: &OrderRow) -> Side {
    Side { state: order.state.as_str().to_owned(), amount: order.total.get() }
}

fn refund_side(refund: &RefundRow) -> Side {
    Side { state: refund.status.as_str().to_owned(), amount: refund.refund.get() }
}

/// A bill is older than what is known here: what was still on its way then may have ended since.
fn refund_agrees(here: RefundState, there: &str) -> bool {
    match there {
        "SUCCESS" => here == RefundState::Success,
        "FAIL" => here == RefundState::Closed,
        "CHANGE" => matches!(here, RefundState::Abnormal | RefundState::Success | RefundState::Closed),
        _ => here.accepted(),
    }
}
