//! Passing deliveries on to backends: kept targets, what waits, what is dead, bringing it back.

use crate::host::Host;
use guitai_console::wire::{Page, Problem};
use guitai_console::{Forward, ForwardFilter, ForwardRecovery, ForwardTarget, ForwardTargetInput};
use tauri::State;

/// A page of forwards, newest first.
#[tauri::command]
#[specta::specta]
pub async fn forward_list(host: State<'_, Host>, filter: ForwardFilter) -> Result<Page<Forward>, Problem> {
    host.console().await?.forward_list(filter).await
}

/// Brings dead ones back; how many.
#[tauri::command]
#[specta::specta]
pub async fn forward_recover(host: State<'_, Host>, input: ForwardRecovery) -> Result<u32, Problem> {
    host.console().await?.forward_recover(input).await
}

/// Keeps a target.
#[tauri::command]
#[specta::specta]
pub async fn forward_target_add(host: State<'_, Host>, input: ForwardTargetInput) -> Result<ForwardTarget, Problem> {
    host.console().await?.forward_target_add(input).await
}

/// All kept targets and how they stand.
#[tauri::command]
#[specta::specta]
pub async fn forward_target_list(host: State<'_, Host>) -> Result<Vec<ForwardTarget>, Problem> {
    host.console().await?.forward_target_list().await
}

/// Pauses a target, or lets it go on.
#[tauri::command]
#[specta::specta]
pub async fn forward_target_pause(host: State<'_, Host>, url: String, paused: bool) -> Result<ForwardTarget, Problem> {
    host.console().await?.forward_target_pause(&url, paused).await
}

/// Forgets a target.
#[tauri::command]
#[specta::specta]
pub async fn forward_target_remove(host: State<'_, Host>, url: String) -> Result<(), Problem> {
    host.console().await?.forward_target_remove(&url).await
}
