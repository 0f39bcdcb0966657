//! The sandbox's switchboard: what it was asked, what it will send, its clock, its faults.

use crate::host::Host;
use crate::problem::problem;
use guitai_console::wire::Problem;
use tauri::State;
use wechatpay_sandbox::{
    ApiFault, AttemptView, CallbackFault, ClockView, NotificationView, RedeliverFault, RequestView, Switches,
};

/// The newest requests, newest first.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_requests(host: State<'_, Host>, limit: u32) -> Result<Vec<RequestView>, Problem> {
    Ok(host.sandbox().await?.requests(limit.min(1_000) as usize))
}

/// Notifications with their attempts and the next one.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_notifications(host: State<'_, Host>) -> Result<Vec<NotificationView>, Problem> {
    Ok(host.sandbox().await?.notifications())
}

/// One attempt now, outside the ladder, with a fault or without.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_redeliver(
    host: State<'_, Host>,
    id: String,
    fault: Option<RedeliverFault>,
) -> Result<AttemptView, Problem> {
    host.sandbox().await?.redeliver(&id, fault).await.map_err(refused)
}

/// Business time.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_clock(host: State<'_, Host>) -> Result<ClockView, Problem> {
    Ok(host.sandbox().await?.clock())
}

/// Moves business time on: what falls due happens.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_advance(host: State<'_, Host>, seconds: u32) -> Result<ClockView, Problem> {
    host.sandbox().await?.advance(seconds.into()).await.map_err(refused)
}

/// Lets business time go this many times as fast as the wall's; 0 holds it.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_pace(host: State<'_, Host>, rate: u32) -> Result<ClockView, Problem> {
    host.sandbox().await?.set_rate(rate).await.map_err(refused)
}

/// How the gateway misbehaves.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_faults(host: State<'_, Host>) -> Result<Vec<ApiFault>, Problem> {
    Ok(host.sandbox().await?.faults())
}

/// Sets how the gateway misbehaves.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_set_faults(host: State<'_, Host>, faults: Vec<ApiFault>) -> Result<Vec<ApiFault>, Problem> {
    host.sandbox().await?.set_faults(faults).map_err(refused)
}

/// How notifications are spoilt.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_callback_faults(host: State<'_, Host>) -> Result<Vec<CallbackFault>, Problem> {
    Ok(host.sandbox().await?.callback_faults())
}

/// Sets how notifications are spoilt.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_set_callback_faults(
    host: State<'_, Host>,
    faults: Vec<CallbackFault>,
) -> Result<Vec<CallbackFault>, Problem> {
    host.sandbox().await?.set_callback_faults(faults).map_err(refused)
}

/// Where the real gateway has two ways: which one the sandbox takes.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_switches(host: State<'_, Host>) -> Result<Switches, Problem> {
    Ok(host.sandbox().await?.switches())
}

/// Sets the switches that the patch names.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_set_switches(host: State<'_, Host>, patch: serde_json::Value) -> Result<Switches, Problem> {
    host.sandbox().await?.set_switches(&patch).await.map_err(refused)
}

/// Forgets orders and notifications, keeps keys.
#[tauri::command]
#[specta::specta]
pub async fn sandbox_reset(host: State<'_, Host>) -> Result<(), Problem> {
    host.sandbox().await?.reset().await.map_err(refused)
}

/// The sandbox's words for a control that it refused.
pub(super) fn refused(error: wechatpay_sandbox::ControlError) -> Problem {
    problem(
        "SANDBOX_REFUSED",
        ("沙箱拒绝了这个操作", "The sandbox refused this"),
        Some((&error.to_string(), &error.to_string())),
        ("按原因修改后再试", "Mend what the reason names, then try again"),
    )
}
