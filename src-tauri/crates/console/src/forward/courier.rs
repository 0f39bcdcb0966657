//! Couriers: one a target, so that one that is slow or dead keeps nobody waiting but itself; and their foreman, who sees to
//! it that each target that is forwarded to has one. The ladder is here.

use crate::console::{Desk, seconds_before};
use crate::orders::callback_id;
use crate::outside::Outside;
use crate::replay::target::{Route, Target, end_to_end};
use crate::store::{ForwardBefore, ForwardClaim, Store, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use wechatpay::time::Timestamp;

/// Seconds after a failed attempt until the next; after the last of them a forward is dead.
const LADDER: [i64; 9] = [1, 5, 15, 60, 300, 900, 3_600, 10_800, 21_600];
/// An attempt whose end was never written is repeated after so many seconds at the soonest: it takes 5 s at most.
const LEASE: i64 = 15;
/// Our own answer is out or given up by then, even where nobody tells: the door gives it 8 s.
const ANSWER_SECONDS: i64 = 10;
/// Attempts on their way to one target at once.
const HANDS: usize = 4;
/// The store is looked at at least so often: another process may have recovered something, or changed the targets.
const LOOK: Duration = Duration::from_secs(2);

/// The header that names the delivery.
pub(super) const DELIVERY: &str = "X-Guitai-Delivery";
/// The header that counts attempts, so that a target can tell a repetition.
const ATTEMPT: &str = "X-Guitai-Forward-Attempt";
/// The header of every repetition: `refused` where the target answered no, `unknown` where nobody knows what it made of
/// the attempt before (no answer, or this machine went down): it may have it already.
const REDELIVERY: &str = "X-Guitai-Redelivery";

/// The couriers of one desk, and the targets that were named for its lifetime.
pub(crate) struct Forwarding {
    named: Mutex<Arc<[String]>>,
    /// Something is in the outbox.
    news: watch::Sender<u64>,
    /// The targets are others than before.
    changed: Arc<Notify>,
    foreman: Mutex<Option<Foreman>>,
}

struct Foreman {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Default for Forwarding {
    fn default() -> Self {
        Forwarding {
            named: Mutex::default(),
            news: watch::channel(0).0,
            changed: Arc::default(),
            foreman: Mutex::default(),
        }
    }
}

impl Forwarding {
    /// Where accepted deliveries go now beside the kept targets.
    pub(crate) fn named(&self) -> Arc<[String]> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something was put into the outbox, or is due sooner.
    pub(crate) fn wake(&self) {
        self.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The kept targets changed.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }

    /// Passes on from now on: to `named`, and to the kept targets.
    pub(super) fn start(&self, desk: Weak<Desk>, named: Vec<Target>) {
        let names: Vec<String> = named.iter().map(|target| target.text().to_owned()).collect();
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) = names.into();
        let (stop, stopped) = watch::channel(false);
        let news = self.news.subscribe();
        let task = tokio::spawn(oversee(desk, named, self.changed.clone(), news, stopped));
        *self.foreman.lock().unwrap_or_else(PoisonError::into_inner) = Some(Foreman { stop, task });
    }

    /// Ends it: what is on its way gets its 5 s, what waits stays in the store.
    pub(crate) async fn stop(&self) {
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        let foreman = self.foreman.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Foreman { stop, task }) = foreman {
            let _ = stop.send(true);
            let _ = task.await;
        }
    }
}

/// When a delivery that is kept `now` goes on if nobody tells that its answer is out.
pub(crate) fn without_notice(now: Timestamp) -> Timestamp {
    seconds_before(now, -ANSWER_SECONDS)
}

/// A courier for each target that is forwarded to, until it is stopped or the desk is gone.
async fn oversee(
    desk: Weak<Desk>,
    named: Vec<Target>,
    changed: Arc<Notify>,
    news: watch::Receiver<u64>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut couriers: HashMap<String, (bool, watch::Sender<bool>)> = HashMap::new();
    let mut tasks: JoinSet<()> = JoinSet::new();
    while !*stopped.borrow() {
        let Some((store, outside)) = desk.upgrade().map(|desk| (desk.store.clone(), desk.outside.clone())) else {
            break;
        };
        match wanted(&store, &named).await {
            Err(StoreError::Closed) => break,
            Err(error) => tracing::debug!(%error, "the forward targets can't be read now"),
            Ok(targets) => {
                let keeps = |url: &String, private: bool| {
                    targets.iter().any(|(target, allows)| target.text() == url && *allows == private)
                };
                couriers.retain(|url, (private, stop)| {
                    let stays = keeps(url, *private);
                    if !stays {
                        let _ = stop.send(true);
                    }
                    stays
                });
                for (target, private) in targets {
                    let name = target.text().to_owned();
                    if couriers.contains_key(&name) {
                        continue;
                    }
                    // it may be back: what waits for it is due now
                    let (url, now) = (name.clone(), outside.now());
                    if let Err(error) = store.write(move |tx| tx.forward_resume(&url, now)).await {
                        tracing::debug!(%error, "what waits for a target can't be made due now");
                    }
                    let (stop, stopped) = watch::channel(false);
                    tasks.spawn(carry(desk.clone(), target, news.clone(), stopped));
                    couriers.insert(name, (private, stop));
                }
            }
        }
        tokio::select! {
            _ = stopped.changed() => {}
            () = changed.notified() => {}
            Some(_) = tasks.join_next() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    for (_, stop) in couriers.into_values() {
        let _ = stop.send(true);
    }
    while tasks.join_next().await.is_some() {}
}

/// The targets that are sent to now, each with whether it may be private.
async fn wanted(store: &Store, named: &[Target]) -> Result<Vec<(Target, bool)>, StoreError> {
    let mut targets: Vec<(Target, bool)> =
        named.iter().map(|target| (target.clone(), target.allows_private())).collect();
    for row in store.read(|view| view.forward_targets()).await? {
        let known = targets.iter().any(|(target, _)| target.text() == row.url);
        if row.paused || known {
            continue;
        }
        match Target::parse("url", &row.url, row.allow_private) {
            Ok(target) => targets.push((target, row.allow_private)),
            Err(problem) => tracing::warn!(code = %problem.code, url = %row.url, "a kept target may not be sent to"),
        }
    }
    Ok(targets)
}

/// One target's courier, until it is stopped or the desk is gone.
async fn carry(desk: Weak<Desk>, target: Target, mut news: watch::Receiver<u64>, mut stopped: watch::Receiver<bool>) {
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
            Ok(()) = news.changed() => {}
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
    let before = match claim.before {
        ForwardBefore::Nothing => None,
        ForwardBefore::Refused => Some("refused"),
        ForwardBefore::Unknown => Some("unknown"),
    };
    headers.extend(before.map(|before| (REDELIVERY.to_owned(), before.to_owned())));
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
    fn the_ladder_grows_and_ends() {
        let gaps: Vec<i64> = (0..20).map_while(gap).collect();
        assert_eq!(gaps, LADDER);
        assert!(gaps.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
