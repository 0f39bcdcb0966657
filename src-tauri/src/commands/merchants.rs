//! Merchant profiles. Keys come in as the content of a file and never go out; a live one changes only after a person
//! confirmed it outside the page.

use crate::confirm::confirm_change;
use crate::host::Host;
use guitai_console::wire::{Merchant, MerchantCheck, Problem, VaultStatus};
use guitai_console::{MerchantInput, MerchantPatch, Pems, PemsContent};
use tauri::{AppHandle, State};

/// Adds a profile.
#[tauri::command]
#[specta::specta]
pub async fn merchant_add(host: State<'_, Host>, input: MerchantInput) -> Result<Merchant, Problem> {
    host.console().await?.merchant_add(input).await
}

/// Adds the embedded sandbox's merchant under a name.
#[tauri::command]
#[specta::specta]
pub async fn merchant_add_from_sandbox(host: State<'_, Host>, name: String) -> Result<Merchant, Problem> {
    let credentials = host.sandbox_credentials().await?;
    host.console().await?.merchant_add_from_sandbox(&name, &credentials).await
}

/// Which of these key files is what, and do they belong together; before anything is kept.
#[tauri::command]
#[specta::specta]
pub async fn merchant_files(
    host: State<'_, Host>,
    files: Vec<PemsContent>,
    mchid: Option<String>,
) -> Result<Pems, Problem> {
    host.console().await?.pems_of(files, mchid.as_deref()).await
}

/// All profiles.
#[tauri::command]
#[specta::specta]
pub async fn merchant_list(host: State<'_, Host>) -> Result<Vec<Merchant>, Problem> {
    host.console().await?.merchant_list().await
}

/// One profile; secrets as set or not set.
#[tauri::command]
#[specta::specta]
pub async fn merchant_show(host: State<'_, Host>, m: Option<String>) -> Result<Merchant, Problem> {
    host.console().await?.merchant_show(m.as_deref()).await
}

/// Changes a profile.
#[tauri::command]
#[specta::specta]
pub async fn merchant_update(
    app: AppHandle,
    host: State<'_, Host>,
    name: String,
    patch: MerchantPatch,
) -> Result<Merchant, Problem> {
    let console = host.console().await?;
    confirm_change(&app, &console, &name).await?;
    console.merchant_update(&name, patch).await
}

/// Makes a profile the current one.
#[tauri::command]
#[specta::specta]
pub async fn merchant_use(host: State<'_, Host>, name: String) -> Result<Merchant, Problem> {
    host.console().await?.merchant_use(&name).await
}

/// Removes a profile and its keys.
#[tauri::command]
#[specta::specta]
pub async fn merchant_remove(app: AppHandle, host: State<'_, Host>, name: String) -> Result<(), Problem> {
    let console = host.console().await?;
    confirm_change(&app, &console, &name).await?;
    console.merchant_remove(&name).await
}

/// Do key, certificate, serial and APIv3 key belong together?
#[tauri::command]
#[specta::specta]
pub async fn merchant_check(host: State<'_, Host>, m: Option<String>) -> Result<MerchantCheck, Problem> {
    host.console().await?.merchant_check(m.as_deref()).await
}

/// Where the key is that seals the merchants' keys.
#[tauri::command]
#[specta::specta]
pub async fn vault_status(host: State<'_, Host>) -> Result<VaultStatus, Problem> {
    host.console().await?.vault_status().await
}
