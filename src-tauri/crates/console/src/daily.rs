//! What a desk does by itself once a day: the trade bill of the day before is fetched and reconciled from 10:00 Beijing
//! time on, where that is switched on (setting `bills.daily` is `on`), and missed days are caught up; the store is backed
//! up, unless that is switched off (see `backup`). After a start, and once a week, it looks whether the store and its newest
//! backup are sound (see `health::upkeep`).
//!
//! Runs beside the patrol, which asks about single orders; neither waits for the other.

use crate::bills::{BillKind, READY_HOUR};
use crate::console::{Console, Desk, seconds_before};
use crate::store::StoreError;
use crate::wire::Problem;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use wechatpay::time::{Timestamp, beijing_date};

/// Fetch and reconcile the bill of the day before.
const BILLS: &str = "bills.daily";
/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_secs(60);
/// A backup waits until a desk has been open for so long: one command's few seconds are no time to copy a store.
const SETTLED: Duration = Duration::from_secs(300);
/// The quick look at the store waits until what a start is for has happened.
const STARTED: Duration = Duration::from_secs(15);
/// … and after something failed.
const LATER: Duration = Duration::from_secs(900);
/// Days that are caught up at most: a desk that slept for a month doesn't ask for a year.
const DAYS: usize = 30;

/// The task of one desk: stopped until it is started.
#[derive(Default)]
pub(crate) struct Daily {
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Daily {
    /// Starts it, once. Needs a tokio runtime.
    pub(crate) fn start(&self, desk: &Arc<Desk>) {
        let mut task = self.task();
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        *task = Some(tokio::spawn(walk(Arc::downgrade(desk))));
    }

    /// Ends it; what was half done is done again at the next start.
    pub(crate) async fn stop(&self) {
        let task = self.task().take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }

    fn task(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn walk(desk: Weak<Desk>) {
    let began = Instant::now();
    let mut looked = false;
    loop {
        // held for one round only: a desk that everybody let go of must be able to end
        let Some(strong) = desk.upgrade() else { return };
        let console = Console { desk: strong };
        let mut done = console.daily().await;
        if began.elapsed() >= SETTLED {
            let backup = console.daily_backup().await;
            let weekly = console.weekly().await;
            done = done.and(backup).and(weekly);
        }
        if !looked && began.elapsed() >= STARTED {
            looked = true;
            console.check_after_start().await;
        }
        let pause = match done {
            Ok(()) if !looked => STARTED,
            Ok(()) => LOOK,
            Err(problem) => {
                tracing::warn!(code = %problem.code, "the day's work could not be done; it is tried again");
                LATER
            }
        };
        drop(console);
        tokio::time::sleep(pause).await;
    }
}

impl Console {
    /// Does what is due. One merchant's failure doesn't keep the others waiting; the first is returned.
    pub(crate) async fn daily(&self) -> Result<(), Problem> {
        let settings = self.settings_get().await?;
        if settings.get(BILLS).is_none_or(|value| value != "on") {
            return Ok(());
        }
        let mut failed = None;
        for name in self.desk.merchants.names().await? {
            if let Err(problem) = self.daily_bills(&name).await {
                failed.get_or_insert(problem);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn daily_bills(&self, name: &str) -> Result<(), Problem> {
        let profile = self.desk.merchants.get(Some(name)).await?;
        let mchid = profile.mchid.to_string();
        let newest = self.desk.store.read(move |view| {
            let kept = view.bills(&mchid, 2)?;
            Ok::<_, StoreError>(
                kept.into_iter().find(|bill| bill.kind == BillKind::Trade.as_str()).map(|bill| bill.day),
            )
        });
        for day in due(self.desk.outside.now(), newest.await?.as_deref()) {
            self.bill_fetch(Some(name), BillKind::Trade, &day, false).await?;
            let found = self.bill_reconcile(Some(name), &day).await?.found;
            tracing::info!(merchant = name, day, found, "bill reconciled");
        }
        Ok(())
    }
}

/// The days whose bills are ready and not here yet, oldest first: those after the newest that is kept, or the day before.
fn due(now: Timestamp, newest: Option<&str>) -> Vec<String> {
    let ready = |days: usize| {
        let days = i64::try_from(days).unwrap_or(0).saturating_add(1);
        beijing_date(seconds_before(now, READY_HOUR * 3_600 + days * 86_400))
    };
    let most = if newest.is_some() { DAYS } else { 1 };
    let mut days: Vec<String> =
        (0..most).map(ready).take_while(|day| newest.is_none_or(|newest| day.as_str() > newest)).collect();
    days.reverse();
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_due_at_ten_and_missed_ones_are_caught_up() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        for (now, newest, expected) in [
            ("2026-11-24T09:59:59+08:00", None, vec!["2026-11-22"]),
            ("2026-11-24T10:00:00+08:00", None, vec!["2026-11-23"]),
            ("2026-11-24T10:00:00+08:00", Some("2026-11-23"), vec![]),
            ("2026-11-24T09:59:59+08:00", Some("2026-11-22"), vec![]),
            ("2026-11-24T10:00:00+08:00", Some("2026-11-22"), vec!["2026-11-23"]),
            ("2026-12-02T12:00:00+08:00", Some("2026-11-29"), vec!["2026-11-30", "2026-12-01"]),
            ("2026-11-24T10:00:00+08:00", Some("2026-12-30"), vec![]),
        ] {
            assert_eq!(due(at(now), newest), expected, "{now} {newest:?}");
        }
        let long = due(at("2026-11-24T10:00:00+08:00"), Some("2025-01-01"));
        assert_eq!((long.len(), long.last().map(String::as_str)), (DAYS, Some("2026-11-23")));
    }
}
