//! Deliveries: list, show, apply by hand.

use crate::host::Host;
use guitai_console::wire::{
    Callback, CallbackCause, CallbackCopy, CallbackDossier, CallbackFilter, CallbackForm, CallbackLane, Page, Problem,
};
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

/// Deliveries by order, the newest lane first.
#[tauri::command]
#[specta::specta]
pub async fn callback_lanes(
    host: State<'_, Host>,
    m: Option<String>,
    filter: CallbackFilter,
) -> Result<Page<CallbackLane>, Problem> {
    host.console().await?.callback_lanes(m.as_deref(), filter).await
}

/// How many deliveries came to which end, and why.
#[tauri::command]
#[specta::specta]
pub async fn callback_causes(host: State<'_, Host>, m: Option<String>) -> Result<Vec<CallbackCause>, Problem> {
    host.console().await?.callback_causes(m.as_deref()).await
}

/// A delivery as cURL, HAR, raw HTTP or a fixture.
#[tauri::command]
#[specta::specta]
pub async fn callback_export(host: State<'_, Host>, id: String, form: CallbackForm) -> Result<CallbackCopy, Problem> {
    host.console().await?.callback_export(&id, form, None).await
}
