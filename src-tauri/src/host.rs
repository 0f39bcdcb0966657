//! What the window stands on: the open desk, the embedded sandbox, the listener; how they start beside each other, and
//! what is told while they do. The window is on the screen first; a command that needs a part waits for that part.

use crate::launch::{self, Options};
use crate::news::{AppChanged, Batches, DeskNews, SandboxNews};
use crate::problem::{closing, passphrase_unreadable, sandbox_failed, sandbox_off};
use crate::state::{AppState, Condition, ListenerState, SandboxState};
use crate::tray::{self, Language, Tray};
use crate::tunnelling::{self, Tunnelling};
use crate::voice::{Manner, Voice};
use guitai_console::wire::{Event, Merchant, OrderInput, Problem};
use guitai_console::{
    ApiOptions, Console, ForwardOptions, KeyKind, ListenOptions, Listener, MerchantPatch, Outside, Restored, Secret,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tauri::{AppHandle, Manager};
use tauri_specta::Event as _;
use tokio::sync::{Mutex, watch};
use wechatpay::money::Fen;
use wechatpay_sandbox::Sandbox;

/// Where the listener and the sandbox are first looked for; a taken port is replaced by a free one.
const LISTENER_PORT: u16 = 8787;
const SANDBOX_PORT: u16 = 8788;
const PROXY_PORT: u16 = 8789;
/// Profile of the embedded sandbox's merchant.
const SANDBOX_PROFILE: &str = "sandbox";
/// The payer whom the window's orders are tried with.
const SANDBOX_PAYER: &str = "guest";
/// The setting that says whether the listener serves the merchant API.
const API: &str = "api";
/// Closing takes at most this long; then the process ends anyway (the store survives that).
const CLOSING: Duration = Duration::from_secs(5);

/// A part that takes its time to start.
#[derive(Clone)]
enum Part<T> {
    Starting,
    Open(T),
    Stopped,
    Failed(Box<Problem>),
}

impl<T> Part<T> {
    fn condition(&self) -> Condition {
        match self {
            Self::Starting => Condition::Starting,
            Self::Open(_) => Condition::Running,
            Self::Stopped => Condition::Stopped,
            Self::Failed(_) => Condition::Failed,
        }
    }
}

/// The desk, the sandbox and the listener of this window.
pub struct Host {
    options: Options,
    console: watch::Sender<Part<Console>>,
    sandbox: watch::Sender<Part<Arc<Sandbox>>>,
    listener: Mutex<Option<Listener>>,
    listener_state: watch::Sender<ListenerState>,
    tray: OnceLock<Tray>,
    voice: Voice,
}

impl Host {
    /// Nothing is opened yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            console: watch::Sender::new(Part::Starting),
            sandbox: watch::Sender::new(Part::Starting),
            listener: Mutex::new(None),
            listener_state: watch::Sender::new(ListenerState::bare(Condition::Starting)),
            tray: OnceLock::new(),
            voice: Voice::new(),
        }
    }

    /// The desk, once it is open.
    ///
    /// # Errors
    /// Why it can't be opened: a folder that can't be written, a store of a newer version.
    pub async fn console(&self) -> Result<Console, Problem> {
        match settled(&self.console).await {
            Part::Open(console) => Ok(console),
            Part::Failed(problem) => Err(*problem),
            Part::Starting | Part::Stopped => Err(closing()),
        }
    }

    /// The embedded sandbox, once it runs.
    ///
    /// # Errors
    /// Why it doesn't.
    pub async fn sandbox(&self) -> Result<Arc<Sandbox>, Problem> {
        match settled(&self.sandbox).await {
            Part::Open(sandbox) => Ok(sandbox),
            Part::Failed(problem) => Err(*problem),
            Part::Starting | Part::Stopped => Err(sandbox_off()),
        }
    }

    /// The sandbox's merchant, as `guitai sandbox` prints it. Stays on this side of the window.
    ///
    /// # Errors
    /// The sandbox doesn't run.
    pub async fn sandbox_credentials(&self) -> Result<serde_json::Value, Problem> {
        let sandbox = self.sandbox().await?;
        sandbox.credentials().first().and_then(|first| serde_json::to_value(first).ok()).ok_or_else(sandbox_off)
    }

    /// The embedded sandbox's private keys and its CA, while it runs: for the register, which shows their public parts.
    #[must_use]
    pub fn sandbox_key_files(&self) -> Vec<(KeyKind, PathBuf)> {
        let Part::Open(sandbox) = self.sandbox.borrow().clone() else {
            return Vec::new();
        };
        let Some(first) = sandbox.credentials().first().cloned() else {
            return Vec::new();
        };
        vec![
            (KeyKind::SandboxCa, first.ca_certificate),
            (KeyKind::KeyFile, first.merchant_private_key),
            (KeyKind::KeyFile, first.platform_private_key),
            (KeyKind::KeyFile, first.public_key_private_key),
        ]
    }

    /// Opens everything: the desk, then listener and sandbox beside each other. Told by `AppChanged` as it goes.
    pub async fn open(&self, app: &AppHandle) {
        let Some(console) = self.open_desk(app).await else {
            self.sandbox.send_replace(Part::Stopped);
            return self.changed(app).await;
        };
        tokio::join!(self.open_listener(app, &console), self.open_sandbox(app));
        self.begin(app, &console).await;
    }

    /// Puts a backup in the store's place: the desk is closed, and opened on what is there then, whatever came of it.
    ///
    /// # Errors
    /// As [`guitai_console::restore`]; the store is as it was then.
    pub async fn restore(&self, app: &AppHandle, file: PathBuf) -> Result<Restored, Problem> {
        let data_dir = self.data_dir()?;
        let Part::Open(console) = self.console.send_replace(Part::Starting) else {
            self.console.send_replace(Part::Stopped);
            return Err(closing());
        };
        if let Some(listener) = self.listener.lock().await.take() {
            listener.stop().await;
        }
        app.state::<Tunnelling>().stop().await;
        console.close().await;
        drop(console);
        let restored = tauri::async_runtime::spawn_blocking(move || guitai_console::restore(&data_dir, &file)).await;
        if let Some(console) = self.open_desk(app).await {
            self.open_listener(app, &console).await;
            self.begin(app, &console).await;
        }
        self.changed(app).await;
        restored.unwrap_or_else(|_| Err(closing()))
    }

    /// Opens the desk and hands on its news; `None`: it can't be opened, and everybody who waits is told why.
    async fn open_desk(&self, app: &AppHandle) -> Option<Console> {
        match self.open_console().await {
            Ok(console) => {
                self.console.send_replace(Part::Open(console.clone()));
                self.forward_desk(app, &console);
                Some(console)
            }
            Err(problem) => {
                self.console.send_replace(Part::Failed(problem.into()));
                None
            }
        }
    }

    async fn begin(&self, app: &AppHandle, console: &Console) {
        // before the sandbox's own address is looked at: a window that was killed left its tunnel's there
        tunnelling::put_back(console).await;
        if let Err(problem) = self.settle_sandbox_profile(console).await {
            tracing::error!(code = problem.code, "the sandbox's merchant could not be written");
        }
        console.start_patrol();
        self.changed(app).await;
        self.show_takings().await;
    }

    async fn open_console(&self) -> Result<Console, Problem> {
        let data_dir = self.data_dir()?;
        guitai_console::keep_logs(&data_dir, "window");
        let options = guitai_console::Options {
            data_dir,
            passphrase: passphrase()?,
            interactive: true,
            outside: Outside::real(),
        };
        Console::open(options).await
    }

    /// Where the store and everything else of this window lies.
    ///
    /// # Errors
    /// The system names no such folder.
    pub fn data_dir(&self) -> Result<PathBuf, Problem> {
        self.options.data_dir.clone().map_or_else(guitai_console::default_data_dir, Ok)
    }

    async fn open_listener(&self, app: &AppHandle, console: &Console) {
        let kept =
            console.settings_get().await.unwrap_or_default().get("listener_port").and_then(|port| port.parse().ok());
        let wanted = kept.unwrap_or(LISTENER_PORT);
        // to the kept targets; what waited for them while no window was open goes first
        if let Err(problem) = console.forward_start(ForwardOptions::default()).await {
            tracing::warn!(code = %problem.code, "nothing is passed on to backends");
        }
        let started = match self.listen(console, wanted).await {
            Err(taken) if taken.code == "PORT_IN_USE" => self.listen(console, 0).await.map(|()| Some(taken)),
            other => other.map(|()| None),
        };
        match started {
            // It runs, and says why not where it was asked to.
            Ok(taken) => drop(self.listener_state.send_if_modified(|state| {
                state.error = taken;
                state.error.is_some()
            })),
            Err(problem) => self.listener_failed(problem),
        }
        self.changed(app).await;
    }

    async fn open_sandbox(&self, app: &AppHandle) {
        let part = if self.options.without_sandbox { Part::Stopped } else { self.start_sandbox().await };
        if let Part::Open(sandbox) = &part {
            self.forward_sandbox(app, sandbox);
        }
        self.sandbox.send_replace(part);
        self.changed(app).await;
    }

    async fn start_sandbox(&self) -> Part<Arc<Sandbox>> {
        let data_dir = match self.data_dir() {
            Ok(data_dir) => data_dir,
            Err(problem) => return Part::Failed(problem.into()),
        };
        let on = |port, proxy_port| wechatpay_sandbox::Options {
            data_dir: data_dir.clone(),
            port,
            proxy_port,
            merchants: 1,
        };
        let started = match wechatpay_sandbox::start(on(SANDBOX_PORT, PROXY_PORT)).await {
            Err(error) if error.is_port_in_use() => wechatpay_sandbox::start(on(0, 0)).await,
            other => other,
        };
        match started {
            Ok(sandbox) => Part::Open(Arc::new(sandbox)),
            Err(error) => Part::Failed(sandbox_failed(&error.to_string()).into()),
        }
    }

    /// Puts the sandbox's merchant where the sandbox is now: made the first time, corrected when a port changed.
    async fn settle_sandbox_profile(&self, console: &Console) -> Result<(), Problem> {
        let Part::Open(sandbox) = self.sandbox.borrow().clone() else {
            return Ok(());
        };
        let known = console.merchant_list().await?.into_iter().find(|merchant| merchant.name == SANDBOX_PROFILE);
        let merchant = match known {
            Some(merchant) => merchant,
            None => console.merchant_add_from_sandbox(SANDBOX_PROFILE, &self.sandbox_credentials().await?).await?,
        };
        let url = self.listener_state.borrow().url.clone();
        let notify_url = url.map(|url| format!("{url}/notify/{SANDBOX_PROFILE}")).filter(|_| is_ours(&merchant));
        let patch = MerchantPatch { base_url: Some(sandbox.base_url()), notify_url, ..MerchantPatch::default() };
        let is_so = patch.base_url.as_ref() == Some(&merchant.base_url)
            && (patch.notify_url.is_none() || patch.notify_url == merchant.notify_url);
        if !is_so {
            console.merchant_update(SANDBOX_PROFILE, patch).await?;
        }
        Ok(())
    }

    /// Listens on `port` (0: any free one) instead of where it listened before.
    ///
    /// # Errors
    /// The port is taken, or the desk isn't open.
    pub async fn listener_start(&self, app: &AppHandle, port: u16) -> Result<(), Problem> {
        let console = self.console().await?;
        let started = self.listen(&console, port).await;
        match &started {
            Ok(()) => {
                console.settings_set("listener_port", &port.to_string()).await?;
                self.settle_sandbox_profile(&console).await?;
                if let Some(port) = self.listener_port() {
                    app.state::<Tunnelling>().follow_listener(port).await;
                }
            }
            Err(problem) => self.listener_failed(problem.clone()),
        }
        self.changed(app).await;
        started
    }

    /// Stops listening.
    ///
    /// # Errors
    /// None so far; the door is closed in any case.
    pub async fn listener_stop(&self, app: &AppHandle) -> Result<(), Problem> {
        if let Some(listener) = self.listener.lock().await.take() {
            listener.stop().await;
        }
        self.listener_state.send_replace(ListenerState::bare(Condition::Stopped));
        self.changed(app).await;
        Ok(())
    }

    /// Serves the merchant API beside the callbacks, or no longer. The port stays.
    ///
    /// # Errors
    /// The store's; the listener could not be opened again.
    pub async fn api_set(&self, app: &AppHandle, on: bool) -> Result<(), Problem> {
        let console = self.console().await?;
        console.settings_set(API, if on { "on" } else { "" }).await?;
        let reopened = match self.listener_port() {
            Some(port) if self.listener_state.borrow().api != on => self.listen(&console, port).await,
            _ => Ok(()),
        };
        if let Err(problem) = &reopened {
            self.listener_failed(problem.clone());
        }
        self.changed(app).await;
        reopened
    }

    /// Where the listener stands now, if it runs.
    #[must_use]
    pub fn listener_port(&self) -> Option<u16> {
        self.listener_state.borrow().url.as_deref()?.rsplit(':').next()?.parse().ok()
    }

    async fn listen(&self, console: &Console, port: u16) -> Result<(), Problem> {
        let mut held = self.listener.lock().await;
        if let Some(before) = held.take() {
            before.stop().await;
        }
        let api = console.settings_get().await?.get(API).filter(|api| *api == "on").map(|_| ApiOptions::default());
        let served = api.is_some();
        let listener = console.listen(ListenOptions { port, api, ..ListenOptions::default() }).await?;
        let url = format!("http://{}", listener.addr());
        self.listener_state.send_replace(ListenerState {
            url: Some(url),
            api: served,
            ..ListenerState::bare(Condition::Running)
        });
        *held = Some(listener);
        Ok(())
    }

    fn listener_failed(&self, problem: Problem) {
        self.listener_state
            .send_replace(ListenerState { error: Some(problem), ..ListenerState::bare(Condition::Failed) });
    }

    /// What the frame shows now.
    ///
    /// # Errors
    /// The desk could not be opened, and why.
    pub async fn state(&self) -> Result<AppState, Problem> {
        let console = self.console().await?;
        let (status, merchants, settings) =
            (console.status().await?, console.merchant_list().await?, console.settings_get().await?);
        let current = merchants.iter().find(|merchant| merchant.current).map(|merchant| merchant.name.clone());
        let mut listener = self.listener_state.borrow().clone();
        listener.notify_path = listener.url.as_ref().and(current.as_ref()).map(|name| format!("/notify/{name}"));
        Ok(AppState {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            data_dir: status.data_dir,
            locale: launch::system_language().to_owned(),
            merchants,
            current,
            listener,
            sandbox: self.sandbox_state(),
            clock_skew_ms: status.clock_skew_ms,
            store_bytes: status.store_bytes,
            last_callback_at: status.last_callback_at,
            settings,
        })
    }

    fn sandbox_state(&self) -> SandboxState {
        let part = self.sandbox.borrow();
        let bare = SandboxState::bare(part.condition());
        match &*part {
            Part::Open(sandbox) => {
                let first = sandbox.credentials().first();
                SandboxState {
                    base_url: Some(sandbox.base_url()),
                    openid: Some(sandbox.openid_for(SANDBOX_PAYER)),
                    proxy_url: Some(sandbox.proxy_url()),
                    ca_certificate: first.map(|it| it.ca_certificate.display().to_string()),
                    ..bare
                }
            }
            Part::Failed(problem) => SandboxState { error: Some((**problem).clone()), ..bare },
            Part::Starting | Part::Stopped => bare,
        }
    }

    /// Tells the window what the frame shows now.
    pub async fn changed(&self, app: &AppHandle) {
        if let Ok(state) = self.state().await {
            let _ = AppChanged(state).emit(app); // no window, nobody to tell
        }
    }

    fn forward_desk(&self, app: &AppHandle, console: &Console) {
        let (app, mut batches) = (app.clone(), Batches::of(console.subscribe()));
        tauri::async_runtime::spawn(async move {
            let host = app.state::<Host>();
            while let Some((events, missed)) = batches.next().await {
                let manner = host.manner().await;
                if manner.bell {
                    tray::ring(&app, host.language().await, &events);
                }
                if manner.voice {
                    host.voice.tell(host.language().await, &events);
                }
                let frame = missed
                    || events.iter().any(|event| matches!(event, Event::MerchantsChanged | Event::ListenerChanged));
                let _ = DeskNews { events, missed }.emit(&app);
                if frame {
                    host.changed(&app).await;
                }
                host.show_takings().await;
            }
        });
    }

    fn forward_sandbox(&self, app: &AppHandle, sandbox: &Sandbox) {
        let (app, mut batches) = (app.clone(), Batches::of(sandbox.subscribe()));
        tauri::async_runtime::spawn(async move {
            while let Some((events, missed)) = batches.next().await {
                let _ = SandboxNews { events, missed }.emit(&app);
            }
        });
    }

    /// Puts the day's takings into this tray from now on.
    pub fn keep_tray(&self, tray: Tray) {
        let _ = self.tray.set(tray);
    }

    async fn show_takings(&self) {
        let (Some(tray), Part::Open(console)) = (self.tray.get(), self.console.borrow().clone()) else {
            return;
        };
        if let Ok(overview) = console.overview(None).await {
            tray.show(self.language().await, &overview);
        }
    }

    /// The language of texts outside the page: as set, else the system's.
    pub async fn language(&self) -> Language {
        Language::of(&self.setting("language").await.unwrap_or_else(|| launch::system_language().to_owned()))
    }

    /// How a payment is told now.
    async fn manner(&self) -> Manner {
        let now = wechatpay::time::beijing(jiff::Timestamp::now());
        Manner::of(&self.settings().await.unwrap_or_default(), &now)
    }

    async fn setting(&self, key: &str) -> Option<String> {
        self.settings().await?.remove(key)
    }

    async fn settings(&self) -> Option<BTreeMap<String, String>> {
        let Part::Open(console) = self.console.borrow().clone() else {
            return None;
        };
        console.settings_get().await.ok()
    }

    /// A small order to try things with. Its payer is the sandbox's; a live merchant's payer isn't ours to invent.
    ///
    /// # Errors
    /// The merchant isn't there.
    pub async fn test_input(&self, console: &Console, m: Option<&str>) -> Result<OrderInput, Problem> {
        let sandbox = console.merchant_show(m).await?.sandbox;
        let fen = 1 + jiff::Timestamp::now().as_millisecond().rem_euclid(9_900);
        let openid = if sandbox { self.sandbox_state().openid } else { None };
        Ok(OrderInput {
            amount: Fen::new(fen),
            description: "测试订单 Test order".into(),
            openid,
            ..OrderInput::default()
        })
    }

    /// Ends what runs: answers in flight go out, the store is closed.
    pub async fn close(&self) {
        let closing = async {
            if let Some(listener) = self.listener.lock().await.take() {
                listener.stop().await;
            }
            if let Part::Open(console) = self.console.send_replace(Part::Stopped) {
                console.close().await;
            }
            if let Part::Open(sandbox) = self.sandbox.send_replace(Part::Stopped)
                && let Ok(sandbox) = Arc::try_unwrap(sandbox)
            {
                sandbox.stop().await;
            }
        };
        if tokio::time::timeout(CLOSING, closing).await.is_err() {
            tracing::warn!("closing took too long; ending without");
        }
    }
}

/// The passphrase of a store that is sealed with one: from the file that `GUITAI_PASSPHRASE_FILE` names, as for the command.
fn passphrase() -> Result<Option<Secret>, Problem> {
    let Some(file) = std::env::var_os("GUITAI_PASSPHRASE_FILE").filter(|file| !file.is_empty()) else {
        return Ok(None);
    };
    let read = std::fs::read(&file).map_err(|error| passphrase_unreadable(&error.to_string()));
    read.map(|bytes| Some(Secret::from_bytes(bytes)))
}

/// The profile's notify_url was put there by us (none, or this machine): it may follow the listener's port.
fn is_ours(merchant: &Merchant) -> bool {
    merchant.notify_url.as_ref().is_none_or(|url| url.starts_with("http://127.0.0.1:"))
}

async fn settled<T: Clone>(part: &watch::Sender<Part<T>>) -> Part<T> {
    let mut receiver = part.subscribe();
    let settled = receiver.wait_for(|part| !matches!(part, Part::Starting)).await;
    settled.map_or(Part::Stopped, |part| part.clone())
}
