//! A running sandbox as its host sees it: start, the controls, stop. The HTTP controls call the same functions.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use guitai_door::{Door, DoorError, Limits};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use wechatpay::time::Timestamp;

use crate::clock::{Clock, Millis, instant};
use crate::faults::{ApiFault, CallbackFault, RedeliverFault};
use crate::gateway::{LoginCodes, openid_for};
use crate::keyring::{Keyring, KeyringError, Merchant};
use crate::ledger::{Attempt, Notice};
use crate::office::Office;
use crate::phone;
use crate::postman::Postman;
use crate::proxy::{Proxy, ProxyError};
use crate::server;
use crate::store::{Commit, Store, StoreError};
use crate::switches::Switches;
use crate::views::{
    AttemptView, ClockView, ControlError, Credentials, NotificationView, PayCommand, PayParamsVerdict, PhoneOrder,
    RequestView, SandboxEvent,
};

/// How to start a sandbox.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder; the sandbox keeps to `sandbox/` in it.
    pub data_dir: PathBuf,
    /// The gateway's port on 127.0.0.1; 0: any free one.
    pub port: u16,
    /// The proxy's port on 127.0.0.1; 0: any free one.
    pub proxy_port: u16,
    /// How many merchants, at least 1, each with keys of its own. Merchants that are there stay.
    pub merchants: usize,
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Another program has the port.
    #[error("port {port} is in use by another program")]
    PortInUse {
        /// Which.
        port: u16,
    },
    /// The system refused the port for another reason.
    #[error(transparent)]
    Door(DoorError),
    /// Another sandbox uses the same folder.
    #[error("{} is in use by another sandbox", folder.display())]
    FolderInUse {
        /// Which.
        folder: PathBuf,
    },
    /// The folder can't be made or written.
    #[error("{}: {error}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Keys.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The proxy.
    #[error(transparent)]
    Proxy(ProxyError),
    /// No HTTP client for notifications.
    #[error("no HTTP client for notifications: {0}")]
    Client(String),
}

impl SandboxError {
    /// Would another port do?
    pub fn is_port_in_use(&self) -> bool {
        matches!(self, SandboxError::PortInUse { .. })
    }
}

impl From<DoorError> for SandboxError {
    fn from(error: DoorError) -> Self {
        match error {
            DoorError::PortInUse { addr } => SandboxError::PortInUse { port: addr.port() },
            other => SandboxError::Door(other),
        }
    }
}

impl From<ProxyError> for SandboxError {
    fn from(error: ProxyError) -> Self {
        match error {
            ProxyError::Door(door) => door.into(),
            other => SandboxError::Proxy(other),
        }
    }
}

/// A running sandbox. Dropping it cuts what is in flight; [`Sandbox::stop`] is the polite way.
pub struct Sandbox {
    control: Control,
    door: Door,
    proxy: Proxy,
    postman: Working,
    credentials: Vec<Credentials>,
    /// Held open and locked: the folder is ours.
    _lock: std::fs::File,
}

/// The postman's task, which ends with its handle.
struct Working(JoinHandle<()>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the controls work on, shared with the server.
#[derive(Clone)]
pub(crate) struct Control {
    pub(crate) office: Arc<Office>,
    postman: Postman,
}

/// Starts a sandbox within the current Tokio runtime: makes or reads its keys, opens its store, its gateway and its proxy.
///
/// # Errors
/// A port or the folder is in use, or keys or store can't be used.
pub async fn start(options: Options) -> Result<Sandbox, SandboxError> {
    let folder = options.data_dir.join("sandbox");
    let lock = lock(&folder)?;
    let keys = folder.join("keys");
    let (keyring, store, kept) = {
        let (keys, folder, count) = (keys.clone(), folder.clone(), options.merchants);
        let opened = tokio::task::spawn_blocking(move || -> Result<_, SandboxError> {
            let keyring = Keyring::open(&keys, count)?;
            let (store, kept) = Store::open(&folder.join("sandbox.db"))?;
            Ok((keyring, store, kept))
        });
        opened.await.map_err(|e| SandboxError::Client(e.to_string()))??
    };
    let office = Arc::new(Office::open(keyring, store, &kept));
    drop(kept);
    let control = Control { office: office.clone(), postman: Postman::new().map_err(SandboxError::Client)? };
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let served = control.clone();
    let door = Door::open(addr, Limits::sandbox(), move |request| server::serve(served.clone(), request))?;
    let proxy = Proxy::open(options.proxy_port, &keys, door.entrance())?;
    let base_url = format!("http://{}", door.addr());
    let proxy_url = format!("http://{}", proxy.addr());
    let credentials = office
        .keyring
        .all()
        .iter()
        .filter_map(|merchant| credentials(merchant, &base_url, &proxy_url, proxy.ca_certificate()))
        .collect();
    let postman = Working(tokio::spawn(control.postman.clone().work(office)));
    Ok(Sandbox { control, door, proxy, postman, credentials, _lock: lock })
}

fn lock(folder: &Path) -> Result<std::fs::File, SandboxError> {
    let failed = |error| SandboxError::Folder { folder: folder.to_owned(), error };
    // the data folder may be made by this: a desk will keep what customers bought in it
    crate::keyring::private_folder(folder).map_err(failed)?;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(SandboxError::FolderInUse { folder: folder.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn credentials(merchant: &Merchant, base_url: &str, proxy_url: &str, ca: &Path) -> Option<Credentials> {
    let platform = merchant.signing()?;
    let at = |name: &str| merchant.folder.join(name);
    Some(Credentials {
        base_url: base_url.to_owned(),
        mchid: merchant.mchid.clone(),
        appid: merchant.appid.clone(),
        appsecret: merchant.appsecret.clone(),
        api_v3_key: merchant.api_v3_key_text.clone(),
        merchant_serial_no: merchant.serial.clone(),
        merchant_private_key: at("apiclient_key.pem"),
        merchant_certificate: at("apiclient_cert.pem"),
        platform_serial_no: platform.serial.clone(),
        platform_certificate: platform.certificate_path.clone(),
        platform_private_key: platform.key_path.clone(),
        public_key_id: merchant.public_key_id.clone(),
        public_key: at("pub_key.pem"),
        public_key_private_key: at("pub_key_private.pem"),
        proxy_url: proxy_url.to_owned(),
        ca_certificate: ca.to_owned(),
    })
}

impl Sandbox {
    /// What test code needs, one for each merchant.
    pub fn credentials(&self) -> &[Credentials] {
        &self.credentials
    }

    /// The JSON line of `guitai sandbox`: the first merchant's credentials at the top, and all of them under `merchants` if
    /// there are several.
    pub fn ready_line(&self) -> Value {
        let mut line = self.credentials.first().map_or(Value::Null, |first| json!(first));
        if self.credentials.len() > 1
            && let Some(map) = line.as_object_mut()
        {
            map.insert("merchants".to_owned(), json!(self.credentials));
        }
        line
    }

    /// The gateway, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.door.addr())
    }

    #[cfg(test)]
    pub(crate) fn door_addr(&self) -> SocketAddr {
        self.door.addr()
    }

    /// The proxy.
    pub fn proxy_url(&self) -> String {
        format!("http://{}", self.proxy.addr())
    }

    /// Plays the payer; the answer is the transaction object.
    ///
    /// # Errors
    /// The order is unknown, paid, closed or expired.
    pub async fn pay(&self, command: PayCommand) -> Result<Value, ControlError> {
        self.control.pay(command).await
    }

    /// Checks pay params as WeChat's client would.
    pub fn check_pay_params(&self, params: Value) -> PayParamsVerdict {
        phone::check(&self.control.office, &params)
    }

    /// What the payer's phone shows for a prepay_id or code_url; `None` if it is unknown.
    pub fn order_for_phone(&self, ticket: &str) -> Option<PhoneOrder> {
        phone::order(&self.control.office, ticket)
    }

    /// The openid that `jscode2session` gives for `sandbox-<name>` under the first merchant's appid.
    pub fn openid_for(&self, name: &str) -> String {
        self.control.office.keyring.all().first().map(|m| openid_for(m, name)).unwrap_or_default()
    }

    /// The newest 10,000 notifications, oldest first.
    pub fn notifications(&self) -> Vec<NotificationView> {
        self.control.notifications()
    }

    /// One attempt now, outside the ladder.
    ///
    /// # Errors
    /// No such notification.
    pub async fn redeliver(&self, id: &str, fault: Option<RedeliverFault>) -> Result<AttemptView, ControlError> {
        self.control.redeliver(id, fault).await
    }

    /// The two clocks.
    pub fn clock(&self) -> ClockView {
        self.control.clock()
    }

    /// Moves business time on.
    ///
    /// # Errors
    /// More than ten years ahead, or the store keeps nothing.
    pub async fn advance(&self, seconds: u64) -> Result<ClockView, ControlError> {
        self.control.advance(seconds).await
    }

    /// Lets business time go this many times as fast as the wall's, 3,600 at most; 0 holds it.
    ///
    /// # Errors
    /// Faster than that, or the store keeps nothing.
    pub async fn set_rate(&self, rate: u32) -> Result<ClockView, ControlError> {
        self.control.set_rate(rate).await
    }

    /// The gateway's misbehaviour.
    pub fn faults(&self) -> Vec<ApiFault> {
        self.control.office.api_faults()
    }

    /// Replaces the gateway's misbehaviour.
    ///
    /// # Errors
    /// Too many faults, or a latency over 30 s.
    pub fn set_faults(&self, faults: Vec<ApiFault>) -> Result<Vec<ApiFault>, ControlError> {
        self.control.office.set_api_faults(faults)
    }

    /// What is wrong with notifications of the ladder on purpose.
    pub fn callback_faults(&self) -> Vec<CallbackFault> {
        self.control.office.callback_faults()
    }

    /// Replaces what is wrong with notifications of the ladder.
    ///
    /// # Errors
    /// Too many rules, or a share outside 0 to 1.
    pub fn set_callback_faults(&self, faults: Vec<CallbackFault>) -> Result<Vec<CallbackFault>, ControlError> {
        self.control.office.set_callback_faults(faults)
    }

    /// The switches.
    pub fn switches(&self) -> Switches {
        (*self.control.office.switches()).clone()
    }

    /// Changes the switches that `patch` names.
    ///
    /// # Errors
    /// An unknown switch, a wrong value, or the store keeps nothing.
    pub async fn set_switches(&self, patch: &Value) -> Result<Switches, ControlError> {
        self.control.set_switches(patch).await
    }

    /// Forgets orders and notifications, keeps keys.
    ///
    /// # Errors
    /// The store keeps nothing.
    pub async fn reset(&self) -> Result<(), ControlError> {
        kept(self.control.office.reset()).await
    }

    /// The newest requests (at most 500), newest first.
    pub fn requests(&self, limit: usize) -> Vec<RequestView> {
        self.control.office.requests(limit)
    }

    /// What happens from now on; who lags more than 1,024 events behind misses some.
    pub fn subscribe(&self) -> broadcast::Receiver<SandboxEvent> {
        self.control.office.subscribe()
    }

    /// Answers requests in flight, then ends. What is due is due again at the next start.
    pub async fn stop(self) {
        let Sandbox { control, door, proxy, mut postman, credentials: _, _lock } = self;
        door.close().await;
        proxy.close().await;
        postman.0.abort();
        let _ = (&mut postman.0).await;
        // Not kept: business time is then somewhat further at the next start.
        let _ = control.office.end_clock().wait().await;
        drop(control);
    }
}

/// Waits for the disk.
pub(crate) async fn kept(commit: Commit) -> Result<(), ControlError> {
    let lost = |_| ControlError::new(500, "NOT_KEPT", "the sandbox's store could not keep it; is the disk full?");
    commit.wait().await.map_err(lost)
}

fn moment(at: Timestamp) -> String {
    let fixed = jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(8));
    at.to_zoned_datetime(fixed).strftime("%Y-%m-%dT%H:%M:%S%.3f+08:00").to_string()
}

/// An instant of the wall for people and programs: RFC 3339, Beijing, milliseconds.
pub(crate) fn wall_text() -> String {
    moment(Clock::wall())
}

fn text(at: Millis) -> String {
    moment(instant(at))
}

fn attempt_view(attempt: &Attempt) -> AttemptView {
    AttemptView {
        at: text(attempt.at),
        status: attempt.status,
        latency_ms: attempt.latency_ms,
        error: attempt.error.clone(),
        fault: attempt.fault,
    }
}

fn notification_view(notice: &Notice) -> NotificationView {
    NotificationView {
        id: notice.id.clone(),
        event_type: notice.event_type.clone(),
        out_trade_no: notice.out_trade_no.clone(),
        mchid: notice.mchid.clone(),
        url: notice.url.clone(),
        state: notice.state.word().to_owned(),
        attempts: notice.attempts.iter().map(attempt_view).collect(),
        next_attempt_at: notice.next_attempt_at.map(text),
    }
}

impl Control {
    pub(crate) async fn pay(&self, command: PayCommand) -> Result<Value, ControlError> {
        let (paid, commit) = self.office.pay(&command);
        kept(commit).await?;
        paid
    }

    pub(crate) fn notifications(&self) -> Vec<NotificationView> {
        self.office.look(|ledger| ledger.notices().map(notification_view).collect())
    }

    pub(crate) async fn redeliver(&self, id: &str, fault: Option<RedeliverFault>) -> Result<AttemptView, ControlError> {
        let unknown = || ControlError::new(404, "NOTIFICATION_NOT_EXIST", "the sandbox doesn't know this notification");
        let notice = self.office.look(|ledger| ledger.notice(id).cloned()).ok_or_else(unknown)?;
        Ok(attempt_view(&self.postman.redeliver(&self.office, &notice, fault).await))
    }

    pub(crate) fn clock(&self) -> ClockView {
        ClockView {
            now: text(self.office.clock.business()),
            wall: wall_text(),
            ahead_seconds: self.office.clock.ahead().div_euclid(1_000),
            rate: self.office.clock.rate(),
            next_due: self.office.look(crate::ledger::Ledger::next_due).map(text),
        }
    }

    pub(crate) async fn advance(&self, seconds: u64) -> Result<ClockView, ControlError> {
        kept(self.office.advance(seconds)?).await?;
        Ok(self.clock())
    }

    pub(crate) async fn set_rate(&self, rate: u32) -> Result<ClockView, ControlError> {
        kept(self.office.set_rate(rate)?).await?;
        Ok(self.clock())
    }

    pub(crate) async fn set_switches(&self, patch: &Value) -> Result<Switches, ControlError> {
        let (switches, commit) = self.office.set_switches(patch)?;
        kept(commit).await?;
        Ok((*switches).clone())
    }

    /// A second platform certificate, or one more.
    pub(crate) async fn add_certificate(&self, mchid: Option<&str>) -> Result<Value, ControlError> {
        let merchant = self.merchant(mchid)?;
        let made = tokio::task::spawn_blocking(move || merchant.add_platform()).await;
        let platform = made
            .map_err(|e| ControlError::new(500, "NOT_KEPT", e.to_string()))?
            .map_err(|e| ControlError::new(500, "NOT_KEPT", e.to_string()))?;
        Ok(json!({
            "serial_no": platform.serial,
            "certificate": platform.certificate_path,
            "private_key": platform.key_path,
        }))
    }

    /// Ends a platform certificate; the last one can't be ended.
    pub(crate) fn end_certificate(&self, serial: &str) -> Result<(), ControlError> {
        let Some(merchant) = self.office.keyring.all().iter().find(|m| m.knows_platform(serial)) else {
            return Err(ControlError::new(404, "CERTIFICATE_NOT_EXIST", "no platform certificate has this serial"));
        };
        match merchant.end_platform(serial) {
            Ok(true) => Ok(()),
            Ok(false) => Err(ControlError::new(409, "CERTIFICATE_NEEDED", "it is ended already, or the only one")),
            Err(error) => Err(ControlError::new(500, "NOT_KEPT", error.to_string())),
        }
    }

    /// A fresh login code for a payer by chance, or the lasting one of a name.
    pub(crate) fn login_code(name: Option<&str>) -> Value {
        json!({ "js_code": name.map_or_else(LoginCodes::hand_out, |name| format!("sandbox-{name}")) })
    }

    fn merchant(&self, mchid: Option<&str>) -> Result<Arc<Merchant>, ControlError> {
        let found = match mchid {
            Some(mchid) => self.office.keyring.by_mchid(mchid),
            None => self.office.keyring.all().first(),
        };
        found.cloned().ok_or_else(|| ControlError::new(404, "MCH_NOT_EXISTS", "the sandbox has no such merchant"))
    }
}
