//! Calls to the gateway, byte for byte.

use crate::host::Host;
use guitai_console::wire::{Exchange, ExchangeSummary, Page, Problem};
use tauri::State;

/// A page of calls, newest first.
#[tauri::command]
#[specta::specta]
pub async fn exchange_list(
    host: State<'_, Host>,
    m: Option<String>,
    limit: u32,
    after: Option<String>,
) -> Result<Page<ExchangeSummary>, Problem> {
    host.console().await?.exchange_list(m.as_deref(), limit, after.as_deref()).await
}

/// A call with both sides as they were sent, and the texts that were signed.
#[tauri::command]
#[specta::specta]
pub async fn exchange_show(host: State<'_, Host>, id: String) -> Result<Exchange, Problem> {
    host.console().await?.exchange_show(&id).await
}
