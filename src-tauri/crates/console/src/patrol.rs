//! The sweep that asks about unpaid orders and unfinished refunds. WeChat Pay is silent after its last retry, so "never
//! lose a payment" rests on this, not on the listener.

use crate::console::{Console, Desk, seconds_before};
use crate::orders::settle;
use crate::orders::state::RefundState;
use crate::store::{OrderRow, RefundRow, StoreError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use wechatpay::time::Timestamp;

/// Seconds between one question about an order and the next; then they double, to a day at most.
const GAPS: [i64; 7] = [5, 25, 30, 120, 120, 300, 1_200];
/// The same for a refund: wallets take minutes, cards take days.
const REFUND_GAPS: [i64; 6] = [15, 45, 240, 600, 1_800, 3_600];
const DAY: i64 = 86_400;
/// An order closes by itself after 7 days; asking goes on a while longer, in case it doesn't.
const ORDER_DAYS: i64 = 15;
/// A refund that is still open after a month needs a person.
const REFUND_DAYS: i64 = 35;
/// Questions on their way at once.
const AT_ONCE: usize = 4;
/// Rows that are read at once.
const ROWS: i64 = 64;
/// Looked at the clock at least so often, whatever the store said was next.
const LOOK: Duration = Duration::from_secs(30);
/// How often certificates are looked after.
const CERTIFICATES: Duration = Duration::from_secs(600);

/// The sweep of one desk: stopped until it is started.
#[derive(Default)]
pub(crate) struct Patrol {
    wake: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
    queries: AtomicU64,
}

impl Patrol {
    /// Something became due, or will be sooner than was thought.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Questions that were asked by this process.
    pub(crate) fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// Is it walking?
    pub(crate) fn running(&self) -> bool {
        self.task().as_ref().is_some_and(|task| !task.is_finished())
    }

    /// Ends it. Questions on their way are dropped; their rows say "outcome unknown" and the next start asks again.
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

/// When an order is asked about next: `step` questions were asked, the first one soon after `since`. `None`: not again.
pub(crate) fn next(now: Timestamp, since: Timestamp, step: i64) -> Option<Timestamp> {
    later(now, since, gap(&GAPS, step), ORDER_DAYS)
}

/// The same for a refund.
pub(crate) fn next_refund(now: Timestamp, since: Timestamp, step: i64) -> Option<Timestamp> {
    later(now, since, gap(&REFUND_GAPS, step), REFUND_DAYS)
}

fn gap(gaps: &[i64], step: i64) -> i64 {
    let step = usize::try_from(step).unwrap_or(0);
    if let Some(gap) = gaps.get(step) {
        return *gap;
    }
    let doublings = u32::try_from(step.saturating_sub(gaps.len()).saturating_add(1)).unwrap_or(32).min(10);
    gaps.last().copied().unwrap_or(DAY).saturating_mul(2_i64.saturating_pow(doublings)).min(DAY)
}

fn later(now: Timestamp, since: Timestamp, gap: i64, days: i64) -> Option<Timestamp> {
    let age = now.as_second().saturating_sub(since.as_second());
    (age < days * DAY).then(|| seconds_before(now, -gap))
}

impl Console {
    /// Starts the sweep: at once over everything that is open (what came while nobody listened is found), then each
    /// order and refund by its own growing gaps; and beside it what is done once a day. Started already: nothing
    /// happens. Needs a tokio runtime.
    pub fn start_patrol(&self) {
        self.desk.daily.start(&self.desk);
        let mut task = self.desk.patrol.task();
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (desk, wake) = (Arc::downgrade(&self.desk), self.desk.patrol.wake.clone());
        *task = Some(tokio::spawn(walk(desk, wake)));
    }
}

async fn walk(desk: Weak<Desk>, wake: Arc<Notify>) {
    let mut certificates: Option<Instant> = None;
    let mut all = true;
    loop {
        // held for one round only: a desk that everybody let go of must be able to end
        let Some(strong) = desk.upgrade() else { return };
        let console = Console { desk: strong };
        let round = round(&console, all).await;
        if round.is_ok() {
            all = false;
        }
        if certificates.is_none_or(|last| last.elapsed() >= CERTIFICATES) {
            certificates = Some(Instant::now());
            if let Err(problem) = console.desk.trust.patrol().await {
                tracing::debug!(code = %problem.code, "certificates not looked after");
            }
        }
        let now = console.desk.outside.now();
        drop(console);
        let pause = match round {
            Err(StoreError::Closed) => return,
            Err(_) => LOOK,
            Ok(None) => LOOK,
            Ok(Some(next)) => {
                let millis = next.as_millisecond().saturating_sub(now.as_millisecond());
                Duration::from_millis(u64::try_from(millis).unwrap_or(0)).min(LOOK)
            }
        };
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Asks about everything that is due; returns when something is due next.
async fn round(console: &Console, all: bool) -> Result<Option<Timestamp>, StoreError> {
    let store = &console.desk.store;
    if all {
        let now = console.desk.outside.now();
        store.write(move |tx| tx.patrol_all_due(now)).await?;
    }
    loop {
        let now = console.desk.outside.now();
        let due =
            store.read(move |view| Ok::<_, StoreError>((view.orders_due(now, ROWS)?, view.refunds_due(now, ROWS)?)));
        let (orders, refunds) = due.await?;
        if orders.is_empty() && refunds.is_empty() {
            return store.read(|view| view.patrol_next()).await;
        }
        put_off(console, &orders, &refunds, now).await?;
        let mut asking = JoinSet::new();
        for order in orders {
            room(&mut asking).await;
            let console = console.clone();
            asking.spawn(async move { ask_order(&console, order).await });
        }
        for refund in refunds {
            room(&mut asking).await;
            let console = console.clone();
            asking.spawn(async move { ask_refund(&console, refund).await });
        }
        while asking.join_next().await.is_some() {}
    }
}

async fn room(asking: &mut JoinSet<()>) {
    while asking.len() >= AT_ONCE {
        asking.join_next().await;
    }
}

/// The next turn is set before the question: one that never comes back must not be asked again at once.
async fn put_off(
    console: &Console,
    orders: &[OrderRow],
    refunds: &[RefundRow],
    now: Timestamp,
) -> Result<(), StoreError> {
    let orders: Vec<_> = orders
        .iter()
        .map(|order| {
            let step = order.patrol_step.saturating_add(1);
            (order.id, next(now, order.prepaid_at.unwrap_or(order.created_at), step), step)
        })
        .collect();
    let refunds: Vec<_> = refunds
        .iter()
        .map(|refund| {
            let step = refund.patrol_step.saturating_add(1);
            let at = match refund.status {
                RefundState::Unknown | RefundState::Processing => next_refund(now, refund.created_at, step),
                RefundState::Abnormal => later(now, refund.created_at, DAY, REFUND_DAYS),
                RefundState::Refused | RefundState::Closed | RefundState::Success => None,
            };
            (refund.id, at, step)
        })
        .collect();
    let put = console.desk.store.write(move |tx| {
        for (id, at, step) in &orders {
            tx.order_set_patrol(*id, *at, *step)?;
        }
        for (id, at, step) in &refunds {
            tx.refund_set_patrol(*id, *at, *step)?;
        }
        Ok(())
    });
    put.await
}

async fn ask_order(console: &Console, order: OrderRow) {
    // refunded before its payment is known counts as unsettled; everything else that is not open needs no question
    if !order.state.is_open() && order.success_time.is_some() {
        return;
    }
    let Ok(profile) = console.desk.merchants.get(Some(&order.merchant)).await else { return };
    console.desk.patrol.queries.fetch_add(1, Ordering::Relaxed);
    if let Err(problem) = settle::query(&console.desk, &profile, &order).await {
        tracing::debug!(out_trade_no = %order.out_trade_no, code = %problem.code, "patrol: no answer to believe");
    }
}

async fn ask_refund(console: &Console, refund: RefundRow) {
    let Ok(Some(order)) = console.desk.refund_order(&refund).await else { return };
    let Ok(profile) = console.desk.merchants.get(Some(&order.merchant)).await else { return };
    console.desk.patrol.queries.fetch_add(1, Ordering::Relaxed);
    if let Err(problem) = console.refund_ask(&profile, &order, &refund).await {
        tracing::debug!(out_refund_no = %refund.out_refund_no, code = %problem.code, "patrol: no answer to believe");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_grow_to_a_day_and_end() {
        let start = Timestamp::from_second(1_790_000_000).expect("an instant");
        let (mut now, mut step, mut gaps) = (start, 0, Vec::new());
        while let Some(at) = next(now, start, step) {
            gaps.push(at.as_second() - now.as_second());
            (now, step) = (at, step + 1);
            assert!(step < 100, "it ends");
        }
        assert_eq!(gaps.first(), Some(&5));
        assert_eq!(gaps.iter().max(), Some(&DAY));
        assert!(gaps.windows(2).all(|pair| pair[0] <= pair[1]), "{gaps:?}");
        assert!(now.as_second() - start.as_second() > 7 * DAY, "past the order's own end");
    }
}
