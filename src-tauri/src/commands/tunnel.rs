//! The way in from the internet: opened, followed, ended; and what is wrong with a `notify_url`.

use crate::confirm::confirm_tunnel;
use crate::host::Host;
use crate::tunnelling::{TunnelState, Tunnelling, listener_off};
use guitai_console::wire::Problem;
use guitai_console::{NotifyUrlReport, TunnelOptions};
use tauri::{AppHandle, State};

/// Opens a tunnel to this window's listener, in place of one that is open. Whatever more than a known program it runs,
/// and whatever it changes of a live merchant, is asked about outside the page.
#[tauri::command]
#[specta::specta]
pub async fn tunnel_start(
    app: AppHandle,
    host: State<'_, Host>,
    tunnelling: State<'_, Tunnelling>,
    m: Option<String>,
    options: TunnelOptions,
) -> Result<(), Problem> {
    let console = host.console().await?;
    let port = host.listener_port().ok_or_else(listener_off)?;
    let options = TunnelOptions { port, ..options };
    confirm_tunnel(&app, &console, m.as_deref(), &options).await?;
    tunnelling.start(console, m.as_deref(), options).await
}

/// Ends it; the merchant's `notify_url` is what it was before.
#[tauri::command]
#[specta::specta]
pub async fn tunnel_stop(tunnelling: State<'_, Tunnelling>) -> Result<(), Problem> {
    tunnelling.stop().await;
    Ok(())
}

/// Where it stands: at once for a reader that hasn't seen `seen`, else when something changes.
#[tauri::command]
#[specta::specta]
pub async fn tunnel_state(tunnelling: State<'_, Tunnelling>, seen: Option<u32>) -> Result<TunnelState, Problem> {
    Ok(tunnelling.state(seen).await)
}

/// Judges the merchant's `notify_url` as WeChat Pay would use it, and proves whether it leads to this desk.
#[tauri::command]
#[specta::specta]
pub async fn notify_url_check(host: State<'_, Host>, m: Option<String>) -> Result<NotifyUrlReport, Problem> {
    host.console().await?.notify_url_check(m.as_deref(), None, None).await
}
