//! Many replays: a selection of deliveries, each once or N times, one after the other or at the same moment, in the order
//! they came or shuffled. Counted before anything is sent; each send is told; stopped between two sends.

use super::{Manner, ReplayAnswer, ReplayInput};
use crate::console::Console;
use crate::orders::callback_id;
use crate::problem;
use crate::wire::{Bilingual, CallbackFilter, Problem};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use tokio::sync::watch;
use tokio::task::JoinSet;
use wechatpay::error::FieldError;
use wechatpay::time::Timestamp;

/// Requests of one batch at most.
const MOST: usize = 10_000;
/// Requests on their way at the same moment at most.
const AT_ONCE: usize = 64;
/// Rows that are read from the store at a time.
const PAGE: u32 = 500;

/// Which deliveries are sent again, how often, and in what order.
#[derive(Debug, Clone, Default, Deserialize, specta::Type)]
pub struct ReplayBatch {
    /// These, in this order; empty: those that the filters let through, oldest first.
    #[serde(default)]
    pub ids: Vec<String>,
    /// Those that `callback_list` gives for this, all pages. Not with `ids`.
    #[serde(default)]
    pub filter: Option<CallbackFilter>,
    /// Each so many times; 0 means 1. At most 10,000 requests in all.
    #[serde(default)]
    pub times: u32,
    /// As many as there are at the same moment, 64 at most; else one after the other.
    #[serde(default)]
    pub at_once: bool,
    /// Out of order.
    #[serde(default)]
    pub shuffle: bool,
    /// The same seed gives the same order; made up when left out.
    #[serde(default)]
    pub seed: Option<u32>,
    /// Where to, and how.
    pub how: ReplayInput,
}

/// What a batch is going to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct ReplayForecast {
    /// Different deliveries.
    pub deliveries: u32,
    /// Requests in all (`duplicate` sends each twice).
    pub requests: u32,
    /// Where to, in its one spelling.
    pub to: String,
    /// Of the order, where it is shuffled.
    pub seed: Option<u32>,
    /// What the answers can and can't prove.
    pub proves: Bilingual,
}

/// A batch that was counted and not sent yet.
#[derive(Debug)]
pub struct ReplayPlan {
    manner: Manner,
    order: Vec<String>,
    at_once: bool,
    forecast: ReplayForecast,
}

/// One request of a batch, done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct ReplayStep {
    /// The delivery.
    pub id: String,
    /// This one counted.
    pub done: u32,
    /// Of how many.
    pub total: u32,
    /// What came back; `None`: it could not be made, and `problem` says why.
    pub answer: Option<ReplayAnswer>,
    /// Why nothing was sent.
    pub problem: Option<Problem>,
}

/// What came of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct ReplaySummary {
    /// Different deliveries.
    pub deliveries: u32,
    /// Requests that were meant.
    pub requests: u32,
    /// Requests that were sent.
    pub sent: u32,
    /// Answered 2xx.
    pub accepted: u32,
    /// Answered otherwise.
    pub refused: u32,
    /// Not answered.
    pub unanswered: u32,
    /// Could not be made, so nothing was sent.
    pub not_sent: u32,
    /// It was stopped before its end.
    pub stopped: bool,
    /// The longest answer, in milliseconds.
    pub longest_ms: u32,
    /// Of the order, where it was shuffled.
    pub seed: Option<u32>,
}

impl ReplayPlan {
    /// What it is going to do.
    #[must_use]
    pub fn forecast(&self) -> &ReplayForecast {
        &self.forecast
    }
}

impl ReplaySummary {
    fn count(&mut self, step: &ReplayStep) {
        let Some(answer) = &step.answer else {
            self.not_sent += 1;
            return;
        };
        self.sent += 1;
        self.longest_ms = self.longest_ms.max(answer.latency_ms);
        match answer.status {
            Some(200..=299) => self.accepted += 1,
            Some(_) => self.refused += 1,
            None => self.unanswered += 1,
        }
    }
}

impl Console {
    /// Counts a batch and judges its address; nothing is sent yet. The filters look at merchant `m`'s deliveries, ids at
    /// all.
    ///
    /// # Errors
    /// `INVALID_FIELD`, `TARGET_REFUSED`; `CALLBACK_NOT_FOUND` for an id; `REPLAY_NOTHING`, `REPLAY_TOO_MANY`;
    /// `NO_MERCHANT`, `MERCHANT_NOT_FOUND`; the store's.
    pub async fn replay_plan(&self, m: Option<&str>, batch: ReplayBatch) -> Result<ReplayPlan, Problem> {
        let manner = Manner::parse(batch.how)?;
        if !batch.ids.is_empty() && batch.filter.is_some() {
            let (en, zh) = ("are given: then no filter may be", "已给出时不能再用筛选");
            return Err(FieldError::new("ids", "ids_or_filter", "", en, zh).into());
        }
        let found = match batch.filter {
            Some(filter) => self.selected(m, filter).await?,
            None => self.named(&batch.ids).await?,
        };
        let times = usize::try_from(batch.times.max(1)).unwrap_or(usize::MAX);
        let requests = found.ids.len().saturating_mul(times);
        if requests > MOST {
            return Err(too_many(requests));
        }
        let seed = batch.shuffle.then(|| batch.seed.unwrap_or_else(|| self.fresh_seed()));
        let deliveries = found.ids.len();
        let mut order: Vec<String> = found.ids.into_iter().flat_map(|id| std::iter::repeat_n(id, times)).collect();
        if let Some(seed) = seed {
            order = shuffled(order, seed);
        }
        let age = self.desk.outside.now().as_second().saturating_sub(found.oldest).max(0);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let forecast = ReplayForecast {
            deliveries: count(deliveries),
            requests: count(requests),
            to: manner.target.text().to_owned(),
            seed,
            proves: manner.proves(age),
        };
        Ok(ReplayPlan { manner, order, at_once: batch.at_once, forecast })
    }

    /// Sends a batch and tells each request as it is done. A delivery that can't be made into a request (damaged, no key)
    /// is told and passed over. `stop` turning true ends it before the next request; what is on its way is awaited, 5 s
    /// at most. Each answer is kept with its delivery (the newest 50 of each).
    ///
    /// # Errors
    /// `TARGET_REFUSED`, `TARGET_UNKNOWN` for what the name resolves to.
    pub async fn replay_run(
        &self,
        plan: ReplayPlan,
        stop: watch::Receiver<bool>,
        mut each: impl FnMut(&ReplayStep) + Send,
    ) -> Result<ReplaySummary, Problem> {
        // once for all of them: the address that was judged is the one that is connected to
        let route = plan.manner.target.route().await?;
        let ReplayForecast { deliveries, requests, seed, .. } = plan.forecast;
        let mut summary = ReplaySummary { deliveries, requests, seed, ..ReplaySummary::default() };
        let mut done = 0;
        let mut tell = |summary: &mut ReplaySummary, id: String, came: Result<ReplayAnswer, Problem>| {
            done += 1;
            let (answer, problem) = match came {
                Ok(answer) => (Some(answer), None),
                Err(problem) => (None, Some(problem)),
            };
            let step = ReplayStep { id, done, total: requests, answer, problem };
            summary.count(&step);
            each(&step);
        };
        for round in plan.order.chunks(if plan.at_once { AT_ONCE } else { 1 }) {
            if *stop.borrow() {
                summary.stopped = true;
                break;
            }
            // all are made before the first is sent, so that signing doesn't spread them out
            let mut ready = Vec::with_capacity(round.len());
            for id in round {
                match self.letter(id, &plan.manner).await {
                    Ok((callback, letter)) => ready.push((id.clone(), callback, letter)),
                    Err(problem) => tell(&mut summary, id.clone(), Err(problem)),
                }
            }
            let mut flying = JoinSet::new();
            for (id, callback, letter) in ready {
                let (console, manner, route) = (self.clone(), plan.manner.clone(), route.clone());
                flying.spawn(async move { (id, console.dispatch(callback, &letter, &manner, &route).await) });
            }
            while let Some(landed) = flying.join_next().await {
                match landed {
                    Ok((id, answer)) => tell(&mut summary, id, Ok(answer)),
                    Err(error) => tracing::error!(%error, "a replay ended without saying how"),
                }
            }
        }
        Ok(summary)
    }

    async fn named(&self, ids: &[String]) -> Result<Found, Problem> {
        let mut found = Found::default();
        let mut seen = HashSet::new();
        if ids.is_empty() {
            let (en, zh) = ("or a filter must be given: which deliveries?", "或筛选条件须给出：要重放哪些回调？");
            return Err(FieldError::new("ids", "required", "", en, zh).into());
        }
        if ids.len() > MOST {
            return Err(too_many(ids.len()));
        }
        for id in ids {
            let absent = || crate::callbacks::not_found(id);
            let number = crate::orders::parse_id(id, "cb_").ok_or_else(absent)?;
            if !seen.insert(number) {
                continue;
            }
            let row = self.desk.store.read(move |view| view.callback(number)).await?.ok_or_else(absent)?;
            found.add(callback_id(row.id), row.received_at.as_second());
        }
        Ok(found)
    }

    async fn selected(&self, m: Option<&str>, filter: CallbackFilter) -> Result<Found, Problem> {
        let mut found = Found::default();
        let mut after = None;
        loop {
            let page = CallbackFilter { limit: PAGE, after, ..filter.clone() };
            let page = self.callback_list(m, page).await?;
            for callback in page.items {
                let received = callback.received_at.parse::<Timestamp>();
                found.add(callback.id, received.map_or(0, Timestamp::as_second));
            }
            if found.ids.len() > MOST {
                return Err(too_many(found.ids.len()));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if found.ids.is_empty() {
            return Err(problem::new(
                "REPLAY_NOTHING",
                "没有回调符合这些条件，什么都没有发送。",
                "No delivery fits; nothing was sent.",
                "用 guitai callback list 看看有哪些回调。",
                "See with guitai callback list what there is.",
            ));
        }
        found.ids.reverse();
        Ok(found)
    }

    fn fresh_seed(&self) -> u32 {
        use rand_core::RngCore as _;
        self.desk.outside.random().next_u32()
    }
}

/// Deliveries, and when the oldest of them came (seconds since 1970).
#[derive(Default)]
struct Found {
    ids: Vec<String>,
    oldest: i64,
}

impl Found {
    fn add(&mut self, id: String, second: i64) {
        self.oldest = if self.ids.is_empty() { second } else { self.oldest.min(second) };
        self.ids.push(id);
    }
}

fn too_many(requests: usize) -> Problem {
    problem::new(
        "REPLAY_TOO_MANY",
        format!("一次最多重放 {MOST} 个请求，这里至少有 {requests} 个；什么都没有发送。"),
        format!("One batch has {MOST} requests at most, this one at least {requests}; nothing was sent."),
        "缩小筛选范围，或减少次数。",
        "Narrow the filter, or repeat it less often.",
    )
}

/// In an order that the seed alone decides, each order equally likely.
fn shuffled(order: Vec<String>, seed: u32) -> Vec<String> {
    let mut keyed: Vec<_> = order
        .into_iter()
        .enumerate()
        .map(|(place, id)| {
            let key = Sha256::digest([seed.to_be_bytes().as_slice(), &place.to_be_bytes()].concat());
            (key, id)
        })
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_an_order_and_nothing_is_lost_in_it() {
        let ids: Vec<String> = (0..20).map(callback_id).collect();
        let (one, again, other) = (shuffled(ids.clone(), 7), shuffled(ids.clone(), 7), shuffled(ids.clone(), 8));
        assert_eq!(one, again);
        assert!(one != other && one != ids);
        let mut sorted = one;
        sorted.sort_by_key(|id| crate::orders::parse_id(id, "cb_"));
        assert_eq!(sorted, ids);
    }
}
