//! The desk itself: what its verbs share, opening and closing it, its figures and settings.
//!
//! The verbs of each noun stand with their noun: `orders`, `refunds`, `callbacks`, `merchants`, `listener`, `patrol`.

use crate::daily::Daily;
use crate::forward::Forwarding;
use crate::gateway::Gateway;
use crate::health::{Deliveries, Looked};
use crate::logs;
use crate::merchants::Merchants;
use crate::orders;
use crate::outside::Outside;
use crate::patrol::Patrol;
use crate::problem;
use crate::secret::Secret;
use crate::store::{Store, StoreError};
use crate::trust::Trust;
use crate::vault::Vault;
use crate::wire::{Callback, ChannelTakings, Day, DeskStatus, Event, Overview, Problem};
use guitai_door::Meter;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;
use wechatpay::time::{self, Timestamp};

/// Events that a slow reader may be behind; then it is told that it missed some and asks anew.
const EVENTS: usize = 4_096;
/// Days on the overview's chart.
const DAYS: i64 = 30;
/// Seconds before its end at which an unpaid order is said to expire soon.
const EXPIRING: i64 = 15 * 60;
/// Payments on the overview.
const LATEST: i64 = 10;
/// Settings that may be kept at most.
const SETTINGS: usize = 200;

/// How to open a desk.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the store and the keys are; made if it isn't there.
    pub data_dir: PathBuf,
    /// Opens the vault where no keychain does.
    pub passphrase: Option<Secret>,
    /// Somebody sits in front of it, so a keychain may ask.
    pub interactive: bool,
    /// Clock and randomness.
    pub outside: Outside,
}

/// The merchant's desk. Cheap to clone; clones are the same desk.
#[derive(Clone)]
pub struct Console {
    pub(crate) desk: Arc<Desk>,
}

/// What the verbs share.
pub(crate) struct Desk {
    pub(crate) data_dir: PathBuf,
    pub(crate) store: Store,
    pub(crate) merchants: Merchants,
    pub(crate) gateway: Gateway,
    pub(crate) trust: Trust,
    pub(crate) outside: Outside,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) deliveries: broadcast::Sender<Callback>,
    pub(crate) patrol: Patrol,
    pub(crate) daily: Daily,
    pub(crate) forwarding: Forwarding,
    /// Since when the counters count.
    pub(crate) since: Timestamp,
    pub(crate) counters: Deliveries,
    /// The listener's door, while there is one.
    pub(crate) meter: Mutex<Option<(SocketAddr, Meter)>>,
    /// What the quick look after the start found.
    pub(crate) looked: Mutex<Option<Looked>>,
}

impl Console {
    /// Opens the desk: its folder, its store (migrated if it is older), its merchants. Nothing is unlocked or sent yet.
    ///
    /// # Errors
    /// `DATA_DIR_NOT_WRITABLE`, `STORE_NEWER` and `STORE_FOREIGN` (file untouched), `STORE_DAMAGED`, `DISK_FULL`,
    /// `STORE_LOCKED`.
    pub async fn open(options: Options) -> Result<Console, Problem> {
        let Options { data_dir, passphrase, interactive, outside } = options;
        let folder = data_dir.clone();
        let store = tokio::task::spawn_blocking(move || Store::open(&folder))
            .await
            .unwrap_or_else(|broken| Err(StoreError::Other(broken.to_string())))?;
        let vault = Vault::new(store.clone(), data_dir.clone(), passphrase, interactive, outside.clone());
        let merchants = Merchants::new(store.clone(), vault, outside.clone());
        let trust = Trust::new(store.clone(), merchants.clone(), outside.clone());
        let gateway = Gateway::new(trust.clone());
        let desk = Desk {
            data_dir,
            store,
            merchants,
            gateway,
            trust,
            since: outside.now(),
            outside,
            events: broadcast::channel(EVENTS).0,
            deliveries: broadcast::channel(EVENTS).0,
            patrol: Patrol::default(),
            daily: Daily::default(),
            forwarding: Forwarding::default(),
            counters: Deliveries::default(),
            meter: Mutex::default(),
            looked: Mutex::default(),
        };
        Ok(Console { desk: Arc::new(desk) })
    }

    /// Stops the patrol, the day's work and the couriers, finishes what is being written and closes the store. A listener is stopped by its own handle.
    pub async fn close(&self) {
        self.desk.patrol.stop().await;
        self.desk.daily.stop().await;
        self.desk.forwarding.stop().await;
        self.desk.store.close().await;
    }

    /// What changes from now on. A reader that falls behind by 4,096 events is told so and asks anew.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.desk.events.subscribe()
    }

    /// How the desk is.
    ///
    /// # Errors
    /// The store's.
    pub async fn status(&self) -> Result<DeskStatus, Problem> {
        let last = self.desk.store.read(|view| view.callback_newest()).await?;
        Ok(DeskStatus {
            data_dir: self.desk.data_dir.display().to_string(),
            store_bytes: self.desk.store.bytes(),
            last_callback_at: last.map(orders::shown_time),
            clock_skew_ms: self.desk.gateway.clock_skew_ms(),
        })
    }

    /// Today's figures, the last 30 days, the newest payments. From kept sums: it takes as long with ten orders as with
    /// ten million.
    ///
    /// # Errors
    /// `MERCHANT_NOT_FOUND`, `NO_MERCHANT`; the store's.
    pub async fn overview(&self, m: Option<&str>) -> Result<Overview, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let now = self.desk.outside.now();
        let dates: Vec<String> =
            (0..DAYS).rev().map(|ago| time::beijing_date(seconds_before(now, ago * 86_400))).collect();
        let (mchid, from) = (profile.mchid.to_string(), dates.first().cloned().unwrap_or_default());
        let read = self.desk.store.read(move |view| {
            let days = view.days_since(&mchid, &from)?;
            let latest = view.orders_paid_latest(&mchid, LATEST)?;
            let expiring = view.orders_expiring(&mchid, now, seconds_before(now, -EXPIRING))?;
            let due = view.patrol_due(&mchid, now)?;
            let waiting = (view.orders_unpaid(&mchid)?, expiring, due, view.callbacks_unseen(&mchid)?);
            Ok::<_, StoreError>((days, view.channels_since(&mchid, &from)?, latest, waiting))
        });
        let (rows, channels, latest, (unpaid, expiring, due, held)) = read.await?;
        let mut by_day: HashMap<String, _> = rows.into_iter().map(|row| (row.day.clone(), row)).collect();
        let today = dates.last().and_then(|date| by_day.get(date).cloned()).unwrap_or_default();
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        let days = dates.into_iter().map(|date| {
            let row = by_day.remove(&date).unwrap_or_default();
            Day {
                date,
                payments: count(row.payments),
                amount: row.amount,
                refunds: count(row.refunds),
                refunded: row.refunded,
                made: count(row.made),
                paid: count(row.paid),
            }
        });
        let channels = channels.into_iter().map(|row| ChannelTakings {
            via: row.via,
            payments: count(row.payments),
            amount: row.amount,
        });
        Ok(Overview {
            taken_today: today.amount,
            payments_today: count(today.payments),
            refunded_today: today.refunded,
            refunds_today: count(today.refunds),
            unpaid: count(unpaid),
            expiring: count(expiring),
            due: count(due),
            held: count(held),
            days: days.collect(),
            channels: channels.collect(),
            latest: latest.iter().map(orders::shown).collect(),
        })
    }

    /// All settings of the hosts.
    ///
    /// # Errors
    /// The store's.
    pub async fn settings_get(&self) -> Result<BTreeMap<String, String>, Problem> {
        Ok(self.desk.store.read(|view| view.settings()).await?.into_iter().collect())
    }

    /// Sets one setting; an empty value forgets it. Keys are 1 to 64 of `a-z 0-9 _ . -`, values at most 4,096 bytes, at
    /// most 200 settings. Those of the tunnel (`tunnel.`) are the desk's own: a merchant's `notify_url` comes from there.
    ///
    /// # Errors
    /// `INVALID_FIELD`; the store's.
    pub async fn settings_set(&self, key: &str, value: &str) -> Result<(), Problem> {
        let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.' | b'-');
        let own = key.starts_with("tunnel.");
        if !(1..=64).contains(&key.len()) || !key.bytes().all(sound) || own || value.len() > 4_096 {
            return Err(problem::new(
                "INVALID_FIELD",
                "设置的名称或内容不符合规则。",
                "The setting's name or value breaks its rule.",
                "名称为 1 到 64 个 a-z 0-9 _ . -，不以 tunnel. 开头，内容不超过 4096 字节。",
                "A name has 1 to 64 of a-z 0-9 _ . - and doesn't begin with tunnel., a value at most 4,096 bytes.",
            )
            .at_field("key"));
        }
        if key == logs::LEVEL_SETTING {
            logs::set_level(Some(value));
        }
        let (key, value) = (key.to_owned(), value.to_owned());
        self.desk
            .store
            .write(move |tx| {
                let kept = tx.settings()?;
                if kept.len() >= SETTINGS && !kept.iter().any(|(name, _)| *name == key) && !value.is_empty() {
                    return Err(problem::new(
                        "TOO_MANY_SETTINGS",
                        "设置已有 200 项。",
                        "There are 200 settings already.",
                        "先删去不用的设置。",
                        "Forget one that is not used.",
                    ));
                }
                tx.setting_set(&key, Some(value.as_str()).filter(|value| !value.is_empty()))?;
                Ok(())
            })
            .await
    }
}

impl Desk {
    /// Tells whoever listens; nobody listening is fine.
    pub(crate) fn tell(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            let _ = self.events.send(event);
        }
    }
}

/// So many seconds earlier (or later, if negative).
pub(crate) fn seconds_before(at: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond().saturating_sub(seconds.saturating_mul(1_000))).unwrap_or(at)
}
