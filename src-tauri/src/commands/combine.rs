//! Combined orders: several orders behind one payment.

use crate::host::Host;
use guitai_console::wire::{CombineInput, Combined, PrepayInput, Problem, Via};
use tauri::State;

/// Puts orders behind one payment; nothing is sent to WeChat Pay yet.
#[tauri::command]
#[specta::specta]
pub async fn combine_create(
    host: State<'_, Host>,
    m: Option<String>,
    input: CombineInput,
) -> Result<Combined, Problem> {
    host.console().await?.combine_create(m.as_deref(), input).await
}

/// One combined order with its orders.
#[tauri::command]
#[specta::specta]
pub async fn combine_show(host: State<'_, Host>, m: Option<String>, number: String) -> Result<Combined, Problem> {
    host.console().await?.combine_show(m.as_deref(), &number).await
}

/// Asks WeChat Pay to take all the orders at once.
#[tauri::command]
#[specta::specta]
pub async fn combine_prepay(
    host: State<'_, Host>,
    m: Option<String>,
    number: String,
    via: Via,
) -> Result<Combined, Problem> {
    host.console().await?.combine_prepay(m.as_deref(), &number, via, PrepayInput::default()).await
}

/// Asks WeChat Pay what became of the whole.
#[tauri::command]
#[specta::specta]
pub async fn combine_query(host: State<'_, Host>, m: Option<String>, number: String) -> Result<Combined, Problem> {
    host.console().await?.combine_query(m.as_deref(), &number).await
}

/// Closes all the orders, which none may have paid.
#[tauri::command]
#[specta::specta]
pub async fn combine_close(host: State<'_, Host>, m: Option<String>, number: String) -> Result<Combined, Problem> {
    host.console().await?.combine_close(m.as_deref(), &number).await
}
