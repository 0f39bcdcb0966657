//! How often somebody may ask: so many at once, then one per interval. Kept per name in memory, for a bounded number of
//! names; a restart forgets it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Names that are told apart at once. One more, while all of these are busy, is refused.
const NAMES: usize = 10_000;

/// A limit with what was used of it.
pub(super) struct Limiter {
    /// Milliseconds that one asking costs.
    interval: i64,
    /// Askings at once.
    burst: i64,
    /// For each name, until when (milliseconds) what it asked is paid off.
    busy_until: Mutex<HashMap<String, i64>>,
}

impl Limiter {
    pub(super) fn new(interval: i64, burst: i64) -> Self {
        Limiter { interval, burst, busy_until: Mutex::default() }
    }

    /// Counts one asking of `name` at `now` (milliseconds).
    ///
    /// # Errors
    /// Too many: in how many seconds to come again, at least 1. What is refused isn't counted.
    pub(super) fn take(&self, name: &str, now: i64) -> Result<(), i64> {
        let mut all = self.busy_until.lock().unwrap_or_else(PoisonError::into_inner);
        // a clock that was set back would keep everyone out until it has caught up
        let furthest = now.saturating_add(self.burst.saturating_mul(self.interval));
        let busy = all.get(name).copied().unwrap_or(now).clamp(now, furthest);
        let after = busy.saturating_add(self.interval);
        let over = after.saturating_sub(furthest);
        if over > 0 {
            if let Some(until) = all.get_mut(name) {
                *until = busy;
            }
            return Err(over.saturating_add(999) / 1_000);
        }
        if !all.contains_key(name) && all.len() >= NAMES {
            all.retain(|_, until| *until > now);
            if all.len() >= NAMES {
                return Err(1);
            }
        }
        all.insert(name.to_owned(), after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_an_interval_and_names_apart() {
        let limiter = Limiter::new(500, 3);
        for _ in 0..3 {
            assert_eq!(limiter.take("a", 10_000), Ok(()));
        }
        assert_eq!(limiter.take("a", 10_000), Err(1));
        assert_eq!(limiter.take("b", 10_000), Ok(()), "another name");
        assert_eq!(limiter.take("a", 10_499), Err(1));
        assert_eq!(limiter.take("a", 10_500), Ok(()));
        assert_eq!(limiter.take("a", 10_500), Err(1));
        assert_eq!(limiter.take("a", 5_000), Err(1), "a clock set back");
        assert_eq!(limiter.take("a", 5_500), Ok(()), "is not waited for");
        assert_eq!(limiter.take("a", 20_000), Ok(()), "all paid off");
    }

    #[test]
    fn names_are_bounded_and_idle_ones_make_room() {
        let limiter = Limiter::new(1_000, 1);
        for name in 0..NAMES {
            assert_eq!(limiter.take(&name.to_string(), 0), Ok(()));
        }
        assert_eq!(limiter.take("one more", 0), Err(1));
        assert_eq!(limiter.take("one more", 1_000), Ok(()));
        assert_eq!(limiter.busy_until.lock().expect("a lock").len(), 1);
    }
}
