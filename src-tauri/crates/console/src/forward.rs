//! Passing accepted deliveries on to backends: the ladder, the couriers, what lists show of it.
//!
//! The outbox's rows are written by `callbacks` in the transaction that keeps a delivery, so what was acknowledged is
//! passed on even if this process is killed in the next instant. A courier a target: one that is slow or dead keeps
//! nobody waiting but itself. How a request is carried, and where it may go, is `replay::target`'s.

use crate::console::{Console, Desk, seconds_before};
use crate::orders::{callback_id, moment, no_cursor, page_size, parse_id, shown_time};
use crate::outside::Outside;
use crate::replay::target::{Route, Target, end_to_end};
use crate::store::{ForwardClaim, ForwardQuery, ForwardRow, Store, StoreError};
use crate::wire::{Page, Problem, Verdict};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use wechatpay::error::FieldError;
use wechatpay::time::Timestamp;

/// Seconds after a failed attempt until the next; after the last of them a forward is dead.
const LADDER: [i64; 9] = [1, 5, 15, 60, 300, 900, 3_600, 10_800, 21_600];
/// An attempt whose end was never written is repeated after so many seconds at the soonest: it takes 5 s at most.
const LEASE: i64 = 15;
/// Nothing is passed on sooner than this after it was kept: by then our own answer is out.
const AFTER_ANSWER_MS: i64 = 100;
/// Attempts on their way to one target at once.
const HANDS: usize = 4;
/// The store is looked at at least so often: another process may have recovered something.
const LOOK: Duration = Duration::from_secs(2);
/// Missed deliveries that are put into the outbox in one transaction.
const PART: usize = 500;
/// Targets at most.
const TARGETS: usize = 16;

/// Where accepted deliveries go.
#[derive(Debug, Clone, Default, Deserialize, specta::Type)]
pub struct ForwardOptions {
    /// http or https addresses, 16 at most.
    pub targets: Vec<String>,
    /// They may be private or link-local.
    #[serde(default)]
    pub allow_private: bool,
}

/// Which forwards.
#[derive(Debug, Clone, Default, Deserialize, specta::Type)]
pub struct ForwardFilter {
    /// `waiting`, `delivered` or `dead`.
    #[serde(default)]
    pub state: Option<String>,
    /// Made at or after: RFC 3339, or a Beijing day.
    #[serde(default)]
    pub since: Option<String>,
    /// Rows of a page: 1 to 500; 0 means 50.
    #[serde(default)]
    pub limit: u32,
    /// `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
}

/// What is to be tried again.
#[derive(Debug, Clone, Default, Deserialize, specta::Type)]
pub struct ForwardRecovery {
    /// Only what came in at or after: RFC 3339, or a Beijing day. Must be there with `targets`.
    #[serde(default)]
    pub since: Option<String>,
    /// Only for these, and for them also what came while nobody forwarded to them; else all that is dead.
    #[serde(default)]
    pub targets: Vec<String>,
    /// They may be private or link-local.
    #[serde(default)]
    pub allow_private: bool,
}

/// One delivery on its way to one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct Forward {
    /// `fw_12`.
    pub id: String,
    /// The delivery; the target is told it in `X-Guitai-Delivery`.
    pub callback_id: String,
    /// Whose.
    pub merchant: String,
    /// Of the delivery.
    pub event_type: Option<String>,
    /// Of the delivery.
    pub out_trade_no: Option<String>,
    /// Where to.
    pub target: String,
    /// `waiting`, `delivered` or `dead`.
    pub state: String,
    /// Begun so far; the target is told the number in `X-Guitai-Forward-Attempt`.
    pub attempts: u32,
    /// When it came in.
    pub created_at: String,
    /// When the last attempt began.
    pub last_at: Option<String>,
    /// What the target answered last.
    pub last_status: Option<u16>,
    /// Why the last attempt failed, where no answer says it.
    pub last_error: Option<String>,
    /// When it is tried next, if it waits.
    pub next_at: Option<String>,
}

/// The couriers of one desk.
#[derive(Default)]
pub(crate) struct Forwarding {
    couriers: Mutex<Vec<Courier>>,
    targets: Mutex<Arc<[String]>>,
}

struct Courier {
    wake: Arc<Notify>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Forwarding {
    /// Where accepted deliveries go now.
    pub(crate) fn targets(&self) -> Arc<[String]> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something was put into the outbox.
    pub(crate) fn wake(&self) {
        self.couriers().iter().for_each(|courier| courier.wake.notify_one());
    }

    /// Ends it: what is on its way gets its 5 s, what waits stays in the store.
    pub(crate) async fn stop(&self) {
        *self.targets.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        let couriers = std::mem::take(&mut *self.couriers());
        for courier in &couriers {
            let _ = courier.stop.send(true);
        }
        for courier in couriers {
            let _ = courier.task.await;
        }
    }

    fn couriers(&self) -> std::sync::MutexGuard<'_, Vec<Courier>> {
        self.couriers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a delivery that is kept `now` may go on at the soonest.
pub(crate) fn after_answer(now: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond().saturating_add(AFTER_ANSWER_MS)).unwrap_or(now)
}

/// Is a delivery passed on? Genuine ones are, whatever became of them; but what comes back from a target that points at
/// ourselves is not, or it would go round for ever.
pub(crate) fn goes_on(verdict: Verdict, headers: &[(String, String)]) -> bool {
    let came_from_us = || headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(DELIVERY));
    match verdict {
        Verdict::Applied | Verdict::Held => true,
        Verdict::Duplicate => !came_from_us(),
        Verdict::Rejected | Verdict::Failed => false,
    }
}

/// The header that names the delivery.
const DELIVERY: &str = "X-Guitai-Delivery";
/// The header that counts attempts, so that a target can tell a repetition.
const ATTEMPT: &str = "X-Guitai-Forward-Attempt";

impl Console {
    /// Passes every delivery that is accepted from now on to these targets, instead of those before; and what waits for
    /// them from earlier at once. Returns the addresses in their one spelling. Needs a tokio runtime.
    ///
    /// # Errors
    /// `INVALID_FIELD`, `TARGET_REFUSED` for an address that may not be sent to: then nothing changes. The store's.
    pub async fn forward_start(&self, options: ForwardOptions) -> Result<Vec<String>, Problem> {
        let mut targets: Vec<Target> = Vec::new();
        for text in &options.targets {
            let target = Target::parse("forward_to", text, options.allow_private)?;
            if !targets.iter().any(|known| known.text() == target.text()) {
                targets.push(target);
            }
        }
        if targets.len() > TARGETS {
            let count = targets.len().to_string();
            return Err(FieldError::new(
                "forward_to",
                "at_most_16",
                &count,
                "must be 16 targets at most",
                "最多 16 个",
            )
            .into());
        }
        self.desk.forwarding.stop().await;
        let names: Vec<String> = targets.iter().map(|target| target.text().to_owned()).collect();
        let (now, resumed) = (self.desk.outside.now(), names.clone());
        if !resumed.is_empty() {
            let resume = self.desk.store.write(move |tx| {
                for target in &resumed {
                    tx.forward_resume(target, now)?;
                }
                Ok::<_, StoreError>(())
            });
            resume.await?;
        }
        let couriers = targets.into_iter().map(|target| {
            let (wake, (stop, stopped)) = (Arc::new(Notify::new()), watch::channel(false));
            let task = tokio::spawn(carry(Arc::downgrade(&self.desk), target, wake.clone(), stopped));
            Courier { wake, stop, task }
        });
        *self.desk.forwarding.couriers() = couriers.collect();
        *self.desk.forwarding.targets.lock().unwrap_or_else(PoisonError::into_inner) = names.clone().into();
        Ok(names)
    }

    /// Passes nothing on any more; what waits stays kept.
    pub async fn forward_stop(&self) {
        self.desk.forwarding.stop().await;
    }

    /// A page of forwards of all merchants and targets, newest first.
    ///
    /// # Errors
    /// `INVALID_FIELD` for a state, time or cursor that is none; the store's.
    pub async fn forward_list(&self, filter: ForwardFilter) -> Result<Page<Forward>, Problem> {
        let query = ForwardQuery {
            state: filter.state.as_deref().map(state_named).transpose()?,
            since: filter.since.as_deref().map(|text| moment("since", text, false)).transpose()?,
            limit: page_size(filter.limit),
            after: filter
                .after
                .as_deref()
                .map(|text| parse_id(text, "fw_").ok_or_else(|| no_cursor(text)))
                .transpose()?,
        };
        let (rows, more) = self.desk.store.read(move |view| view.forwards(&query)).await?;
        let next = rows.last().filter(|_| more).map(|row| format!("fw_{}", row.id));
        Ok(Page { items: rows.iter().map(shown).collect(), next })
    }

    /// Brings the dead ones back to the foot of the ladder, and puts what never was meant for a target (nobody forwarded
    /// to it that day) into its outbox; how many. They are sent while the target is forwarded to, by this process or
    /// another.
    ///
    /// # Errors
    /// `INVALID_FIELD` for a time that is none, or targets without one; `TARGET_REFUSED`; the store's.
    pub async fn forward_recover(&self, input: ForwardRecovery) -> Result<u32, Problem> {
        let since = input.since.as_deref().map(|text| moment("since", text, false)).transpose()?;
        let targets: Vec<Target> = input
            .targets
            .iter()
            .map(|text| Target::parse("to", text, input.allow_private))
            .collect::<Result<_, _>>()?;
        let (store, now) = (&self.desk.store, self.desk.outside.now());
        let mut recovered: usize = 0;
        if targets.is_empty() {
            recovered = store.write(move |tx| tx.forward_recover(None, since, now)).await?;
        }
        for target in targets {
            let Some(since) = since else {
                let (en, zh) = ("must be given with a target", "指定目标时必须给出");
                return Err(FieldError::new("since", "required", "", en, zh).into());
            };
            let name = target.text().to_owned();
            recovered += store.write(move |tx| tx.forward_recover(Some(&name), Some(since), now)).await?;
            // a part at a time: callbacks are waiting for the writer too
            let mut after = Some(0);
            while let Some(from) = after {
                let name = target.text().to_owned();
                let part = store.write(move |tx| tx.forward_enqueue_missed(&name, since, from, PART, now));
                let (missed, last) = part.await?;
                recovered += missed;
                after = last;
            }
        }
        self.desk.forwarding.wake();
        Ok(u32::try_from(recovered).unwrap_or(u32::MAX))
    }
}

fn state_named(text: &str) -> Result<&'static str, Problem> {
    ["waiting", "delivered", "dead"].into_iter().find(|state| *state == text).ok_or_else(|| {
        let (en, zh) = ("must be waiting, delivered or dead", "须为 waiting、delivered 或 dead");
        FieldError::new("state", "one_of", text, en, zh).into()
    })
}

fn shown(row: &ForwardRow) -> Forward {
    Forward {
        id: format!("fw_{}", row.id),
        callback_id: callback_id(row.callback_id),
        merchant: row.merchant.clone(),
        event_type: row.event_type.clone(),
        out_trade_no: row.out_trade_no.clone(),
        target: row.target.clone(),
        state: row.state.clone(),
        attempts: row.attempts,
        created_at: shown_time(row.created_at),
        last_at: row.last_at.map(shown_time),
        last_status: row.last_status,
        last_error: row.last_error.clone(),
        next_at: row.next_at.map(shown_time),
    }
}

/// One target's courier, until it is stopped or the desk is gone.
async fn carry(desk: Weak<Desk>, target: Target, wake: Arc<Notify>, mut stopped: watch::Receiver<bool>) {
    let mut on_the_way: JoinSet<()> = JoinSet::new();
    let mut route: Option<Route> = None;
    while !*stopped.borrow() {
        // held for one round only: a desk that everybody let go of must be able to end
        let Some((store, outside)) = desk.upgrade().map(|desk| (desk.store.clone(), desk.outside.clone())) else {
            break;
        };
        let round = take(&store, &outside, target.text(), HANDS.saturating_sub(on_the_way.len())).await;
        let pause = match round {
            Err(StoreError::Closed) => break,
            Err(error) => {
                tracing::debug!(%error, "the outbox can't be read now");
                LOOK
            }
            Ok(Round::Nothing(pause)) => pause,
            Ok(Round::Due(claims)) => {
                match target.route_again(route.take()).await {
                    Ok(found) => {
                        for claim in claims {
                            on_the_way.spawn(send(store.clone(), outside.clone(), found.clone(), claim));
                        }
                        route = Some(found);
                    }
                    Err(problem) => {
                        let why = format!("{}: {}", problem.code, problem.message.en);
                        for claim in claims {
                            settle(&store, &outside, claim, None, Some(why.clone())).await;
                        }
                    }
                }
                // there may be more
                if on_the_way.len() < HANDS { Duration::ZERO } else { LOOK }
            }
        };
        tokio::select! {
            _ = stopped.changed() => break,
            () = wake.notified() => {}
            Some(_) = on_the_way.join_next() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    while on_the_way.join_next().await.is_some() {}
}

enum Round {
    /// Counted, and now to be sent.
    Due(Vec<ForwardClaim>),
    /// Look again after this long.
    Nothing(Duration),
}

async fn take(store: &Store, outside: &Outside, target: &str, hands: usize) -> Result<Round, StoreError> {
    let name = target.to_owned();
    if hands == 0 {
        return Ok(Round::Nothing(LOOK));
    }
    let next = store.read(move |view| view.forward_next(&name)).await?;
    let now = outside.now();
    let wait = next.map(|next| next.as_millisecond().saturating_sub(now.as_millisecond()));
    match wait {
        None => Ok(Round::Nothing(LOOK)),
        Some(wait @ 1..) => Ok(Round::Nothing(Duration::from_millis(u64::try_from(wait).unwrap_or(0)).min(LOOK))),
        Some(_) => {
            let name = target.to_owned();
            let claims = store.write(move |tx| {
                let again = |step| seconds_before(now, -gap(step).unwrap_or(LEASE).max(LEASE));
                tx.forward_claim(&name, now, hands, again)
            });
            Ok(Round::Due(claims.await?))
        }
    }
}

/// Seconds until the attempt after the one at this step; `None`: there is none.
fn gap(step: u32) -> Option<i64> {
    usize::try_from(step).ok().and_then(|step| LADDER.get(step)).copied()
}

async fn send(store: Store, outside: Outside, route: Route, claim: ForwardClaim) {
    let mut headers = end_to_end(&claim.headers);
    headers.push((DELIVERY.to_owned(), callback_id(claim.callback_id)));
    headers.push((ATTEMPT.to_owned(), claim.attempt.to_string()));
    let sent = route.post(&headers, claim.body.clone()).await;
    settle(&store, &outside, claim, sent.status, sent.error).await;
}

/// Writes what came of an attempt. Where that can't be written the attempt is repeated, under the next number.
async fn settle(store: &Store, outside: &Outside, claim: ForwardClaim, status: Option<u16>, error: Option<String>) {
    let next = gap(claim.step).map(|gap| seconds_before(outside.now(), -gap));
    let id = claim.id;
    let written = store.write(move |tx| match status {
        // the answer's head decides, as it does for WeChat Pay; what follows it may have been cut
        Some(status @ 200..=299) => tx.forward_delivered(&claim, status),
        status => tx.forward_failed(&claim, status, error.as_deref(), next),
    });
    if let Err(error) = written.await {
        tracing::debug!(%error, id, "the end of an attempt could not be written; it will be repeated");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_genuine_goes_on_and_nothing_goes_round() {
        let ours = [("x-guitai-delivery".to_owned(), "cb_1".to_owned())];
        for (verdict, from_outside, from_us) in [
            (Verdict::Applied, true, true),
            (Verdict::Held, true, true),
            (Verdict::Duplicate, true, false),
            (Verdict::Rejected, false, false),
            (Verdict::Failed, false, false),
        ] {
            assert_eq!((goes_on(verdict, &[]), goes_on(verdict, &ours)), (from_outside, from_us), "{verdict:?}");
        }
    }

    #[test]
    fn the_ladder_grows_and_ends() {
        let gaps: Vec<i64> = (0..20).map_while(gap).collect();
        assert_eq!(gaps, LADDER);
        assert!(gaps.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
