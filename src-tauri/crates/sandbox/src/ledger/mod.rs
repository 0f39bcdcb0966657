//! The books: orders, refunds, combined orders, notifications, and what is due when. In memory, pure but for chance; each
//! change leaves rows for the store. Instants are business time in milliseconds.

mod bill;
mod combined;
mod notice;
mod order;
mod refund;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use crate::clock::{Lots, Millis};
use crate::store::{Kept, Kind, Row};

pub use bill::BillFault;
pub(crate) use bill::{BillKind, bill};
pub(crate) use combined::Combined;
pub(crate) use notice::{Attempt, Notice, NoticeState};
pub(crate) use order::{Draft, Forbidden, Order, Product, State};
pub(crate) use refund::{Refund, RefundDraft, RefundError, Status};

/// Orders kept; the oldest are forgotten beyond it, with their refunds. They lie in memory, some 1.5 kB each.
const MOST_ORDERS: usize = 100_000;
/// Notifications kept; of the oldest, those that need no more attempts go first.
const MOST_NOTICES: usize = 10_000;

/// Something that will happen by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// A refund settles: its key.
    Settle(String),
    /// A notification is to be tried: its id.
    Attempt(String),
}

/// The books of all merchants.
#[derive(Default)]
pub(crate) struct Ledger {
    orders: HashMap<String, Order>,
    orders_by_age: BTreeMap<u64, String>,
    /// prepay_id, code_url → key of an order or a combined order.
    tickets: HashMap<String, String>,
    transactions: HashMap<String, String>,
    refunds: HashMap<String, Refund>,
    refund_ids: HashMap<String, String>,
    combined: HashMap<String, Combined>,
    combined_by_age: BTreeMap<u64, String>,
    notices: BTreeMap<u64, Notice>,
    notice_seqs: HashMap<String, u64>,
    due: BTreeMap<(Millis, u64), Due>,
    /// Notifications that are being delivered at this moment.
    under_way: HashSet<String>,
    seq: u64,
    /// Notifications that wait for a refund of their order to be told first.
    held_back: HashSet<String>,
    /// What identifiers are made of.
    pub(crate) lots: Lots,
    /// Things planned so far: what is due at one instant happens in the order of planning.
    plans: u64,
    rows: Vec<Row>,
}

/// How entries are found: a merchant's numbers are its own.
pub(crate) fn key(mchid: &str, number: &str) -> String {
    format!("{mchid}/{number}")
}

impl Ledger {
    /// The books as they were; what fell due while nobody was there is due now.
    pub(crate) fn restore(kept: &Kept, now: Millis) -> Ledger {
        let mut ledger = Ledger::default();
        for (kind, seq, doc) in &kept.entries {
            ledger.seq = ledger.seq.max(*seq);
            let read = match *kind {
                k if k == Kind::Order as i64 => serde_json::from_str(doc).map(|order| ledger.index_order(order)),
                k if k == Kind::Refund as i64 => serde_json::from_str(doc).map(|refund: Refund| {
                    if refund.status == Status::Processing {
                        ledger.plan(refund.settles_at.max(now), Due::Settle(refund.key()));
                    }
                    ledger.refund_ids.insert(refund.refund_id.clone(), refund.key());
                    ledger.refunds.insert(refund.key(), refund);
                }),
                k if k == Kind::Combined as i64 => {
                    serde_json::from_str(doc).map(|combined| ledger.index_combined(combined))
                }
                _ => serde_json::from_str(doc).map(|mut notice: Notice| {
                    if let Some(at) = notice.next_attempt_at {
                        notice.next_attempt_at = Some(at.max(now));
                        ledger.plan(at.max(now), Due::Attempt(notice.id.clone()));
                    }
                    if notice.held_back {
                        ledger.held_back.insert(notice.id.clone());
                    }
                    ledger.notice_seqs.insert(notice.id.clone(), notice.seq);
                    ledger.notices.insert(notice.seq, notice);
                }),
            };
            if let Err(error) = read {
                tracing::warn!(%error, "an entry of the sandbox's store was left out");
            }
        }
        ledger
    }

    /// The changes since the last call, for the store. To be taken before the ledger is unlocked.
    pub(crate) fn take_rows(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.rows)
    }

    /// Forgets everything.
    pub(crate) fn reset(&mut self) {
        let seq = self.seq;
        *self = Ledger { seq, plans: self.plans, lots: self.lots, rows: vec![Row::Clear], ..Ledger::default() };
    }

    fn next_seq(&mut self) -> u64 {
        self.seq = self.seq.saturating_add(1);
        self.seq
    }

    fn keep(&mut self, kind: Kind, seq: u64, entry: &impl Serialize) {
        match serde_json::to_string(entry) {
            Ok(doc) => self.rows.push(Row::Put { kind, seq, doc }),
            Err(error) => tracing::error!(%error, "an entry has no JSON"),
        }
    }

    /// Plans something; several things may be due at one instant.
    fn plan(&mut self, at: Millis, due: Due) {
        self.plans = self.plans.wrapping_add(1);
        self.due.insert((at, self.plans), due);
    }

    /// When the next thing is due.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes what is due by `now`: refunds settle here and now, attempts are handed out, earliest first, with the instants at
    /// which they fell due.
    pub(crate) fn fall_due(
        &mut self,
        now: Millis,
        settle: &mut dyn FnMut(&mut Ledger, &str, Millis),
    ) -> Vec<(Millis, String)> {
        let mut attempts = Vec::new();
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), due) = entry.remove_entry();
            match due {
                Due::Settle(key) => settle(self, &key, at),
                // What was put off meanwhile has another plan.
                Due::Attempt(id) if self.notice(&id).is_some_and(|n| n.next_attempt_at == Some(at)) => {
                    attempts.push((at, id));
                }
                Due::Attempt(_) => {}
            }
        }
        attempts
    }

    /// Settles the refunds that are due by `now`; notifications wait for [`Ledger::fall_due`].
    pub(crate) fn settle_due(&mut self, now: Millis, settle: &mut dyn FnMut(&mut Ledger, &str, Millis)) {
        let due: Vec<(Millis, u64)> = self
            .due
            .range(..=(now, u64::MAX))
            .filter(|(_, due)| matches!(due, Due::Settle(_)))
            .map(|(at, _)| *at)
            .collect();
        for at in due {
            if let Some(Due::Settle(key)) = self.due.remove(&at) {
                settle(self, &key, at.0);
            }
        }
    }

    /// Forgets the oldest orders beyond `most`.
    fn trim_orders(&mut self, most: usize) {
        while self.orders.len() > most {
            let Some((seq, oldest)) = self.orders_by_age.pop_first() else { return };
            if let Some(order) = self.orders.remove(&oldest) {
                for ticket in order.tickets() {
                    self.tickets.remove(&ticket);
                }
                if let Some(paid) = &order.paid {
                    self.transactions.remove(&paid.transaction_id);
                }
                for number in &order.refunds {
                    let key = key(&order.mchid, number);
                    if let Some(refund) = self.refunds.remove(&key) {
                        self.refund_ids.remove(&refund.refund_id);
                        self.rows.push(Row::Forget { seq: refund.seq });
                    }
                }
            }
            self.trim_combined(seq);
            self.rows.push(Row::Forget { seq });
        }
    }

    /// Forgets the combined orders that are older than an order that was forgotten: each is a little older than its parts,
    /// whose merchants may be others than its own, and goes with the first of them.
    fn trim_combined(&mut self, seq: u64) {
        while let Some(entry) = self.combined_by_age.first_entry().filter(|entry| *entry.key() < seq) {
            let (seq, key) = entry.remove_entry();
            if let Some(combined) = self.combined.remove(&key) {
                for ticket in combined.tickets() {
                    self.tickets.remove(&ticket);
                }
            }
            self.rows.push(Row::Forget { seq });
        }
    }

    fn index_combined(&mut self, combined: Combined) {
        let key = combined.key();
        for ticket in combined.tickets() {
            self.tickets.insert(ticket, key.clone());
        }
        self.combined_by_age.insert(combined.seq, key.clone());
        self.combined.insert(key, combined);
    }
}

#[cfg(test)]
mod tests;
