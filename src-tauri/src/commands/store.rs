//! The whole store: backups, the way back, its doctor.

use crate::confirm::confirm_restore;
use crate::host::Host;
use crate::problem::problem;
use guitai_console::wire::Problem;
use guitai_console::{BackupFacts, BackupItem, BackupStatus, Health, LogLine, Restored, StoreReport};
use std::process::Command;
use tauri::{AppHandle, State};

/// How the daily backup stands.
#[tauri::command]
#[specta::specta]
pub async fn backup_status(host: State<'_, Host>) -> Result<BackupStatus, Problem> {
    host.console().await?.backup_status().await
}

/// The backups in the data folder, newest first.
#[tauri::command]
#[specta::specta]
pub async fn backup_list(host: State<'_, Host>) -> Result<Vec<BackupItem>, Problem> {
    host.console().await?.backup_list().await
}

/// Makes one now, in the folder of the daily ones.
#[tauri::command]
#[specta::specta]
pub async fn backup_now(host: State<'_, Host>) -> Result<BackupFacts, Problem> {
    host.console().await?.backup_here().await
}

/// Puts one of the listed backups in the store's place and opens the desk on it. With a live merchant a person confirms
/// it outside the page first.
#[tauri::command]
#[specta::specta]
pub async fn backup_restore(app: AppHandle, host: State<'_, Host>, name: String) -> Result<Restored, Problem> {
    let console = host.console().await?;
    let file = console.backup_file(&name).await?;
    confirm_restore(&app, &console, &name).await?;
    host.restore(&app, file).await
}

/// Is the store sound; with `mend`, what is derived is made anew where it is wrong.
#[tauri::command]
#[specta::specta]
pub async fn store_doctor(host: State<'_, Host>, mend: bool) -> Result<StoreReport, Problem> {
    let folder = host.data_dir()?;
    let looked = tauri::async_runtime::spawn_blocking(move || guitai_console::store_doctor(&folder, mend)).await;
    looked.map_err(|error| {
        let why = error.to_string();
        problem("INTERRUPTED", ("没有检查完", "It was not finished"), Some((&why, &why)), ("再试一次", "Try again"))
    })?
}

/// How everything is: what was counted, store, disk, backups, certificates, clock, logs.
#[tauri::command]
#[specta::specta]
pub async fn health(host: State<'_, Host>) -> Result<Health, Problem> {
    host.console().await?.health().await
}

/// The newest lines of this program's log, oldest first: those after number `after`.
#[tauri::command]
#[specta::specta]
pub async fn log_lines(after: u32) -> Result<Vec<LogLine>, Problem> {
    Ok(guitai_console::recent_logs(after.into()))
}

/// Shows the folder of the logs where the system shows folders; false: this system has nothing that does.
#[tauri::command]
#[specta::specta]
pub async fn log_folder_open(host: State<'_, Host>) -> Result<bool, Problem> {
    // a program of the system and a folder of our own: nothing of it comes from the page
    let program = if cfg!(windows) {
        "explorer"
    } else if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let Ok(mut shown) = Command::new(program).arg(host.data_dir()?.join("logs")).spawn() else {
        return Ok(false);
    };
    // waited for, so that nothing of it is left behind
    drop(tauri::async_runtime::spawn_blocking(move || shown.wait()));
    Ok(true)
}
