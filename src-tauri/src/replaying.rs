//! The replays that run, or ran last: counted, followed as they are answered, stopped. One batch at a time.

use crate::problem::problem;
use guitai_console::wire::Problem;
use guitai_console::{Console, ReplayBatch, ReplayForecast, ReplayStep, ReplaySummary};
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Answers that the window is shown of a batch: the newest so many. All are kept with their deliveries.
const SHOWN: usize = 100;

/// Where the replays stand.
#[derive(Debug, Clone, Default, Serialize, specta::Type)]
pub struct ReplayState {
    /// Counts up with each change.
    pub revision: u32,
    /// Under way.
    pub running: bool,
    /// What was asked for.
    pub forecast: Option<ReplayForecast>,
    /// Requests that are done.
    pub done: u32,
    /// The newest 100 answers, oldest first.
    pub steps: Vec<ReplayStep>,
    /// What came of all of them; there when it ended.
    pub summary: Option<ReplaySummary>,
    /// Why nothing was sent.
    pub problem: Option<Problem>,
}

/// The replays of this window.
pub struct Replaying {
    state: Arc<watch::Sender<ReplayState>>,
    stop: Mutex<watch::Sender<bool>>,
}

impl Default for Replaying {
    fn default() -> Self {
        Replaying {
            state: Arc::new(watch::Sender::new(ReplayState::default())),
            stop: Mutex::new(watch::channel(false).0),
        }
    }
}

impl Replaying {
    /// Counts a batch, and sends it.
    ///
    /// # Errors
    /// `REPLAY_RUNNING`: there is one already; and whatever the desk finds wrong before anything is sent.
    pub async fn start(&self, console: Console, m: Option<&str>, batch: ReplayBatch) -> Result<(), Problem> {
        let plan = console.replay_plan(m, batch).await?;
        let forecast = plan.forecast().clone();
        let begun = self.state.send_if_modified(|state| {
            if state.running {
                return false;
            }
            *state = ReplayState {
                revision: state.revision.wrapping_add(1),
                running: true,
                forecast: Some(forecast.clone()),
                ..ReplayState::default()
            };
            true
        });
        if !begun {
            return Err(running());
        }
        let (stop, stopped) = watch::channel(false);
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = stop;
        let state = self.state.clone();
        tauri::async_runtime::spawn(async move {
            let ended = console
                .replay_run(plan, stopped, |step| {
                    change(&state, |state| {
                        state.done = step.done;
                        if state.steps.len() >= SHOWN {
                            state.steps.remove(0);
                        }
                        state.steps.push(step.clone());
                    });
                })
                .await;
            change(&state, |state| {
                state.running = false;
                match ended {
                    Ok(summary) => state.summary = Some(summary),
                    Err(problem) => state.problem = Some(problem),
                }
            });
        });
        Ok(())
    }

    /// No further request is begun.
    pub fn stop(&self) {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).send_replace(true);
    }

    /// The state that comes after `seen`.
    pub async fn state(&self, seen: Option<u32>) -> ReplayState {
        let mut receiver = self.state.subscribe();
        let newer = receiver.wait_for(|state| Some(state.revision) != seen).await;
        newer.map(|state| state.clone()).unwrap_or_default()
    }
}

fn change(state: &watch::Sender<ReplayState>, with: impl FnOnce(&mut ReplayState)) {
    state.send_modify(|state| {
        with(state);
        state.revision = state.revision.wrapping_add(1);
    });
}

fn running() -> Problem {
    problem(
        "REPLAY_RUNNING",
        ("已有重放在进行。", "A replay runs already."),
        None,
        ("等它结束，或先停止它。", "Wait for its end, or stop it first."),
    )
}
