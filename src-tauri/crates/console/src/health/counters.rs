//! What this process counts while it works: a few atomics on the callback's way, read by the health page. They begin at
//! nothing with the process; what has to outlive it is in the store.

use crate::wire::Verdict;
use serde::{Deserialize, Serialize};
use specta::Type;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Causes that are told apart; what comes beyond is counted as `other`.
const CAUSES: usize = 64;
/// Buckets of a spread: four to each doubling of microseconds, up to two hours.
const BUCKETS: usize = 128;
/// Bars of what is shown of a spread: below 1 ms (here 1,024 µs), then each doubling, the last from about a second on.
const BARS: usize = 12;
/// Bars of batch sizes: 1, 2, 3–4, … 257–512.
const SIZES: usize = 10;

/// How many times something happened, by its cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CauseCount {
    /// Slug.
    pub cause: String,
    /// How many times.
    #[specta(type = u32)]
    pub count: u64,
}

/// How long something took, over all times that it happened in this process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Type)]
pub struct Spread {
    /// How many times.
    #[specta(type = u32)]
    pub count: u64,
    /// Half took at most this long, milliseconds; up to a fifth more than it really was, as the next.
    pub p50_ms: f64,
    /// 99 of 100 took at most this long.
    pub p99_ms: f64,
    /// The longest, exactly.
    pub max_ms: f64,
    /// How many took less than 1 ms, 1 to 2, 2 to 4, … 512 to 1,024, and longer.
    #[specta(type = Vec<u32>)]
    pub bars: Vec<u64>,
}

/// Lengths of time, in buckets that grow.
pub(crate) struct Lengths {
    buckets: [AtomicU64; BUCKETS],
    longest: AtomicU64,
}

impl Default for Lengths {
    fn default() -> Self {
        Lengths { buckets: [const { AtomicU64::new(0) }; BUCKETS], longest: AtomicU64::new(0) }
    }
}

impl Lengths {
    pub(crate) fn took(&self, length: Duration) {
        let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket(micros)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.longest.fetch_max(micros, Ordering::Relaxed);
    }

    pub(crate) fn spread(&self) -> Spread {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let longest = self.longest.load(Ordering::Relaxed);
        let count: u64 = counts.iter().sum();
        let share = |part: u64| {
            // the first bucket up to which at least this share lies
            let wanted = count.saturating_mul(part).div_ceil(100).max(1);
            let mut seen = 0_u64;
            let at = counts.iter().position(|in_it| {
                seen = seen.saturating_add(*in_it);
                seen >= wanted
            });
            at.map_or(0.0, |at| millis(edge(at).min(longest)))
        };
        let mut bars = vec![0; BARS];
        for (at, in_it) in counts.iter().enumerate() {
            let doublings = (edge(at).saturating_sub(1) >> 10).checked_ilog2().map_or(0, |log| log as usize + 1);
            if let Some(bar) = bars.get_mut(doublings.min(BARS - 1)) {
                *bar += in_it;
            }
        }
        Spread { count, p50_ms: share(50), p99_ms: share(99), max_ms: millis(longest), bars }
    }
}

/// Which bucket a length falls into: below 4 µs one each, then four to a doubling.
fn bucket(micros: u64) -> usize {
    let log = micros.checked_ilog2().unwrap_or(0);
    if log < 2 {
        return usize::try_from(micros).unwrap_or(0);
    }
    let quarter = (micros >> (log - 2)) & 3;
    (log as usize * 4 - 4 + usize::try_from(quarter).unwrap_or(0)).min(BUCKETS - 1)
}

/// The first length above a bucket, microseconds.
fn edge(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(0) + 1;
    if bucket < 4 {
        return bucket;
    }
    let (log, quarter) = ((bucket + 4) / 4, bucket % 4);
    (4 + quarter) << (log - 2)
}

#[allow(clippy::cast_precision_loss, reason = "hours in microseconds is exact in a double")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

/// Deliveries by what became of them.
#[derive(Default)]
pub(crate) struct Deliveries {
    applied: AtomicU64,
    duplicate: AtomicU64,
    held: AtomicU64,
    failed: AtomicU64,
    rejected: AtomicU64,
    /// By `<verdict> <reason>`, of those that are not simply applied.
    causes: Mutex<HashMap<(Verdict, String), u64>>,
    /// From the last byte in to the commit.
    pub(crate) answered: Lengths,
}

/// What became of the deliveries of this process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Type)]
pub struct DeliveryCounts {
    /// Changed an order or refund.
    #[specta(type = u32)]
    pub applied: u64,
    /// Were there already.
    #[specta(type = u32)]
    pub duplicate: u64,
    /// Genuine, kept, not applied.
    #[specta(type = u32)]
    pub held: u64,
    /// Not genuine.
    #[specta(type = u32)]
    pub rejected: u64,
    /// Our own failures, and what no key of ours opens.
    #[specta(type = u32)]
    pub failed: u64,
    /// Why they were rejected, the most frequent first.
    pub rejected_by: Vec<CauseCount>,
    /// Why they were held.
    pub held_by: Vec<CauseCount>,
    /// Why they failed.
    pub failed_by: Vec<CauseCount>,
    /// From the last byte in to the answer, the commit included.
    pub answered: Spread,
}

impl Deliveries {
    pub(crate) fn count(&self, verdict: Verdict, reason: Option<&str>, took: Duration) {
        let counter = match verdict {
            Verdict::Applied => &self.applied,
            Verdict::Duplicate => &self.duplicate,
            Verdict::Held => &self.held,
            Verdict::Rejected => &self.rejected,
            Verdict::Failed => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.answered.took(took);
        if matches!(verdict, Verdict::Applied | Verdict::Duplicate) {
            return;
        }
        let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
        let cause = reason.unwrap_or("unknown");
        let known = causes.len() < CAUSES || causes.contains_key(&(verdict, cause.to_owned()));
        *causes.entry((verdict, if known { cause } else { "other" }.to_owned())).or_insert(0) += 1;
    }

    pub(crate) fn counts(&self) -> DeliveryCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let by = |wanted: Verdict| {
            most_first(
                causes
                    .iter()
                    .filter(|((verdict, _), _)| *verdict == wanted)
                    .map(|((_, cause), n)| (cause.as_str(), *n)),
            )
        };
        DeliveryCounts {
            applied: read(&self.applied),
            duplicate: read(&self.duplicate),
            held: read(&self.held),
            rejected: read(&self.rejected),
            failed: read(&self.failed),
            rejected_by: by(Verdict::Rejected),
            held_by: by(Verdict::Held),
            failed_by: by(Verdict::Failed),
            answered: self.answered.spread(),
        }
    }
}

pub(super) fn most_first<'c>(causes: impl IntoIterator<Item = (&'c str, u64)>) -> Vec<CauseCount> {
    let mut counts: Vec<CauseCount> =
        causes.into_iter().map(|(cause, count)| CauseCount { cause: cause.to_owned(), count }).collect();
    counts.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.cause.cmp(&other.cause)));
    counts
}

/// What the writer of the store counts.
pub(crate) struct Commits {
    began: Instant,
    jobs: AtomicU64,
    failed: AtomicU64,
    largest: AtomicU64,
    sizes: [AtomicU64; SIZES],
    lengths: Lengths,
    /// When the job was asked for that waits longest of those being written: microseconds after `began`, plus 1; 0: none.
    oldest: AtomicU64,
}

/// Commits of the store by this process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Type)]
pub struct CommitCounts {
    /// How long a commit took, its fsync included.
    pub took: Spread,
    /// Writes that were asked for and committed.
    #[specta(type = u32)]
    pub writes: u64,
    /// Commits that failed; each of their writes was then tried alone.
    #[specta(type = u32)]
    pub failed: u64,
    /// Writes in one commit on average.
    pub batch_mean: f64,
    /// At most.
    #[specta(type = u32)]
    pub batch_max: u64,
    /// Commits of 1 write, 2, 3 to 4, 5 to 8, … 257 to 512.
    #[specta(type = Vec<u32>)]
    pub batches: Vec<u64>,
    /// Writes that wait now.
    pub queue: u32,
    /// How long the oldest of them waits, ms; null: nothing waits.
    #[specta(type = Option<u32>)]
    pub oldest_ms: Option<u64>,
}

impl Default for Commits {
    fn default() -> Self {
        Commits {
            began: Instant::now(),
            jobs: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            largest: AtomicU64::new(0),
            sizes: [const { AtomicU64::new(0) }; SIZES],
            lengths: Lengths::default(),
            oldest: AtomicU64::new(0),
        }
    }
}

impl Commits {
    /// A batch is begun whose first job was asked for then; `None`: nothing is being written.
    pub(crate) fn writing(&self, since: Option<Instant>) {
        let micros = |at: Instant| u64::try_from(at.duration_since(self.began).as_micros()).unwrap_or(0) + 1;
        self.oldest.store(since.map_or(0, micros), Ordering::Relaxed);
    }

    pub(crate) fn committed(&self, jobs: usize, took: Duration) {
        let jobs = u64::try_from(jobs).unwrap_or(u64::MAX);
        self.jobs.fetch_add(jobs, Ordering::Relaxed);
        self.largest.fetch_max(jobs, Ordering::Relaxed);
        self.lengths.took(took);
        let size = jobs.saturating_sub(1).checked_ilog2().map_or(0, |log| log as usize + 1);
        if let Some(counter) = self.sizes.get(size.min(SIZES - 1)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    #[allow(clippy::cast_precision_loss, reason = "a mean for people")]
    pub(crate) fn counts(&self, queue: usize) -> CommitCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (took, writes) = (self.lengths.spread(), read(&self.jobs));
        let since = read(&self.oldest).checked_sub(1);
        let waits = since.map(|since| self.began.elapsed().saturating_sub(Duration::from_micros(since)));
        CommitCounts {
            writes,
            failed: read(&self.failed),
            batch_mean: if took.count == 0 { 0.0 } else { writes as f64 / took.count as f64 },
            batch_max: read(&self.largest),
            batches: self.sizes.iter().map(read).collect(),
            queue: u32::try_from(queue).unwrap_or(u32::MAX),
            oldest_ms: waits.map(|waits| u64::try_from(waits.as_millis()).unwrap_or(u64::MAX)),
            took,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for micros in (0..5_000).chain([65_535, 65_536, 1_000_000, 1_799_999_999]) {
            let at = bucket(micros);
            assert!(micros < edge(at), "{micros} µs lies in bucket {at}, which ends at {}", edge(at));
            assert!(at == 0 || micros >= edge(at - 1), "{micros} µs: bucket {at} begins at {}", edge(at - 1));
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_spread_is_near_what_was() {
        let lengths = Lengths::default();
        assert_eq!(lengths.spread(), Spread { bars: vec![0; BARS], ..Spread::default() });
        for micros in 1..=1_000 {
            lengths.took(Duration::from_micros(micros * 10));
        }
        lengths.took(Duration::from_secs(4_000));
        let spread = lengths.spread();
        assert_eq!((spread.count, spread.max_ms), (1_001, 4_000_000.0));
        assert!((5.0..6.3).contains(&spread.p50_ms), "{spread:?}");
        assert!((9.9..12.4).contains(&spread.p99_ms), "{spread:?}");
        assert_eq!(spread.bars.iter().sum::<u64>(), 1_001);
        // 10 to 990 µs; 1 to 1.99 ms; …; 8 to 10 ms; and the long one in the last, however long
        assert!((90..=102).contains(&spread.bars[0]) && spread.bars[11] == 1, "{:?}", spread.bars);
    }

    #[test]
    fn causes_are_bounded_and_the_most_frequent_stand_first() {
        let deliveries = Deliveries::default();
        let took = Duration::from_millis(3);
        for n in 0..200 {
            deliveries.count(Verdict::Rejected, Some(&format!("cause_{}", n % 100)), took);
        }
        for _ in 0..300 {
            deliveries.count(Verdict::Rejected, Some("cause_7"), took);
        }
        deliveries.count(Verdict::Held, Some("order_known"), took);
        deliveries.count(Verdict::Applied, None, took);
        let counts = deliveries.counts();
        assert_eq!((counts.applied, counts.held, counts.rejected, counts.answered.count), (1, 1, 500, 502));
        assert_eq!(counts.rejected_by.len(), CAUSES + 1);
        assert_eq!((counts.rejected_by[0].cause.as_str(), counts.rejected_by[0].count), ("cause_7", 302));
        assert_eq!(counts.rejected_by[1].cause, "other");
        assert_eq!(counts.rejected_by.iter().map(|by| by.count).sum::<u64>(), 500);
        // Held came when the table was full
        assert_eq!(counts.held_by, [CauseCount { cause: "other".to_owned(), count: 1 }]);
    }

    #[test]
    fn batches_are_counted_by_their_size() {
        let commits = Commits::default();
        for jobs in [1, 1, 2, 3, 4, 5, 8, 512] {
            commits.committed(jobs, Duration::from_millis(4));
        }
        let counts = commits.counts(3);
        assert_eq!(counts.batches, [2, 1, 2, 2, 0, 0, 0, 0, 0, 1]);
        assert_eq!((counts.writes, counts.batch_max, counts.queue, counts.oldest_ms), (536, 512, 3, None));
        assert!((counts.batch_mean - 67.0).abs() < 0.01);
        commits.writing(Some(Instant::now()));
        assert!(commits.counts(0).oldest_ms.is_some());
        commits.writing(None);
        assert_eq!(commits.counts(0).oldest_ms, None);
    }
}
