//! Sending deliveries again: counted, started, followed, stopped; and what was answered to those of one delivery.

use crate::host::Host;
use crate::replaying::{ReplayState, Replaying};
use guitai_console::wire::Problem;
use guitai_console::{Replay, ReplayBatch, ReplayForecast};
use tauri::State;

/// Without what only the command may say: where key files lie.
fn from_page(mut batch: ReplayBatch) -> ReplayBatch {
    batch.how.sandbox = None;
    batch
}

/// How many requests it would be, to where, and what they can prove. Nothing is sent.
#[tauri::command]
#[specta::specta]
pub async fn replay_count(
    host: State<'_, Host>,
    m: Option<String>,
    batch: ReplayBatch,
) -> Result<ReplayForecast, Problem> {
    Ok(host.console().await?.replay_plan(m.as_deref(), from_page(batch)).await?.forecast().clone())
}

/// Sends a batch; one at a time.
#[tauri::command]
#[specta::specta]
pub async fn replay_start(
    host: State<'_, Host>,
    replaying: State<'_, Replaying>,
    m: Option<String>,
    batch: ReplayBatch,
) -> Result<(), Problem> {
    replaying.start(host.console().await?, m.as_deref(), from_page(batch)).await
}

/// Ends it before the next request.
#[tauri::command]
#[specta::specta]
pub async fn replay_stop(replaying: State<'_, Replaying>) -> Result<(), Problem> {
    replaying.stop();
    Ok(())
}

/// Where it stands: at once for a reader that hasn't seen `seen`, else when something changes.
#[tauri::command]
#[specta::specta]
pub async fn replay_state(replaying: State<'_, Replaying>, seen: Option<u32>) -> Result<ReplayState, Problem> {
    Ok(replaying.state(seen).await)
}

/// What a delivery's replays were answered, oldest first.
#[tauri::command]
#[specta::specta]
pub async fn callback_replays(host: State<'_, Host>, id: String) -> Result<Vec<Replay>, Problem> {
    host.console().await?.callback_replays(&id).await
}
