//! Orders: make, list, show, prepay, pay params, query, close; and the day's figures.

use crate::host::Host;
use guitai_console::wire::{
    Dossier, Order, OrderFilter, OrderInput, OrderTotals, Overview, Page, Prepaid, Problem, Via,
};
use tauri::State;

/// Makes an order; nothing is sent to WeChat Pay yet.
#[tauri::command]
#[specta::specta]
pub async fn order_create(host: State<'_, Host>, m: Option<String>, input: OrderInput) -> Result<Order, Problem> {
    host.console().await?.order_create(m.as_deref(), input).await
}

/// What one bounded look at the list of orders finds.
#[tauri::command]
#[specta::specta]
pub async fn order_look(host: State<'_, Host>, m: Option<String>, filter: OrderFilter) -> Result<Page<Order>, Problem> {
    host.console().await?.order_look(m.as_deref(), filter).await
}

/// Number and sum of the orders that the filter lets through.
#[tauri::command]
#[specta::specta]
pub async fn order_totals(
    host: State<'_, Host>,
    m: Option<String>,
    filter: OrderFilter,
) -> Result<OrderTotals, Problem> {
    host.console().await?.order_totals(m.as_deref(), filter).await
}

/// An order with everything that happened to it.
#[tauri::command]
#[specta::specta]
pub async fn order_show(host: State<'_, Host>, m: Option<String>, out_trade_no: String) -> Result<Dossier, Problem> {
    host.console().await?.order_show(m.as_deref(), &out_trade_no).await
}

/// Asks WeChat Pay for a prepay.
#[tauri::command]
#[specta::specta]
pub async fn order_prepay(
    host: State<'_, Host>,
    m: Option<String>,
    out_trade_no: String,
    via: Via,
) -> Result<Prepaid, Problem> {
    host.console().await?.order_prepay(m.as_deref(), &out_trade_no, via).await
}

/// What `wx.requestPayment` takes.
#[tauri::command]
#[specta::specta]
pub async fn pay_params(
    host: State<'_, Host>,
    m: Option<String>,
    out_trade_no: String,
) -> Result<serde_json::Value, Problem> {
    host.console().await?.pay_params(m.as_deref(), &out_trade_no).await
}

/// Asks WeChat Pay what became of an order.
#[tauri::command]
#[specta::specta]
pub async fn order_query(host: State<'_, Host>, m: Option<String>, out_trade_no: String) -> Result<Order, Problem> {
    host.console().await?.order_query(m.as_deref(), &out_trade_no).await
}

/// Closes an unpaid order.
#[tauri::command]
#[specta::specta]
pub async fn order_close(host: State<'_, Host>, m: Option<String>, out_trade_no: String) -> Result<Order, Problem> {
    host.console().await?.order_close(m.as_deref(), &out_trade_no).await
}

/// The day's figures, the last 30 days and the newest payments.
#[tauri::command]
#[specta::specta]
pub async fn overview(host: State<'_, Host>, m: Option<String>) -> Result<Overview, Problem> {
    host.console().await?.overview(m.as_deref()).await
}

/// A small order to try things with: ¥0.01 to ¥99.00, and a payer that the sandbox knows.
#[tauri::command]
#[specta::specta]
pub async fn test_order(host: State<'_, Host>, m: Option<String>) -> Result<Order, Problem> {
    let console = host.console().await?;
    let input = host.test_input(&console, m.as_deref()).await?;
    console.order_create(m.as_deref(), input).await
}
