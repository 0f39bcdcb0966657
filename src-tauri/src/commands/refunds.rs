//! Refunds. With a live merchant a person confirms the amount outside the page first.

use crate::confirm::{confirm_refund, confirm_to_account};
use crate::host::Host;
use guitai_console::wire::{AbnormalInput, Problem, Refund, RefundInput};
use tauri::{AppHandle, State};

/// Gives money back, in whole or in part.
#[tauri::command]
#[specta::specta]
pub async fn order_refund(
    app: AppHandle,
    host: State<'_, Host>,
    m: Option<String>,
    out_trade_no: String,
    input: RefundInput,
) -> Result<Refund, Problem> {
    let console = host.console().await?;
    confirm_refund(&app, &console, m.as_deref(), &out_trade_no, &input).await?;
    console.order_refund(m.as_deref(), &out_trade_no, input).await
}

/// Asks WeChat Pay what became of a refund.
#[tauri::command]
#[specta::specta]
pub async fn refund_query(host: State<'_, Host>, m: Option<String>, out_refund_no: String) -> Result<Refund, Problem> {
    host.console().await?.refund_query(m.as_deref(), &out_refund_no).await
}

/// The way out of an abnormal refund: its money goes to the merchant's settlement account. (A payer's card is for the
/// command, where its number is read from a file.)
#[tauri::command]
#[specta::specta]
pub async fn refund_to_account(
    app: AppHandle,
    host: State<'_, Host>,
    m: Option<String>,
    out_refund_no: String,
) -> Result<Refund, Problem> {
    let console = host.console().await?;
    confirm_to_account(&app, &console, m.as_deref(), &out_refund_no).await?;
    console.refund_abnormal(m.as_deref(), &out_refund_no, AbnormalInput::MerchantBankCard).await
}
