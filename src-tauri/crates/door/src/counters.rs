//! What a door has seen, as numbers: bounded, whatever strangers do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::refusal::Refusal;

/// A snapshot of a door's counters since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted, streams served included.
    pub accepted: u64,
    /// Connections open at this moment.
    pub open: u64,
    /// Requests that reached the handler.
    pub requests: u64,
    /// Handlers that panicked (answered 500).
    pub panics: u64,
    /// Handlers that missed the answer deadline (answered 503).
    pub overdue: u64,
    /// Unfinished connections closed to make room.
    pub evicted: u64,
    /// Failures of `accept` (descriptors used up, connections gone before they were taken).
    pub accept_errors: u64,
    /// Requests refused before the handler, by [`Refusal::slug`]; causes that never came are absent.
    pub refused: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) overdue: AtomicU64,
    pub(crate) accept_errors: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Tally {
    pub(crate) fn refuse(&self, refusal: Refusal) {
        if let Some(counter) = self.refused.get(refusal as usize) {
            count(counter);
        }
    }

    pub(crate) fn snapshot(&self, open: usize, evicted: u64) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            accepted: read(&self.accepted),
            open: open as u64,
            requests: read(&self.requests),
            panics: read(&self.panics),
            overdue: read(&self.overdue),
            evicted,
            accept_errors: read(&self.accept_errors),
            refused: Refusal::ALL
                .iter()
                .zip(&self.refused)
                .map(|(refusal, counter)| (refusal.slug(), read(counter)))
                .filter(|(_, n)| *n > 0)
                .collect(),
        }
    }
}
