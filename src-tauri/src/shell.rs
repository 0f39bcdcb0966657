//! The window itself: plugins, the page's lock-in, the tray, the life of the process.
//!
//! The page may load nothing but what is in this program (CSP in `tauri.conf.json`), may go nowhere else (below), and may
//! call only what `capabilities/main.json` names. Tauri's isolation pattern is off on purpose: it guards against a
//! dependency of the page that calls commands behind our back by letting a second, trusted page see every call; what it
//! could stop here is stopped by the capability, by commands that take no path and no URL, and by the native question
//! before live money moves (`confirm`), and it would put an inline script and a frame into a page that has neither.

use crate::commands;
use crate::examination::Examination;
use crate::host::Host;
use crate::launch::{self, Options};
use crate::replaying::Replaying;
use crate::tray::{self, Language, Tray};
use crate::tunnelling::Tunnelling;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{App, AppHandle, Manager, RunEvent, Url, WebviewWindowBuilder};

/// Opens the window and stays until it is closed.
pub fn run(options: Options) -> ExitCode {
    guitai_console::start_logs();
    let specta = commands::builder();
    let built = tauri::Builder::default()
        // First, so that a second start ends before it does anything; its arguments are not looked at.
        .plugin(tauri_plugin_single_instance::init(|app, _arguments, _folder| tray::show_window(app)))
        .plugin(tauri_plugin_window_state::Builder::new().build())
        .plugin(tauri_plugin_notification::init())
        .plugin(tauri_plugin_clipboard_manager::init())
        .plugin(tauri_plugin_dialog::init())
        .manage(Host::new(options))
        .manage(Examination::default())
        .manage(Replaying::default())
        .manage(Tunnelling::default())
        .invoke_handler(specta.invoke_handler())
        .setup(move |app| {
            specta.mount_events(app);
            open_window(app)?;
            open_tray(app.handle());
            let app = app.handle().clone();
            end_when_told(&app);
            tauri::async_runtime::spawn(async move { app.state::<Host>().open(&app).await });
            Ok(())
        })
        .build(tauri::generate_context!());
    match built {
        Ok(app) => {
            app.run(|app, event| {
                if let RunEvent::Exit = event {
                    tauri::async_runtime::block_on(async {
                        // it needs the desk to put things back
                        app.state::<Tunnelling>().stop().await;
                        app.state::<Host>().close().await;
                    });
                    guitai_console::flush_logs();
                }
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("guitai-desktop: the window could not be opened: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The end of a session and a plain `kill` close the window as its own button does: a tunnel ends with it, the store is
/// closed.
fn end_when_told(app: &AppHandle) {
    #[cfg(unix)]
    {
        let app = app.clone();
        tauri::async_runtime::spawn(async move {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
                return;
            };
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            app.exit(0);
        });
    }
    #[cfg(not(unix))]
    let _ = app;
}

fn open_window(app: &App) -> tauri::Result<()> {
    let config = app.config().app.windows.first().ok_or(tauri::Error::WindowNotFound)?;
    let window = WebviewWindowBuilder::from_config(app.handle(), config)?
        .on_navigation(is_our_page)
        .on_page_load(|_window, page| {
            // `make bench` waits for this line.
            if page.event() == PageLoadEvent::Finished {
                tracing::info!("page loaded");
            }
        })
        .on_new_window(|_url, _features| NewWindowResponse::Deny)
        .build()?;
    #[cfg(target_os = "linux")]
    window.with_webview(|view| draw_plainly(&view.inner()))?;
    #[cfg(not(target_os = "linux"))]
    let _ = window;
    Ok(())
}

/// The page is text, lines and no animation: OpenGL draws it no faster, and where there is no graphics processor its
/// emulation holds 100 MB. Pages that were left are not kept either: there is one.
#[cfg(target_os = "linux")]
fn draw_plainly(view: &webkit2gtk::WebView) {
    use webkit2gtk::{CacheModel, HardwareAccelerationPolicy, SettingsExt, WebContextExt, WebViewExt};
    if let Some(settings) = WebViewExt::settings(view) {
        settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        settings.set_enable_webgl(false);
        settings.set_enable_page_cache(false);
    }
    if let Some(context) = view.context() {
        context.set_cache_model(CacheModel::DocumentViewer);
    }
}

/// The page's own origin (`http://tauri.localhost` on Windows); everything else is refused, links in hostile text included.
fn is_our_page(url: &Url) -> bool {
    matches!(
        (url.scheme(), url.host_str(), url.port()),
        ("tauri", Some("localhost"), None) | ("http", Some("tauri.localhost"), None)
    )
}

/// A tray is a convenience: a desktop without one, or without the library (which is looked for at run time, and panics
/// when it isn't there), must not stop the window.
fn open_tray(app: &AppHandle) {
    let made = catch_unwind(AssertUnwindSafe(|| Tray::new(app, Language::of(launch::system_language()))));
    match made {
        Ok(Ok(tray)) => app.state::<Host>().keep_tray(tray),
        Ok(Err(error)) => tracing::info!(%error, "no tray here"),
        Err(_) => tracing::info!("no tray here: its library is missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_goes_nowhere_else() {
        for (url, ours) in [
            ("tauri://localhost/", true),
            ("tauri://localhost/index.html#/orders", true),
            ("http://tauri.localhost/", true),
            ("tauri://localhost.example.com/", false),
            ("tauri://elsewhere/", false),
            ("http://tauri.localhost:8080/", false),
            ("https://pay.weixin.qq.com/", false),
            ("http://127.0.0.1:8787/notify/sandbox", false),
            ("file:///etc/passwd", false),
            ("data:text/html,hello", false),
            ("javascript:alert(1)", false),
            ("about:blank", false),
        ] {
            assert_eq!(is_our_page(&Url::parse(url).expect("a URL")), ours, "{url}");
        }
    }
}
