//! Signatures on the bench: the doctor, the playground and the register of keys. Public parts and pasted texts come in;
//! the merchant's own keys stay behind the desk.

use crate::host::Host;
use guitai_console::wire::{Exchange, Problem};
use guitai_console::{
    DoctorNotification, DoctorPayParams, DoctorRequest, Finding, KeyEntry, Rehearsal, TextVerdict, VerifyInput,
};
use tauri::State;

/// Which mistake broke a request's signature.
#[tauri::command]
#[specta::specta]
pub async fn doctor_request(
    host: State<'_, Host>,
    m: Option<String>,
    input: DoctorRequest,
) -> Result<Finding, Problem> {
    host.console().await?.doctor_request(m.as_deref(), input).await
}

/// Which mistake broke a notification or an answer.
#[tauri::command]
#[specta::specta]
pub async fn doctor_notification(
    host: State<'_, Host>,
    m: Option<String>,
    input: DoctorNotification,
) -> Result<Finding, Problem> {
    host.console().await?.doctor_notification(m.as_deref(), input).await
}

/// Which mistake broke pay parameters.
#[tauri::command]
#[specta::specta]
pub async fn doctor_pay_params(
    host: State<'_, Host>,
    m: Option<String>,
    input: DoctorPayParams,
) -> Result<Finding, Problem> {
    host.console().await?.doctor_pay_params(m.as_deref(), input).await
}

/// Every key and certificate of a merchant; for the sandbox's merchant its files and its CA, too.
#[tauri::command]
#[specta::specta]
pub async fn key_register(host: State<'_, Host>, m: Option<String>) -> Result<Vec<KeyEntry>, Problem> {
    let console = host.console().await?;
    let beside = if console.merchant_show(m.as_deref()).await?.sandbox { host.sandbox_key_files() } else { Vec::new() };
    console.key_register(m.as_deref(), beside).await
}

/// Does a signature check out over a text?
#[tauri::command]
#[specta::specta]
pub async fn verify_text(host: State<'_, Host>, m: Option<String>, input: VerifyInput) -> Result<TextVerdict, Problem> {
    host.console().await?.verify_text(m.as_deref(), input).await
}

/// The change to the WeChat Pay public key, played at the merchant's sandbox.
#[tauri::command]
#[specta::specta]
pub async fn merchant_rehearse(host: State<'_, Host>, m: Option<String>) -> Result<Rehearsal, Problem> {
    host.console().await?.merchant_rehearse(m.as_deref()).await
}

/// The call that a Request-ID or an error body is about.
#[tauri::command]
#[specta::specta]
pub async fn exchange_find(
    host: State<'_, Host>,
    m: Option<String>,
    said: String,
) -> Result<Option<Exchange>, Problem> {
    host.console().await?.exchange_find(m.as_deref(), &said).await
}
