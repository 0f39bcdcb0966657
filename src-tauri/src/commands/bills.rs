//! Bills: fetched, listed, held against the desk, and what they name recorded.

use crate::host::Host;
use guitai_console::wire::{Order, Problem};
use guitai_console::{BillKind, KeptBill, Reconciliation};
use tauri::State;

/// Has the bill of a day; `again` fetches it even if it is kept.
#[tauri::command]
#[specta::specta]
pub async fn bill_fetch(
    host: State<'_, Host>,
    m: Option<String>,
    kind: BillKind,
    date: String,
    again: bool,
) -> Result<KeptBill, Problem> {
    host.console().await?.bill_fetch(m.as_deref(), kind, &date, again).await
}

/// The bills that are kept, newest day first.
#[tauri::command]
#[specta::specta]
pub async fn bill_list(host: State<'_, Host>, m: Option<String>) -> Result<Vec<KeptBill>, Problem> {
    host.console().await?.bill_list(m.as_deref()).await
}

/// What differs between a day's trade bill and this desk.
#[tauri::command]
#[specta::specta]
pub async fn bill_reconcile(host: State<'_, Host>, m: Option<String>, date: String) -> Result<Reconciliation, Problem> {
    host.console().await?.bill_reconcile(m.as_deref(), &date).await
}

/// Records a payment or refund that a kept bill names, after asking WeChat Pay about it.
#[tauri::command]
#[specta::specta]
pub async fn bill_record(
    host: State<'_, Host>,
    m: Option<String>,
    date: String,
    out_trade_no: String,
    out_refund_no: Option<String>,
) -> Result<Order, Problem> {
    host.console().await?.bill_record(m.as_deref(), &date, &out_trade_no, out_refund_no.as_deref()).await
}
