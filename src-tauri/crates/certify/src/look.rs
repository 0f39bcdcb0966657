//! What the backend believes, asked for with `--probe`. Answering first and processing later is legitimate: "paid" is
//! awaited for 3 s; "not paid" is looked at after 3 s; both once more at the end of the run. Cases use orders of their
//! own, so these waits overlap.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::backend::Backend;
use crate::report::{Outcome, Text};
use crate::run::{DYING, Exam};
use crate::stage::Order;

/// After an answer, how long a backend may take to apply what it acknowledged.
const AFTERWARDS: Duration = Duration::from_secs(3);
/// A backend that is restarting can't be asked for so long.
const RESTART: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Want {
    PaidOnce,
    NotPaid,
}

/// Of which case, about which order, what is wanted, and the look itself.
pub(crate) type Look = (&'static str, String, Want, JoinHandle<Result<(), Found>>);

/// What a look at the backend's belief found wrong.
pub(crate) enum Found {
    Wrong(Text),
    Probe(String),
}

impl Exam {
    /// Asks, beside everything else, whether the backend believes what it should.
    pub(crate) fn look(&mut self, case: &'static str, order: &Order, want: Want) {
        // A backend that never made the order can't be asked to know that it is paid.
        if !self.backend.has_probe() || (want == Want::PaidOnce && !self.backend.makes_orders()) {
            return;
        }
        let (backend, number, gate) = (self.backend.clone(), order.out_trade_no.clone(), self.probes.clone());
        let from = Instant::now();
        let task = tokio::spawn(async move {
            if want == Want::NotPaid {
                tokio::time::sleep_until((from + AFTERWARDS).into()).await;
            }
            loop {
                let late = from.elapsed() >= AFTERWARDS;
                let turn = gate.clone().acquire_owned().await.map_err(|e| Found::Probe(e.to_string()))?;
                let found = check(&backend, &number, want, false).await;
                drop(turn);
                match found {
                    Err(Found::Wrong(_)) if !late => tokio::time::sleep(Duration::from_millis(250)).await,
                    // Another case may just have killed it: it is asked once more when it is back.
                    Err(Found::Probe(_)) => {
                        tokio::time::sleep(DYING).await;
                        backend.reachable(RESTART).await;
                        let _turn = gate.acquire_owned().await.map_err(|e| Found::Probe(e.to_string()))?;
                        break check(&backend, &number, want, true).await;
                    }
                    other => break other,
                }
            }
        });
        self.looks.push((case, order.out_trade_no.clone(), want, task));
    }

    /// Awaits the looks, and looks once more at the end of the run.
    pub(crate) async fn look_again(&mut self) {
        let looks = std::mem::take(&mut self.looks);
        let mut last = Vec::new();
        for (case, number, want, task) in looks {
            match task.await {
                Ok(Ok(())) if self.gone => {}
                Ok(Ok(())) => {
                    let (backend, gate, asked) = (self.backend.clone(), self.probes.clone(), number.clone());
                    let again = tokio::spawn(async move {
                        let _turn = gate.acquire_owned().await.map_err(|e| Found::Probe(e.to_string()))?;
                        check(&backend, &asked, want, true).await
                    });
                    last.push((case, again));
                }
                Ok(Err(found)) => self.mark(case, found),
                Err(broken) => self.mark(case, Found::Probe(broken.to_string())),
            }
        }
        for (case, again) in last {
            match again.await {
                Ok(Ok(())) => {}
                Ok(Err(found)) => self.mark(case, found),
                Err(broken) => self.mark(case, Found::Probe(broken.to_string())),
            }
        }
    }

    fn mark(&mut self, case: &'static str, found: Found) {
        let Some(draft) = self.drafts.get_mut(case) else { return };
        if draft.outcome == Outcome::Fail {
            return;
        }
        match found {
            Found::Wrong(seen) => {
                draft.outcome = Outcome::Fail;
                draft.seen = seen;
            }
            Found::Probe(why) => {
                draft.outcome = Outcome::Skip;
                draft.seen = Text::new(why.clone(), why);
            }
        }
    }
}

/// `again`: it was seen to be right before. What a restart made the backend forget is no failure of this case then.
async fn check(backend: &Backend, number: &str, want: Want, again: bool) -> Result<(), Found> {
    let belief = backend.belief(number).await.map_err(Found::Probe)?;
    let times = belief.times_applied;
    match want {
        Want::NotPaid if belief.paid || times.is_some_and(|n| n > 0) => {
            Err(Found::Wrong(Text::new("the backend now thinks that the order is paid", "后端认为订单已支付")))
        }
        Want::PaidOnce if !belief.paid && !again => {
            Err(Found::Wrong(Text::new("acknowledged, but not paid 3 s later", "已应答，但 3 秒后仍未支付")))
        }
        Want::PaidOnce if belief.paid && times.is_some_and(|n| n != 1) => {
            let n = times.unwrap_or_default();
            Err(Found::Wrong(Text::new(format!("applied {n} times"), format!("入账了 {n} 次"))))
        }
        _ => Ok(()),
    }
}
