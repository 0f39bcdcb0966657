//! The callback listener: start, stop.

use crate::host::Host;
use guitai_console::wire::Problem;
use tauri::{AppHandle, State};

/// Listens on a port of this machine; the one that it listened on before is given up.
#[tauri::command]
#[specta::specta]
pub async fn listener_start(app: AppHandle, host: State<'_, Host>, port: u16) -> Result<(), Problem> {
    host.listener_start(&app, port).await
}

/// Stops; deliveries that are being answered are answered first.
#[tauri::command]
#[specta::specta]
pub async fn listener_stop(app: AppHandle, host: State<'_, Host>) -> Result<(), Problem> {
    host.listener_stop(&app).await
}
