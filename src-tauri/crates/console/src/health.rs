//! Is what lies in the data folder sound, and can it go on being so: `doctor store` here looks at the file, its room, its
//! owner and its drive and mends what is derived from the rows; `upkeep` looks by itself, and `report` says how everything is
//! with what `counters` has counted.

mod counters;
mod report;
mod upkeep;

pub use counters::{CauseCount, CommitCounts, DeliveryCounts, Spread};
pub(crate) use counters::{Commits, Deliveries};
pub use report::{CertificateEnd, DoorCounts, Health, Looked, Serving};
pub(crate) use report::{forget, write_down};

use crate::outside::free_bytes;
use crate::problem::both;
use crate::store::{Finding, look, mend, private};
use crate::wire::{Bilingual, Problem};
use serde::{Deserialize, Serialize};
use specta::Type;
use std::path::Path;

/// Less free room than this is told: a day of a busy shop.
const ROOM: u64 = 200 * 1024 * 1024;

/// What was found in a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct StoreReport {
    /// Nothing is wrong.
    pub ok: bool,
    /// The folder.
    pub data_dir: String,
    /// `store_readable`, `integrity`, `references`, `callbacks`, `summary`, `search`, `owner`, `free_space`, `drive`,
    /// `synced`, `leftovers`.
    pub checks: Vec<StoreCheck>,
}

/// One check of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct StoreCheck {
    /// Slug.
    pub name: String,
    /// Null: could not be judged.
    pub ok: Option<bool>,
    /// It was wrong and is mended.
    pub mended: bool,
    /// What was found, and what to do.
    pub detail: Bilingual,
}

/// Looks at the store in `data_dir`; with `mending` makes indexes, sums and search words anew where they are wrong and
/// takes other people's rights to it away. It may be open meanwhile. Blocks.
///
/// # Errors
/// The folder can't be looked at, or `STORE_LOCKED` while mending.
pub fn store_doctor(data_dir: &Path, mending: bool) -> Result<StoreReport, Problem> {
    let mut found = look(data_dir)?;
    let broken = |finding: &Option<Finding>| matches!(finding, Some(Err(_)));
    let derived = broken(&found.integrity) || broken(&found.summary) || broken(&found.search);
    let mut mended = Vec::new();
    if mending && derived {
        // what SQLite can't even write to is beyond this; the report says so
        if mend(data_dir).is_ok() {
            let again = look(data_dir)?;
            for (name, before, after) in [
                ("integrity", &found.integrity, &again.integrity),
                ("summary", &found.summary, &again.summary),
                ("search", &found.search, &again.search),
            ] {
                if broken(before) && !broken(after) {
                    mended.push(name);
                }
            }
            found = again;
        }
    }
    let mut checks = Vec::new();
    let mut add = |name: &str, finding: Option<Finding>, zh: &str, en: &str| {
        let (ok, said) = match &finding {
            None => (None, String::new()),
            Some(Ok(said)) => (Some(true), said.clone()),
            Some(Err(said)) => (Some(false), said.clone()),
        };
        let detail = match ok {
            Some(true) => both(said.clone(), said),
            Some(false) => both(format!("{said}。{zh}"), format!("{said}. {en}")),
            None => both("因前面的问题无法检查。", "Could not be looked at because of what was found before."),
        };
        checks.push(StoreCheck { name: name.to_owned(), ok, mended: mended.contains(&name), detail });
    };
    add("store_readable", found.header, "从备份恢复：guitai restore。", "Restore a backup: guitai restore.");
    add(
        "integrity",
        found.integrity,
        "先用 --mend 重建索引；仍有问题就从备份恢复。",
        "Rebuild the indexes with --mend; if it stays, restore a backup.",
    );
    add("references", found.references, "从备份恢复。", "Restore a backup.");
    add(
        "callbacks",
        found.callbacks,
        "这条回调的原文已改变，不能再作为凭据；从备份恢复。",
        "Its bytes changed and prove nothing any more; restore a backup.",
    );
    add("summary", found.summary, "用 --mend 重算。", "Compute them anew with --mend.");
    add("search", found.search, "用 --mend 重建搜索索引。", "Make the index anew with --mend.");
    checks.push(owner(data_dir, mending));
    checks.extend([room(data_dir), drive(data_dir), synced(data_dir), leftovers(data_dir, mending)]);
    let ok = checks.iter().all(|check| check.ok != Some(false));
    Ok(StoreReport { ok, data_dir: data_dir.display().to_string(), checks })
}

fn check(name: &str, ok: Option<bool>, detail: Bilingual) -> StoreCheck {
    StoreCheck { name: name.to_owned(), ok, mended: false, detail }
}

/// Only its owner may read what customers bought.
#[cfg(unix)]
fn owner(data_dir: &Path, mending: bool) -> StoreCheck {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let name = "owner";
    let files = ["guitai.db", "guitai.db-wal", "guitai.db-shm", "vault.key"].map(|file| data_dir.join(file));
    let open = |path: &Path| path.metadata().is_ok_and(|facts| facts.mode() & 0o077 != 0);
    let folder_open = open(data_dir);
    let exposed: Vec<_> = files.iter().filter(|file| file.exists() && open(file)).collect();
    let me = rustix::process::geteuid().as_raw();
    if let Ok(facts) = data_dir.metadata()
        && facts.uid() != me
        && me != 0
    {
        let (zh, en) = (
            format!("目录属于用户 {}，当前用户是 {me}。用 chown 改回来。", facts.uid()),
            format!("The folder belongs to user {}, this is user {me}. Give it back with chown.", facts.uid()),
        );
        return check(name, Some(false), both(zh, en));
    }
    // a file that others could read by its own mode is safe in a folder that they can't enter
    if !folder_open && exposed.iter().all(|file| !file.ends_with("vault.key")) {
        return check(name, Some(true), both("只有所有者可以读取", "only its owner can read it"));
    }
    if mending {
        let closed = std::fs::set_permissions(data_dir, std::fs::Permissions::from_mode(0o700)).is_ok()
            && exposed.iter().all(|file| private(file).is_ok());
        if closed {
            let detail = both("已收回其他用户的权限", "other users' rights were taken away");
            return StoreCheck { mended: true, ..check(name, Some(true), detail) };
        }
    }
    check(
        name,
        Some(false),
        both(
            "其他用户可以读取数据目录。用 --mend 收回权限，或 chmod 700。",
            "Other users can read the data folder. Take their rights away with --mend, or chmod 700.",
        ),
    )
}

#[cfg(not(unix))]
fn owner(_data_dir: &Path, _mending: bool) -> StoreCheck {
    check("owner", None, both("此系统上不检查权限", "permissions are not looked at on this system"))
}

fn room(data_dir: &Path) -> StoreCheck {
    match free_bytes(data_dir) {
        Some(free) => {
            let mib = free / (1024 * 1024);
            let detail = if free >= ROOM {
                both(format!("剩余 {mib} MiB"), format!("{mib} MiB free"))
            } else {
                both(
                    format!("磁盘只剩 {mib} MiB，快写不下了。腾出空间。"),
                    format!("Only {mib} MiB are free. Make room before nothing can be kept."),
                )
            };
            check("free_space", Some(free >= ROOM), detail)
        }
        None => check("free_space", None, both("系统没有说明剩余空间", "the system doesn't say how much room is free")),
    }
}

/// SQLite's write-ahead log needs shared memory, which network drives don't give: two machines would ruin the store.
#[cfg(target_os = "linux")]
fn drive(data_dir: &Path) -> StoreCheck {
    // NFS, SMB, CIFS, SMB2, AFS, Ceph, 9P, sshfs and other FUSE drives
    const REMOTE: [u32; 8] =
        [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x5346_414F, 0x00C3_6400, 0x0102_1997, 0x6573_5546];
    match rustix::fs::statfs(data_dir) {
        Ok(facts) => {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the magic number has 32 bits")]
            let remote = REMOTE.contains(&(facts.f_type as u32));
            let detail = if remote {
                both(
                    "数据在网络盘上，SQLite 在那里可能损坏。用 --data-dir 换到本机磁盘。",
                    "The store is on a network drive, where SQLite may be damaged. Move it to a local disk with --data-dir.",
                )
            } else {
                both("本机磁盘", "a local disk")
            };
            check("drive", Some(!remote), detail)
        }
        Err(error) => check("drive", None, both(error.to_string(), error.to_string())),
    }
}

#[cfg(not(target_os = "linux"))]
fn drive(_data_dir: &Path) -> StoreCheck {
    check("drive", None, both("此系统上不检查磁盘种类", "the kind of drive is not looked at on this system"))
}

/// Programs that copy folders between machines copy a store while it is written to, and put an old one back.
fn synced(data_dir: &Path) -> StoreCheck {
    const NAMES: [&str; 9] = [
        "dropbox",
        "onedrive",
        "google drive",
        "my drive",
        "mobile documents",
        "nextcloud",
        "owncloud",
        "nutstore",
        "坚果云",
    ];
    const MARKS: [&str; 4] = [".dropbox", ".stfolder", ".nextcloudsync.log", ".owncloudsync.log"];
    let whole = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let found = whole.ancestors().find(|folder| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        NAMES.iter().any(|known| name.starts_with(known)) || MARKS.iter().any(|mark| folder.join(mark).exists())
    });
    match found {
        None => check("synced", Some(true), both("不在同步文件夹里", "not in a folder that is synchronised")),
        Some(folder) => {
            let folder = folder.display();
            check(
                "synced",
                Some(false),
                both(
                    format!(
                        "数据在同步文件夹 {folder} 里，同步程序会在写入时复制它、放回旧的。用 --data-dir 换一个目录。"
                    ),
                    format!(
                        "The data lies in {folder}, which a program synchronises: it copies a store while it is written to \
                         and puts old ones back. Move it elsewhere with --data-dir."
                    ),
                ),
            )
        }
    }
}

/// Half copies that a kill or a power cut left: nobody reads them, and they take room.
fn leftovers(data_dir: &Path, mending: bool) -> StoreCheck {
    // younger ones may be somebody's work
    const AGE: std::time::Duration = std::time::Duration::from_secs(3_600);
    let folders = [data_dir.to_owned(), data_dir.join("backups"), data_dir.join("backups/daily")];
    let left: Vec<_> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| {
            let ending = path.extension().is_some_and(|ending| ending == "part" || ending == "restore");
            let old = path.metadata().and_then(|facts| facts.modified()).ok().and_then(|at| at.elapsed().ok());
            path.is_file() && ending && old.is_some_and(|age| age >= AGE)
        })
        .collect();
    if left.is_empty() {
        return check("leftovers", Some(true), both("没有残留文件", "nothing half done is left"));
    }
    let count = left.len();
    if mending && left.iter().all(|path| std::fs::remove_file(path).is_ok()) {
        let detail = both(format!("已删除 {count} 个残留文件"), format!("{count} half copies were taken away"));
        return StoreCheck { mended: true, ..check("leftovers", Some(true), detail) };
    }
    let detail = both(
        format!("中断的备份或恢复留下了 {count} 个文件，白占空间。用 --mend 删除。"),
        format!("A backup or restore that was cut off left {count} files. Take them away with --mend."),
    );
    check("leftovers", Some(false), detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::{Console, Options};
    use crate::outside::Outside;
    use crate::wire::{OrderFilter, OrderInput};
    use wechatpay::money::Fen;

    async fn desk(folder: &Path) -> Console {
        let outside = Outside::fixed(crate::gateway::stand::then(), 5);
        let options = Options { data_dir: folder.to_owned(), passphrase: None, interactive: false, outside };
        Console::open(options).await.expect("a desk")
    }

    fn verdicts(report: &StoreReport) -> Vec<(&str, Option<bool>, bool)> {
        report.checks.iter().map(|check| (check.name.as_str(), check.ok, check.mended)).collect()
    }

    #[tokio::test]
    async fn what_is_derived_is_mended_and_what_is_not_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let console = desk(&data).await;
        console.desk.merchants.add(crate::gateway::stand::sound("shop")).await.expect("a merchant");
        for number in 0..5 {
            let input = OrderInput {
                amount: Fen::new(1_000),
                description: "火锅双人套餐".to_owned(),
                out_trade_no: Some(format!("ORDER{number}")),
                ..OrderInput::default()
            };
            console.order_create(None, input).await.expect("an order");
        }
        let sound = store_doctor(&data, false).expect("a report, while it is open");
        let wrong: Vec<_> = sound.checks.iter().filter(|check| check.ok != Some(true)).collect();
        assert!(wrong.iter().all(|check| matches!(check.name.as_str(), "free_space" | "drive")), "{wrong:?}");
        console.close().await;

        let file = data.join("guitai.db");
        crate::store::run_on(
            &file,
            "UPDATE order_states SET orders = 99; UPDATE callback_causes SET deliveries = 99; DELETE FROM callback_hours; INSERT INTO days (mchid, day, payments) VALUES ('x', '2026-01-01', 3);
             INSERT INTO order_words (order_words) VALUES ('delete-all')",
        );
        let report = store_doctor(&data, false).expect("a report");
        assert!(!report.ok);
        for name in ["summary", "search"] {
            assert!(verdicts(&report).contains(&(name, Some(false), false)), "{name}: {report:?}");
        }
        let report = store_doctor(&data, true).expect("mended");
        for name in ["summary", "search"] {
            assert!(verdicts(&report).contains(&(name, Some(true), true)), "{name}: {report:?}");
        }
        let console = desk(&data).await;
        let filter = OrderFilter { search: Some("火锅".to_owned()), ..OrderFilter::default() };
        assert_eq!(
            console.order_list(None, filter).await.expect("a page").items.len(),
            5,
            "found by their words again"
        );
        assert_eq!(console.overview(None).await.expect("an overview").unpaid, 5);
        console.close().await;

        crate::store::run_on(
            &file,
            "INSERT INTO callbacks (id, merchant, mchid, received_at, verdict, http_status, latency_ms, checks)
               VALUES (7, 'shop', '1', 1, 'held', 204, 1, '[]');
             INSERT INTO callback_raw VALUES (7, '/', '', '[]', x'00', zeroblob(32), NULL)",
        );
        let report = store_doctor(&data, true).expect("a report");
        let callbacks = report.checks.iter().find(|check| check.name == "callbacks").expect("the check");
        assert_eq!((callbacks.ok, callbacks.mended), (Some(false), false));
        assert!(callbacks.detail.en.contains("cb_7"), "{callbacks:?}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn other_peoples_rights_are_taken_away() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        desk(&data).await.close().await;
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).expect("opened to all");
        let report = store_doctor(&data, false).expect("a report");
        assert!(verdicts(&report).contains(&("owner", Some(false), false)), "{report:?}");
        let report = store_doctor(&data, true).expect("a report");
        assert!(verdicts(&report).contains(&("owner", Some(true), true)), "{report:?}");
        assert_eq!(data.metadata().expect("facts").permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn no_store_at_all_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(store_doctor(folder.path(), false).is_err(), "there is nothing to look at");
        std::fs::write(folder.path().join("guitai.db"), b"not a database, and long enough to be read as one")
            .expect("written");
        let report = store_doctor(folder.path(), true).expect("a report");
        assert!(verdicts(&report).contains(&("store_readable", Some(false), false)), "{report:?}");
    }
}
