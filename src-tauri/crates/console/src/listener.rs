//! The routes behind the door: `POST /notify/<merchant>` byte for byte, the merchant API where it was asked for, and
//! nothing else is there.

use crate::api::{self, Api, ApiOptions};
use crate::callbacks::RawDelivery;
use crate::console::Console;
use crate::health;
use crate::logs;
use crate::problem;
use crate::tunnel::PROBE;
use crate::wire::{Callback, Event, Problem};
use guitai_door::{Answer, Door, DoorError, Limits, Request};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use wechatpay::time::Timestamp;

/// What notify paths begin with.
pub(crate) const NOTIFY: &str = "/notify/";
/// The setting that remembers where the listener stood last, for orders of a sandbox's merchant without an address.
pub(crate) const LISTENER_SETTING: &str = "listener.place";
/// Where the command and the window listen unless told otherwise.
pub(crate) const LISTENER_BY_DEFAULT: &str = "http://127.0.0.1:8787";
/// Every usual method gets in, so that all but a right `POST` are told the same 404.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// How to listen.
#[derive(Debug, Clone, Default)]
pub struct ListenOptions {
    /// On 127.0.0.1; 0: any free port.
    pub port: u16,
    /// Only this merchant; `None`: every one, each under its own path.
    pub merchant: Option<String>,
    /// Start the patrol too.
    pub patrol: bool,
    /// Serve the merchant API too; `None`: every path of it is 404.
    pub api: Option<ApiOptions>,
}

/// A listener that runs until it is stopped.
pub struct Listener {
    door: Door,
    paths: Vec<String>,
    console: Console,
    /// From before the door opened, for the first who asks: no delivery falls between opening and asking.
    first: Mutex<Option<broadcast::Receiver<Callback>>>,
    patrols: bool,
    /// Writes down what is counted.
    counting: JoinHandle<()>,
}

impl Console {
    /// Opens the callback listener on 127.0.0.1.
    ///
    /// # Errors
    /// `PORT_IN_USE`, `LISTEN_FAILED`; `MERCHANT_NOT_FOUND`, `NO_MERCHANT` where there is none at all; `INVALID_FIELD` for
    /// an origin that is none; the vault's and the store's.
    pub async fn listen(&self, options: ListenOptions) -> Result<Listener, Problem> {
        let names = match &options.merchant {
            Some(name) => vec![self.desk.merchants.get(Some(name)).await?.name.clone()],
            None => self.desk.merchants.names().await?,
        };
        let only = options.merchant.as_ref().and(names.first().cloned());
        let api = match options.api {
            Some(asked) => Some(Arc::new(Api::open(self, only.clone(), asked).await?)),
            None => None,
        };
        let mut limits = Limits { methods: METHODS, ..Limits::listener() };
        if api.is_some() {
            limits.refusal_body = api::refusal_body;
        }
        let console = self.clone();
        let handler = move |request: Request| {
            let (console, only, api) = (console.clone(), only.clone(), api.clone());
            async move { answer(&console, only.as_deref(), api.as_deref(), request).await }
        };
        let first = Mutex::new(Some(self.desk.deliveries.subscribe()));
        let place = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let door = Door::open(place, limits, handler).map_err(closed_door)?;
        let patrols = options.patrol && !self.desk.patrol.running();
        if patrols {
            self.start_patrol();
        }
        self.settings_set(LISTENER_SETTING, &format!("http://{}", door.addr())).await?;
        self.begin_watching(door.addr()).await;
        let meter = door.meter();
        *self.desk.meter.lock().unwrap_or_else(PoisonError::into_inner) = Some((door.addr(), meter.clone()));
        self.desk.write_down(door.addr(), &meter);
        let counting = tokio::spawn(health::write_down(Arc::downgrade(&self.desk), door.addr(), meter));
        self.desk.tell([Event::ListenerChanged]);
        let paths = names.iter().map(|name| format!("{NOTIFY}{name}")).collect();
        Ok(Listener { door, paths, console: self.clone(), first, patrols, counting })
    }

    /// What a process that stays tells its log: how much it is to say, where it listens, and what is wrong with the place.
    async fn begin_watching(&self, addr: SocketAddr) {
        let level = self.settings_get().await.unwrap_or_default().remove(logs::LEVEL_SETTING);
        logs::set_level(level.as_deref());
        tracing::info!(%addr, "the callback listener is open");
        for notice in self.place_notices() {
            tracing::warn!(said = %notice.en, "the data folder is in a bad place");
        }
    }
}

impl Listener {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.door.addr()
    }

    /// The path of each merchant that was there when it started; a merchant added later is served too.
    #[must_use]
    pub fn notify_paths(&self) -> Vec<String> {
        self.paths.clone()
    }

    /// Every delivery, in the order of answering: from the opening on for the first who asks, for others from now on. A reader that is 4,096 behind is told that it missed some.
    #[must_use]
    pub fn deliveries(&self) -> broadcast::Receiver<Callback> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.unwrap_or_else(|| self.console.desk.deliveries.subscribe())
    }

    /// Takes no more; answers what is in flight, and ends the patrol if it came with it.
    pub async fn stop(self) {
        let Listener { door, console, counting, patrols, .. } = self;
        let addr = door.addr();
        door.close().await;
        counting.abort();
        let _ = counting.await;
        *console.desk.meter.lock().unwrap_or_else(PoisonError::into_inner) = None;
        health::forget(&console.desk.data_dir, addr.port());
        tracing::info!(%addr, "the callback listener is closed");
        if patrols {
            console.desk.patrol.stop().await;
        }
        console.desk.tell([Event::ListenerChanged]);
    }
}

async fn answer(console: &Console, only: Option<&str>, api: Option<&Api>, request: Request) -> Answer {
    let merchant = match (request.path().strip_prefix(NOTIFY), api) {
        (Some(name), _) if request.method == "POST" && !name.is_empty() && only.is_none_or(|only| only == name) => {
            name.to_owned()
        }
        (None, Some(api)) if request.method == "POST" && request.path() == api::NOTIFY_ALIAS => {
            match api.merchant_name().await {
                Some(name) => name,
                None => return nothing_here(),
            }
        }
        (None, Some(api)) if request.path().starts_with(api::ROOT) => return api.answer(&request).await,
        _ => return nothing_here(),
    };
    // a tunnel's own question: nothing that WeChat Pay sends, and no delivery
    if let Some(nonce) = request.header(PROBE)
        && let Some(proof) = console.probe_answer(nonce).await
    {
        return Answer::full(200, "text/plain; charset=utf-8", proof);
    }
    let received_at = Timestamp::try_from(request.received_at).unwrap_or_else(|_| console.desk.outside.now());
    let delivery = RawDelivery {
        target: request.target,
        headers: request.headers,
        body: request.body.to_vec(),
        peer: request.peer.ip().to_string(),
        received_at,
    };
    let answered = request.answered;
    let receipt = console.receive(&merchant, delivery).await;
    if let Some(callback) = receipt.goes_on {
        let console = console.clone();
        tokio::spawn(async move {
            // whether the client took it or is gone: nothing of ours keeps it waiting any more
            let _ = answered.wait().await;
            console.forward_release(callback).await;
        });
    }
    match receipt.http_status {
        404 => nothing_here(),
        status if receipt.body.is_empty() => Answer::empty(status),
        status => Answer::full(status, "application/json; charset=utf-8", receipt.body),
    }
}

fn nothing_here() -> Answer {
    Answer::empty(404)
}

fn closed_door(error: DoorError) -> Problem {
    match error {
        DoorError::PortInUse { addr } => {
            let port = addr.port();
            problem::new(
                "PORT_IN_USE",
                format!("端口 {port} 已被占用，没有开始监听。"),
                format!("Port {port} is in use; nothing listens."),
                "关闭占用它的程序，或换一个端口（0 为任意空闲端口）。",
                "Close the program that has it, or take another port (0: any free one).",
            )
            .at_field("port")
        }
        DoorError::Listen { addr, source } => problem::new(
            "LISTEN_FAILED",
            format!("无法在 {addr} 上监听。"),
            format!("Can't listen on {addr}."),
            "换一个端口后再试。",
            "Try another port.",
        )
        .with_why(format!("系统返回：{source}"), format!("The system says: {source}")),
    }
}
