//! Notifications: sealed once, tried up the ladder of 15 steps until one attempt is taken, each attempt on record.

use serde::{Deserialize, Serialize};

use super::{Due, Ledger, MOST_NOTICES};
use crate::clock::Millis;
use crate::store::{Kind, Row};

/// Seconds between an attempt that failed and the next (reference 8.7); after the last one WeChat Pay gives up.
pub(crate) const LADDER: [i64; 15] =
    [15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600];

/// Attempts kept of one notification, redeliveries included; the oldest go first.
const MOST_ATTEMPTS: usize = 200;

/// Where a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum NoticeState {
    Pending,
    Delivered,
    GaveUp,
}

impl NoticeState {
    pub(crate) fn word(self) -> &'static str {
        match self {
            NoticeState::Pending => "PENDING",
            NoticeState::Delivered => "DELIVERED",
            NoticeState::GaveUp => "GAVE_UP",
        }
    }
}

/// One delivery that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// Business time.
    pub(crate) at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    pub(crate) latency_ms: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// What was wrong with it on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<crate::faults::RedeliverFault>,
}

impl Attempt {
    /// Only 200 and 204 are a yes (reference 8.5).
    pub(crate) fn taken(&self) -> bool {
        matches!(self.status, Some(200 | 204))
    }
}

/// A notification.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) seq: u64,
    pub(crate) id: String,
    pub(crate) mchid: String,
    pub(crate) event_type: String,
    pub(crate) out_trade_no: String,
    /// The number of what it tells of: an order's or a refund's.
    #[serde(default)]
    pub(crate) about: String,
    pub(crate) url: String,
    /// The sealed body, the same in every attempt.
    pub(crate) body: String,
    pub(crate) by_public_key: bool,
    pub(crate) created: Millis,
    pub(crate) state: NoticeState,
    pub(crate) attempts: Vec<Attempt>,
    /// Steps of the ladder taken.
    pub(crate) step: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_attempt_at: Option<Millis>,
    /// Waits until a refund of its order was told.
    #[serde(default)]
    pub(crate) held_back: bool,
}

impl Ledger {
    /// Takes a notification in; its first attempt is due at once.
    pub(crate) fn post(&mut self, mut notice: Notice, now: Millis) {
        notice.seq = self.next_seq();
        notice.next_attempt_at = Some(now);
        self.plan(now, Due::Attempt(notice.id.clone()));
        self.notice_seqs.insert(notice.id.clone(), notice.seq);
        self.keep(Kind::Notice, notice.seq, &notice);
        self.notices.insert(notice.seq, notice);
        self.trim_notices();
    }

    /// All notifications, oldest first.
    pub(crate) fn notices(&self) -> impl Iterator<Item = &Notice> {
        self.notices.values()
    }

    /// One notification.
    pub(crate) fn notice(&self, id: &str) -> Option<&Notice> {
        self.notices.get(self.notice_seqs.get(id)?)
    }

    /// Begins an attempt of the ladder; `None` if it is not wanted any more.
    pub(crate) fn begin_attempt(&mut self, id: &str) -> Option<Notice> {
        let notice = self.notice(id).filter(|n| n.state == NoticeState::Pending)?.clone();
        self.under_way.insert(id.to_owned()).then_some(notice)
    }

    /// Puts an attempt of the ladder off without taking a step; `for_refund`: until a refund of the order was told, if that is
    /// sooner.
    pub(crate) fn put_off(&mut self, id: &str, until: Millis, for_refund: bool) {
        self.under_way.remove(id);
        let changed = self.change_notice(id, |notice| {
            notice.next_attempt_at = Some(until);
            notice.held_back = for_refund;
        });
        if changed.is_some() {
            self.plan(until, Due::Attempt(id.to_owned()));
            if for_refund {
                self.held_back.insert(id.to_owned());
            }
        }
    }

    /// A refund was told: what waited for that is due.
    fn let_go(&mut self, mchid: &str, out_trade_no: &str, now: Millis) {
        let of_order =
            |n: &&Notice| n.mchid == mchid && n.out_trade_no == out_trade_no && !self.under_way.contains(&n.id);
        let freed: Vec<String> =
            self.held_back.iter().filter_map(|id| self.notice(id).filter(of_order).map(|n| n.id.clone())).collect();
        for id in freed {
            self.held_back.remove(&id);
            self.put_off(&id, now, false);
        }
    }

    /// Records an attempt of the ladder that fell due at `due`: taken ends it, anything else plans the next step.
    pub(crate) fn end_attempt(&mut self, id: &str, attempt: Attempt, due: Millis) -> Option<NoticeState> {
        self.under_way.remove(id);
        let taken = attempt.taken();
        let next = self.change_notice(id, |notice| {
            record(notice, attempt);
            notice.next_attempt_at = None;
            if taken {
                notice.state = NoticeState::Delivered;
            } else if let Some(gap) = LADDER.get(notice.step) {
                notice.step += 1;
                notice.next_attempt_at = Some(due.saturating_add(gap * 1_000));
            } else {
                notice.state = NoticeState::GaveUp;
            }
            notice.held_back = false;
            let told =
                notice.event_type.starts_with("REFUND.").then(|| (notice.mchid.clone(), notice.out_trade_no.clone()));
            (notice.state, notice.next_attempt_at, told)
        })?;
        self.held_back.remove(id);
        if let Some(at) = next.1 {
            self.plan(at, Due::Attempt(id.to_owned()));
        }
        if let Some((mchid, out_trade_no)) = next.2.filter(|_| !self.held_back.is_empty()) {
            self.let_go(&mchid, &out_trade_no, due);
        }
        Some(next.0)
    }

    /// Records an attempt outside the ladder: it schedules nothing and ends nothing.
    pub(crate) fn note_attempt(&mut self, id: &str, attempt: Attempt) {
        self.change_notice(id, |notice| record(notice, attempt));
    }

    fn change_notice<T>(&mut self, id: &str, change: impl FnOnce(&mut Notice) -> T) -> Option<T> {
        let seq = *self.notice_seqs.get(id)?;
        let notice = self.notices.get_mut(&seq)?;
        let out = change(notice);
        let notice = notice.clone();
        self.keep(Kind::Notice, seq, &notice);
        Some(out)
    }

    fn trim_notices(&mut self) {
        while self.notices.len() > MOST_NOTICES {
            let done = self.notices.values().find(|n| n.state != NoticeState::Pending).map(|n| n.seq);
            let Some(seq) = done.or_else(|| self.notices.keys().next().copied()) else { return };
            if let Some(notice) = self.notices.remove(&seq) {
                self.notice_seqs.remove(&notice.id);
                self.held_back.remove(&notice.id);
                self.rows.push(Row::Forget { seq });
            }
        }
    }
}

fn record(notice: &mut Notice, attempt: Attempt) {
    if notice.attempts.len() >= MOST_ATTEMPTS {
        notice.attempts.remove(0);
    }
    notice.attempts.push(attempt);
}
