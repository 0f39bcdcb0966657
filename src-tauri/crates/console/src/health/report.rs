//! How everything is: what the processes that serve this data folder have counted, and how its store, disk, backups,
//! certificates, clock and logs stand.
//!
//! Counters live in the process that counts. Each one that listens writes its own to `serving/<port>.json` every ten
//! seconds, so that a command beside it can say them too, as of then; the file goes when the listener is closed.

use super::counters::{CauseCount, CommitCounts, DeliveryCounts, most_first};
use super::{StoreCheck, drive, room, synced};
use crate::backup::BackupStatus;
use crate::console::{Console, Desk};
use crate::logs::{self, LogStatus};
use crate::orders::shown_time;
use crate::outside::free_bytes;
use crate::store::private_folder;
use crate::wire::Problem;
use guitai_door::{Counters, Meter};
use serde::{Deserialize, Serialize};
use specta::Type;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, Weak};
use std::time::Duration;
use wechatpay::time::Timestamp;

/// How often a process writes down what it counted.
const EVERY: Duration = Duration::from_secs(10);
/// A process that has not written for so long is gone, and did not say good-bye.
const GONE: i64 = 60;
/// After so many seconds what it left is taken away.
const FORGOTTEN: i64 = 86_400;
/// Forwards that wait are counted up to here.
const WAITING: i64 = 10_000;
/// Below the data folder.
const FOLDER: &str = "serving";

/// How everything is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Health {
    /// When this was looked at.
    pub at: String,
    /// The folder.
    pub data_dir: String,
    /// The processes that listen on this folder, this one first.
    pub serving: Vec<Serving>,
    /// Bytes of the store and its log.
    #[specta(type = u32)]
    pub store_bytes: u64,
    /// Bytes that are free on its disk; null where the system doesn't say.
    #[specta(type = Option<u32>)]
    pub free_bytes: Option<u64>,
    /// `free_space`, `drive`, `synced`.
    pub checks: Vec<StoreCheck>,
    /// The quick look at the store after this process had started; null: not yet, or it took too long.
    pub started: Option<Looked>,
    /// The last thorough look at the store's file, once a week.
    pub integrity: Option<Looked>,
    /// The daily backup.
    pub backup: BackupStatus,
    /// The last time that the newest backup was restored aside and looked at from end to end, once a week.
    pub drill: Option<Looked>,
    /// This machine's clock minus WeChat Pay's; null before the first answer to this process.
    #[specta(type = Option<i32>)]
    pub clock_skew_ms: Option<i64>,
    /// Platform certificates, the first to end first.
    pub certificates: Vec<CertificateEnd>,
    /// Deliveries that wait to be passed on; 10,000 means as many or more.
    pub forwards_waiting: u32,
    /// The logs.
    pub logs: LogStatus,
}

/// A look at something, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Looked {
    /// When.
    pub at: String,
    /// Was it sound.
    pub ok: bool,
    /// What it was, or what was wrong.
    pub said: String,
}

/// When a platform certificate ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CertificateEnd {
    /// Profile that trusts it.
    pub merchant: String,
    /// Its serial.
    pub serial_no: String,
    /// Its last moment.
    pub not_after: String,
    /// Whole days until then; negative: it has ended.
    #[specta(type = i32)]
    pub days: i64,
}

/// A process that serves the data folder, and what it has counted since it began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Serving {
    /// `guitai` or `guitai-desktop`.
    pub program: String,
    /// Where it listens.
    pub address: Option<String>,
    /// Its process id.
    pub pid: u32,
    /// Is it the process that answers this?
    #[serde(default)]
    pub here: bool,
    /// It has not written for a minute: it was killed, or the machine was.
    #[serde(default)]
    pub gone: bool,
    /// Since when it counts.
    pub since: String,
    /// As of when.
    pub at: String,
    /// What became of the deliveries.
    pub deliveries: DeliveryCounts,
    /// The door that they come through; null: it does not listen now.
    pub door: Option<DoorCounts>,
    /// Commits to the store.
    pub commits: CommitCounts,
    /// Orders and refunds that the patrol asked about.
    #[specta(type = u32)]
    pub patrol_queries: u64,
}

/// What the listener's door has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct DoorCounts {
    /// Connections.
    #[specta(type = u32)]
    pub accepted: u64,
    /// Open now.
    #[specta(type = u32)]
    pub open: u64,
    /// Whole requests.
    #[specta(type = u32)]
    pub requests: u64,
    /// Unfinished connections closed to make room.
    #[specta(type = u32)]
    pub evicted: u64,
    /// Connections that the system could not hand over.
    #[specta(type = u32)]
    pub accept_errors: u64,
    /// Requests that were not answered in time (503).
    #[specta(type = u32)]
    pub overdue: u64,
    /// Requests whose handling broke (500).
    #[specta(type = u32)]
    pub panics: u64,
    /// Bodies over the limit (413); in `refused` too.
    #[specta(type = u32)]
    pub too_large: u64,
    /// Requests refused before they were whole, the most frequent cause first.
    pub refused: Vec<CauseCount>,
}

impl From<Counters> for DoorCounts {
    fn from(seen: Counters) -> Self {
        DoorCounts {
            accepted: seen.accepted,
            open: seen.open,
            requests: seen.requests,
            evicted: seen.evicted,
            accept_errors: seen.accept_errors,
            overdue: seen.overdue,
            panics: seen.panics,
            too_large: seen.refused.get(guitai_door::Refusal::BodyTooLarge.slug()).copied().unwrap_or(0),
            refused: most_first(seen.refused),
        }
    }
}

impl Console {
    /// How everything is, told in one go: a few rows are read, nothing is counted over and nothing is asked over the
    /// network.
    ///
    /// # Errors
    /// The store's.
    pub async fn health(&self) -> Result<Health, Problem> {
        let desk = &self.desk;
        let now = desk.outside.now();
        let settings = self.settings_get().await?;
        let looked = |key: &str| settings.get(key).and_then(|text| serde_json::from_str(text).ok());
        let waiting = desk.store.read(|view| view.forwards_waiting(WAITING)).await?;
        let mut certificates: Vec<CertificateEnd> = Vec::new();
        for merchant in self.merchant_list().await? {
            certificates.extend(merchant.platform_certificates.iter().map(|certificate| {
                CertificateEnd {
                    merchant: merchant.name.clone(),
                    serial_no: certificate.serial_no.clone(),
                    not_after: certificate.not_after.clone(),
                    days: certificate
                        .not_after
                        .parse::<Timestamp>()
                        .map_or(0, |end| end.as_second().saturating_sub(now.as_second()).div_euclid(86_400)),
                }
            }));
        }
        let backup = self.backup_status().await?;
        let started = desk.looked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        certificates.sort_by_key(|certificate| certificate.days);
        Ok(Health {
            at: shown_time(now),
            data_dir: desk.data_dir.display().to_string(),
            serving: self.serving(now),
            store_bytes: desk.store.bytes(),
            free_bytes: free_bytes(&desk.data_dir),
            checks: vec![room(&desk.data_dir), drive(&desk.data_dir), synced(&desk.data_dir)],
            started,
            integrity: looked(super::upkeep::INTEGRITY),
            backup,
            drill: looked(super::upkeep::DRILL),
            clock_skew_ms: desk.gateway.clock_skew_ms(),
            certificates,
            forwards_waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            logs: logs::status(&desk.data_dir),
        })
    }

    /// The processes that serve this folder.
    fn serving(&self, now: Timestamp) -> Vec<Serving> {
        let desk = &self.desk;
        let meter = desk.meter.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut found = Vec::new();
        if meter.is_some() || desk.patrol.running() {
            found.push(Serving { here: true, ..desk.counted(meter, now) });
        }
        let mut others: Vec<Serving> = files(&desk.data_dir)
            .iter()
            .filter_map(|file| serde_json::from_slice(&std::fs::read(file).ok()?).ok())
            .filter(|other: &Serving| other.pid != std::process::id())
            .map(|other: Serving| Serving { gone: age(&other.at, now) > GONE, here: false, ..other })
            .collect();
        others.sort_by(|one, other| one.address.cmp(&other.address));
        found.append(&mut others);
        found
    }
}

impl Desk {
    /// Writes down what this process has counted so far; that it can't costs nothing else.
    pub(crate) fn write_down(&self, addr: SocketAddr, meter: &Meter) {
        let now = self.outside.now();
        let counted = self.counted(Some((addr, meter.clone())), now);
        if let Err(error) = put(&self.data_dir, addr.port(), &counted, now) {
            tracing::debug!(%error, "what was counted could not be written down");
        }
    }

    /// What this process has counted.
    fn counted(&self, meter: Option<(SocketAddr, Meter)>, now: Timestamp) -> Serving {
        let program =
            std::env::current_exe().ok().and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
        Serving {
            program: program.unwrap_or_else(|| "guitai".to_owned()),
            address: meter.as_ref().map(|(addr, _)| format!("http://{addr}")),
            pid: std::process::id(),
            here: false,
            gone: false,
            since: shown_time(self.since),
            at: shown_time(now),
            deliveries: self.counters.counts(),
            door: meter.map(|(_, meter)| meter.counters().into()),
            commits: self.store.commits(),
            patrol_queries: self.patrol.queries(),
        }
    }
}

/// Writes down what the desk counted, every ten seconds, until it is aborted or the desk is gone.
pub(crate) async fn write_down(desk: Weak<Desk>, addr: SocketAddr, meter: Meter) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(strong) = desk.upgrade() else { return };
        // inline: two kilobytes, and so nothing of it is under way once this was aborted
        strong.write_down(addr, &meter);
    }
}

/// Takes away what a listener wrote.
pub(crate) fn forget(data_dir: &Path, port: u16) {
    let _ = std::fs::remove_file(place(data_dir, port));
}

fn put(data_dir: &Path, port: u16, counted: &Serving, now: Timestamp) -> std::io::Result<()> {
    let file = place(data_dir, port);
    if let Some(folder) = file.parent() {
        private_folder(folder)?;
    }
    for old in files(data_dir).iter().filter(|old| **old != file) {
        let before = std::fs::read(old).ok().and_then(|bytes| serde_json::from_slice::<Serving>(&bytes).ok());
        if before.is_none_or(|before| age(&before.at, now) > FORGOTTEN) {
            let _ = std::fs::remove_file(old);
        }
    }
    let part = file.with_extension("part");
    std::fs::write(&part, serde_json::to_vec(counted)?)?;
    std::fs::rename(&part, &file)
}

fn place(data_dir: &Path, port: u16) -> PathBuf {
    data_dir.join(FOLDER).join(format!("{port}.json"))
}

fn files(data_dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data_dir.join(FOLDER)).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "json")).collect()
}

/// Seconds since then; a time that can't be read is long ago.
fn age(at: &str, now: Timestamp) -> i64 {
    at.parse::<Timestamp>().map_or(i64::MAX, |at| now.as_second().saturating_sub(at.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Options;
    use crate::listener::ListenOptions;
    use crate::outside::Outside;

    #[tokio::test]
    async fn a_listener_tells_what_it_counted_and_takes_it_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let outside = Outside::fixed(crate::gateway::stand::then(), 8);
        let data_dir = folder.path().to_owned();
        let options = Options { data_dir, passphrase: None, interactive: false, outside: outside.clone() };
        let console = Console::open(options).await.expect("a desk");
        console.desk.merchants.add(crate::gateway::stand::sound("shop")).await.expect("a merchant");
        assert_eq!(console.health().await.expect("health").serving, []);

        let listener = console.listen(ListenOptions::default()).await.expect("a listener");
        let port = listener.addr().port();
        let health = console.health().await.expect("health");
        let [here] = &health.serving[..] else { panic!("{:?}", health.serving) };
        assert_eq!((here.here, here.gone, here.pid), (true, false, std::process::id()));
        assert_eq!(here.address, Some(format!("http://127.0.0.1:{port}")));
        assert!(here.door.as_ref().is_some_and(|door| door.accepted == 0) && here.commits.writes > 0);

        // another process beside it, then killed: said to be gone, and forgotten a day later
        let other = Serving { pid: 1, address: Some("http://127.0.0.1:9".to_owned()), ..here.clone() };
        put(folder.path(), 9, &other, outside.now()).expect("written");
        let seen = console.health().await.expect("health").serving;
        assert_eq!(seen.iter().map(|one| (one.here, one.gone)).collect::<Vec<_>>(), [(true, false), (false, false)]);
        outside.advance(GONE + 1);
        assert!(console.health().await.expect("health").serving.iter().any(|one| one.gone));
        outside.advance(FORGOTTEN);
        put(folder.path(), port, here, outside.now()).expect("written");
        assert_eq!(files(folder.path()), [place(folder.path(), port)]);

        listener.stop().await;
        assert_eq!(files(folder.path()), [] as [PathBuf; 0]);
        assert_eq!(console.health().await.expect("health").serving, []);
        console.close().await;
    }

    #[test]
    fn folders_that_are_synchronised_are_known() {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, sound) in
            [("plain/guitai", true), ("Dropbox/shop", false), ("OneDrive - 公司/x/y", false), ("坚果云/店", false)]
        {
            let path = folder.path().join(path);
            std::fs::create_dir_all(&path).expect("made");
            assert_eq!(synced(&path).ok, Some(sound), "{}", path.display());
        }
        std::fs::create_dir(folder.path().join("plain/.stfolder")).expect("made");
        assert_eq!(synced(&folder.path().join("plain/guitai")).ok, Some(false), "Syncthing marks its folders");
    }
}
