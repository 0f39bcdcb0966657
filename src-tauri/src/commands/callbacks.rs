//! Deliveries: list, show, apply by hand.

use crate::host::Host;
use guitai_console::wire::{Callback, CallbackDossier, CallbackFilter, Page, Problem};
use tauri::State;

/// A page of deliveries, newest first.
#[tauri::command]
#[specta::specta]
pub async fn callback_list(
    host: State<'_, Host>,
    m: Option<String>,
    filter: CallbackFilter,
) -> Result<Page<Callback>, Problem> {
    host.console().await?.callback_list(m.as_deref(), filter).await
}

/// A delivery with all that was received, checked and found.
#[tauri::command]
#[specta::specta]
pub async fn callback_show(host: State<'_, Host>, id: String) -> Result<CallbackDossier, Problem> {
    host.console().await?.callback_show(&id).await
}

/// Tries a held delivery again.
#[tauri::command]
#[specta::specta]
pub async fn callback_apply(host: State<'_, Host>, id: String) -> Result<Callback, Problem> {
    host.console().await?.callback_apply(&id).await
}
