//! The program itself: what the frame shows, settings, the clipboard.

use crate::host::Host;
use crate::problem::problem;
use crate::state::AppState;
use crate::voice;
use guitai_console::wire::Problem;
use tauri::{AppHandle, State};
use tauri_plugin_clipboard_manager::ClipboardExt;

/// What the frame shows; answered at once, also while things are still starting.
#[tauri::command]
#[specta::specta]
pub async fn app_state(host: State<'_, Host>) -> Result<AppState, Problem> {
    host.state().await
}

/// Keeps a small choice of the person: language, theme, a split ratio.
#[tauri::command]
#[specta::specta]
pub async fn settings_set(app: AppHandle, host: State<'_, Host>, key: String, value: String) -> Result<(), Problem> {
    host.console().await?.settings_set(&key, &value).await?;
    host.changed(&app).await;
    Ok(())
}

/// Puts a text on the clipboard.
#[tauri::command]
#[specta::specta]
pub async fn copy_text(app: AppHandle, text: String) -> Result<(), Problem> {
    let written = app.clipboard().write_text(text);
    written.map_err(|error| {
        let why = error.to_string();
        problem(
            "CLIPBOARD",
            ("无法写入剪贴板", "The clipboard can't be written to"),
            Some((&why, &why)),
            ("选中文字后按 Ctrl C", "Select the text and press Ctrl C"),
        )
    })
}

/// Says a sentence as a payment would be said; false: this system has no voice.
#[tauri::command]
#[specta::specta]
pub async fn voice_try(host: State<'_, Host>) -> Result<bool, Problem> {
    let language = host.language().await;
    Ok(tauri::async_runtime::spawn_blocking(move || voice::try_out(language)).await.unwrap_or(false))
}
