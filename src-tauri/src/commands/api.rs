//! The merchant API for mini-programs and what is sold through it: on or off, who may call it, the catalogue.

use crate::host::Host;
use guitai_console::wire::{Page, Problem};
use guitai_console::{CatalogEntry, CatalogInput, api_document as document};
use tauri::{AppHandle, State};

/// Switches the API on or off; it is on the listener's port, which is opened anew. `origins`: web pages that may call it.
#[tauri::command]
#[specta::specta]
pub async fn api_set(app: AppHandle, host: State<'_, Host>, on: bool, origins: Vec<String>) -> Result<(), Problem> {
    host.console().await?.api_origins_set(&origins).await?;
    host.api_set(&app, on).await
}

/// The OpenAPI document that the API serves.
#[tauri::command]
#[specta::specta]
pub async fn api_document() -> Result<String, Problem> {
    Ok(document().to_owned())
}

/// Adds an entry to the catalogue.
#[tauri::command]
#[specta::specta]
pub async fn catalog_add(host: State<'_, Host>, input: CatalogInput) -> Result<CatalogEntry, Problem> {
    host.console().await?.catalog_add(input).await
}

/// All entries, by id.
#[tauri::command]
#[specta::specta]
pub async fn catalog_list(host: State<'_, Host>) -> Result<Page<CatalogEntry>, Problem> {
    host.console().await?.catalog_list().await
}

/// Removes an entry; orders made from it stay.
#[tauri::command]
#[specta::specta]
pub async fn catalog_remove(host: State<'_, Host>, id: String) -> Result<(), Problem> {
    host.console().await?.catalog_remove(&id).await
}
