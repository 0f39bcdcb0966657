//! 上线体检: the pre-launch examination of a backend against the embedded sandbox. Started, followed, stopped, written
//! down; the cases are `guitai_certify`'s.

use crate::confirm::confirm_commands;
use crate::examination::{CertifyInput, CertifyPast, CertifyState, Examination, ReportKind};
use crate::host::Host;
use guitai_console::wire::Problem;
use tauri::{AppHandle, State};

/// Starts an examination; one at a time. Commands that it should run are asked about outside the page.
#[tauri::command]
#[specta::specta]
pub async fn certify_start(
    app: AppHandle,
    host: State<'_, Host>,
    examination: State<'_, Examination>,
    input: CertifyInput,
) -> Result<(), Problem> {
    confirm_commands(&app, &[input.create_order.as_deref(), input.probe.as_deref()]).await?;
    let sandbox = host.sandbox().await?;
    examination.start(&sandbox.ready_line(), input, &host.data_dir()?)
}

/// The examinations of before, newest first.
#[tauri::command]
#[specta::specta]
pub async fn certify_past(host: State<'_, Host>) -> Result<Vec<CertifyPast>, Problem> {
    crate::examination::past(&host.data_dir()?)
}

/// Ends it; what was found so far stays.
#[tauri::command]
#[specta::specta]
pub async fn certify_stop(examination: State<'_, Examination>) -> Result<(), Problem> {
    examination.stop();
    Ok(())
}

/// Where it stands: at once for a reader that hasn't seen `seen`, else when something changes.
#[tauri::command]
#[specta::specta]
pub async fn certify_state(examination: State<'_, Examination>, seen: Option<u32>) -> Result<CertifyState, Problem> {
    Ok(examination.state(seen).await)
}

/// Writes the score card into `reports/` of the data folder and says where it is.
#[tauri::command]
#[specta::specta]
pub async fn certify_save(
    host: State<'_, Host>,
    examination: State<'_, Examination>,
    kind: ReportKind,
) -> Result<String, Problem> {
    examination.save(&host.data_dir()?, kind).await
}
