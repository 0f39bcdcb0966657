//! Backup and restore of the whole store: by hand, and daily beside the store (setting `backup.daily`, on unless it says
//! `off`; `backup.keep` days are kept, 7 unless it says otherwise).
//!
//! Merchants' keys are in the store, sealed; the key that opens them is in the system's keychain, in `vault.key` or made
//! from a passphrase, and never in a backup. A restore on another machine needs that too, or the keys imported again.

use crate::console::Console;
use crate::orders::shown_time;
use crate::outside::Outside;
use crate::problem;
use crate::store::{CopyFacts, StoreError, inspect_copy, put_back};
use crate::wire::{Bilingual, Problem};
use serde::{Deserialize, Serialize};
use specta::Type;
use std::path::{Path, PathBuf};
use wechatpay::time::{Timestamp, beijing_date};

/// Switches the daily backup off.
const DAILY: &str = "backup.daily";
/// Days that are kept.
const KEEP: &str = "backup.keep";
const KEPT: u32 = 7;
/// More days than this are not kept, whatever the setting says.
const KEPT_MOST: u32 = 365;

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct BackupFacts {
    /// The file.
    pub file: String,
    /// Its bytes.
    #[specta(type = u32)]
    pub bytes: u64,
    /// Schema version.
    #[specta(type = u32)]
    pub schema: i64,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_at: Option<String>,
    /// Merchants; their keys are sealed.
    #[specta(type = u32)]
    pub merchants: i64,
    /// Orders.
    #[specta(type = u32)]
    pub orders: i64,
    /// Refunds.
    #[specta(type = u32)]
    pub refunds: i64,
    /// Callbacks.
    #[specta(type = u32)]
    pub callbacks: i64,
    /// Raw callbacks whose SHA-256 was taken again and holds.
    #[specta(type = u32)]
    pub callbacks_hashed: u64,
    /// What is not in it.
    pub note: Bilingual,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Restored {
    /// What was restored.
    pub backup: BackupFacts,
    /// Where the store that was there before lies now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_aside: Option<String>,
}

/// The daily backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct BackupStatus {
    /// Is one made each day.
    pub daily: bool,
    /// Days that are kept.
    pub keep: u32,
    /// Where they lie.
    pub folder: String,
    /// How many there are.
    pub count: u32,
    /// The newest, by hand or by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_at: Option<String>,
    /// Its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_file: Option<String>,
    /// Its bytes.
    #[specta(type = u32)]
    pub last_bytes: u64,
}

/// A backup in the folder of the daily ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct BackupItem {
    /// Its file's name; what it is restored by.
    pub name: String,
    /// When it was made.
    pub at: String,
    /// Its bytes.
    #[specta(type = u32)]
    pub bytes: u64,
}

impl Console {
    /// The backups in the folder of the daily ones, newest first.
    ///
    /// # Errors
    /// None today; a `Result` so that it may ask the store tomorrow.
    pub async fn backup_list(&self) -> Result<Vec<BackupItem>, Problem> {
        let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let found = copies(&self.daily_folder()).into_iter().rev();
        Ok(found
            .map(|copy| BackupItem { name: name(&copy.file), at: shown_time(copy.at), bytes: copy.bytes })
            .collect())
    }

    /// The file of a listed backup: only such a name is ever a path.
    ///
    /// # Errors
    /// `BACKUP_NOT_FOUND`.
    pub async fn backup_file(&self, name: &str) -> Result<PathBuf, Problem> {
        let mut found = copies(&self.daily_folder()).into_iter();
        let file = found.find(|copy| copy.file.file_name().is_some_and(|it| it == name)).map(|copy| copy.file);
        file.ok_or_else(|| {
            problem::new(
                "BACKUP_NOT_FOUND",
                "没有这个备份。",
                "There is no such backup.",
                "重新打开列表；别处的文件用 guitai restore 恢复。",
                "Open the list again; a file from elsewhere is restored with guitai restore.",
            )
        })
    }

    /// Copies the whole store to `to`, which must not exist yet, and looks at the copy from end to end. The desk goes on
    /// meanwhile; what is written after the beginning is not in it.
    ///
    /// # Errors
    /// `BACKUP_EXISTS`; `DATA_DIR_NOT_WRITABLE`, `DISK_FULL`, `STORE_DAMAGED`: no file is left behind.
    pub async fn backup(&self, to: &Path) -> Result<BackupFacts, Problem> {
        if to.exists() {
            return Err(exists(to));
        }
        let facts = self.desk.store.copy_to(to, self.desk.outside.now()).await?;
        Ok(shown(to, &facts))
    }

    /// The same into the folder of the daily ones, under a name of this second.
    ///
    /// # Errors
    /// As [`Console::backup`].
    pub async fn backup_here(&self) -> Result<BackupFacts, Problem> {
        let second: String =
            shown_time(self.desk.outside.now()).chars().take(19).filter(char::is_ascii_digit).collect();
        let folder = self.folder()?;
        self.backup(&folder.join(format!("by-hand-{second}.db"))).await
    }

    /// How the daily backup stands.
    ///
    /// # Errors
    /// The store's.
    pub async fn backup_status(&self) -> Result<BackupStatus, Problem> {
        let (daily, keep) = self.backup_wanted().await?;
        let folder = self.daily_folder();
        let mut found = copies(&folder);
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let newest = found.pop();
        Ok(BackupStatus {
            daily,
            keep,
            folder: folder.display().to_string(),
            count,
            last_at: newest.as_ref().map(|copy| shown_time(copy.at)),
            last_file: newest.as_ref().map(|copy| copy.file.display().to_string()),
            last_bytes: newest.map_or(0, |copy| copy.bytes),
        })
    }

    /// Makes the day's backup if it is wanted and not there, and lets go of those that are older than is kept.
    pub(crate) async fn daily_backup(&self) -> Result<(), Problem> {
        let (daily, keep) = self.backup_wanted().await?;
        let file = self.daily_folder().join(format!("guitai-{}.db", beijing_date(self.desk.outside.now())));
        if !daily || file.exists() {
            return Ok(());
        }
        self.folder()?;
        self.backup(&file).await?;
        let mut days: Vec<_> = copies(&self.daily_folder()).into_iter().filter(|copy| is_daily(&copy.file)).collect();
        days.sort_by(|one, other| one.file.cmp(&other.file));
        let over = days.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
        for old in days.into_iter().take(over) {
            let _ = std::fs::remove_file(&old.file);
        }
        Ok(())
    }

    async fn backup_wanted(&self) -> Result<(bool, u32), Problem> {
        let settings = self.settings_get().await?;
        let daily = settings.get(DAILY).is_none_or(|value| value != "off");
        let keep = settings.get(KEEP).and_then(|text| text.parse().ok()).unwrap_or(KEPT);
        Ok((daily, keep.clamp(1, KEPT_MOST)))
    }

    fn daily_folder(&self) -> PathBuf {
        self.desk.data_dir.join("backups").join("daily")
    }

    fn folder(&self) -> Result<PathBuf, Problem> {
        let folder = self.daily_folder();
        std::fs::create_dir_all(&folder)
            .map_err(|error| StoreError::NotWritable { path: folder.clone(), reason: error.to_string() })?;
        Ok(folder)
    }
}

/// Looks at a backup from end to end without changing anything. Blocks.
///
/// # Errors
/// `BACKUP_UNUSABLE` with what is wrong; `STORE_NEWER`.
pub fn backup_check(file: &Path) -> Result<BackupFacts, Problem> {
    inspect_copy(file).map(|facts| shown(file, &facts)).map_err(|error| unusable(file, error))
}

/// Puts a backup in the place of the store in `data_dir`; the store that was there is kept in `backups/`. A backup of an
/// older version is migrated when the desk opens next. Blocks; the desk must not be open, in this process or another.
///
/// # Errors
/// `BACKUP_UNUSABLE`, `STORE_NEWER`: the store is as it was. `RESTORE_STORE_OPEN`: a window, a listener or a command has
/// it open. `DATA_DIR_NOT_WRITABLE`, `DISK_FULL`.
pub fn restore(data_dir: &Path, file: &Path) -> Result<Restored, Problem> {
    // first alone, so that what is wrong with the file is told as such
    let backup = backup_check(file)?;
    let (_, aside) = put_back(data_dir, file, Outside::real().now()).map_err(|error| match error {
        StoreError::Locked | StoreError::Busy => store_open(),
        StoreError::Damaged(_) | StoreError::Foreign { .. } => unusable(file, error),
        other => other.into(),
    })?;
    Ok(Restored { backup, kept_aside: aside.map(|path| path.display().to_string()) })
}

struct Copy {
    file: PathBuf,
    at: Timestamp,
    bytes: u64,
}

/// The backups in a folder, oldest first.
fn copies(folder: &Path) -> Vec<Copy> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<Copy> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "db"))
        .filter_map(|entry| {
            let facts = entry.metadata().ok()?;
            let at = Timestamp::try_from(facts.modified().ok()?).ok()?;
            Some(Copy { file: entry.path(), at, bytes: facts.len() })
        })
        .collect();
    found.sort_by_key(|copy| copy.at);
    found
}

/// `guitai-YYYY-MM-DD.db`: only such files are ever let go of.
fn is_daily(file: &Path) -> bool {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.strip_prefix("guitai-"));
    stem.is_some_and(|day| day.parse::<jiff::civil::Date>().is_ok())
}

fn shown(file: &Path, facts: &CopyFacts) -> BackupFacts {
    BackupFacts {
        file: file.display().to_string(),
        bytes: facts.bytes,
        schema: facts.schema,
        made_at: facts.made_at.map(shown_time),
        merchants: facts.rows_of("merchants"),
        orders: facts.rows_of("orders"),
        refunds: facts.rows_of("refunds"),
        callbacks: facts.rows_of("callbacks"),
        callbacks_hashed: facts.hashed,
        note: problem::both(
            "商户密钥在备份里是加密的；解开它的钥匙（系统钥匙串、vault.key 或口令）不在备份里，换机器恢复时要另外带上，或重新导入密钥。内置沙箱的数据也不在其中。",
            "Merchants' keys are in the backup, sealed. What opens them (the keychain, vault.key or a passphrase) is not: take it along to another machine, or import the keys again. The embedded sandbox's data is not in it either.",
        ),
    }
}

fn exists(file: &Path) -> Problem {
    let path = file.display();
    problem::new(
        "BACKUP_EXISTS",
        format!("{path} 已经存在，没有覆盖。"),
        format!("{path} exists already; it was not overwritten."),
        "换一个文件名。",
        "Take another name.",
    )
}

fn unusable(file: &Path, error: StoreError) -> Problem {
    if matches!(error, StoreError::Newer { .. } | StoreError::DiskFull) {
        return error.into();
    }
    let path = file.display();
    let why = error.to_string();
    problem::new(
        "BACKUP_UNUSABLE",
        format!("{path} 不能用来恢复：不是本程序的备份，或已损坏。现有数据没有改动。"),
        format!("{path} can't be restored: it is no backup of this program, or damaged. The store is as it was."),
        "换一个备份；每日备份在数据目录的 backups/daily 里。",
        "Take another backup; the daily ones are in backups/daily of the data folder.",
    )
    .with_why(why.clone(), why)
}

fn store_open() -> Problem {
    problem::new(
        "RESTORE_STORE_OPEN",
        "数据正被另一个窗口、监听或命令使用，没有恢复，现有数据没有改动。",
        "A window, a listener or another command has the store open; nothing was restored and the store is as it was.",
        "关闭窗口，停止 guitai listen，再试一次；也可以在窗口的设置里恢复。",
        "Close the window, stop guitai listen and try again; or restore in the window's settings.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MerchantInput;
    use crate::console::Options;
    use crate::store::{digests, run_on};
    use crate::wire::{OrderFilter, OrderInput};
    use wechatpay::money::Fen;

    async fn desk(folder: &Path) -> Console {
        let outside = Outside::fixed(crate::gateway::stand::then(), 5);
        let options = Options { data_dir: folder.to_owned(), passphrase: None, interactive: false, outside };
        Console::open(options).await.expect("a desk")
    }

    async fn order(console: &Console, no: &str) {
        let input = OrderInput {
            amount: Fen::new(1_000),
            description: "拿铁".to_owned(),
            out_trade_no: Some(no.to_owned()),
            ..OrderInput::default()
        };
        console.order_create(None, input).await.expect("an order");
    }

    async fn numbers(console: &Console) -> Vec<String> {
        let page = console.order_list(None, OrderFilter::default()).await.expect("a page");
        page.items.into_iter().map(|order| order.out_trade_no).collect()
    }

    #[tokio::test]
    async fn a_backup_is_restored_and_the_store_before_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("copy.db");
        let console = desk(folder.path()).await;
        let merchant: MerchantInput = crate::gateway::stand::sound("shop");
        console.desk.merchants.add(merchant).await.expect("a merchant");
        order(&console, "BEFORE").await;
        let store = folder.path().join("guitai.db");
        run_on(
            &store,
            "INSERT INTO callbacks (id, merchant, mchid, received_at, verdict, http_status, latency_ms, checks)
               VALUES (7, 'shop', '1', 1, 'held', 204, 1, '[]');
             INSERT INTO callback_raw VALUES
               (7, '/', '', '[]', x'7b7d', x'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a', NULL)",
        );
        let before = digests(&store);
        let facts = console.backup(&file).await.expect("a backup");
        assert_eq!((facts.orders, facts.merchants, facts.callbacks_hashed), (1, 1, 1));
        assert!(facts.made_at.is_some());
        assert!(console.backup(&file).await.is_err_and(|it| it.code == "BACKUP_EXISTS"));
        order(&console, "AFTERWARDS").await;

        let refused = restore(folder.path(), &file).expect_err("it is open");
        assert_eq!(refused.code, "RESTORE_STORE_OPEN");
        assert_eq!(numbers(&console).await.len(), 2, "and goes on");
        console.close().await;
        assert_ne!(digests(&store), before);
        let restored = restore(folder.path(), &file).expect("restored");
        assert_eq!(digests(&store), before, "every cell of every table is what it was");
        let console = desk(folder.path()).await;
        assert_eq!(numbers(&console).await, ["BEFORE"]);
        let settings = console.settings_get().await.expect("settings");
        assert!(!settings.contains_key("backup.note"), "the note is the copy's: {settings:?}");
        order(&console, "NEWEST").await;
        console.close().await;
        // the way back: the store that was there before is a backup too
        let aside = PathBuf::from(restored.kept_aside.expect("a store was there"));
        restore(folder.path(), &aside).expect("restored");
        let console = desk(folder.path()).await;
        assert_eq!(numbers(&console).await, ["AFTERWARDS", "BEFORE"]);
        console.close().await;
    }

    #[tokio::test]
    async fn what_is_damaged_is_refused_and_the_store_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let good = folder.path().join("good.db");
        let console = desk(folder.path()).await;
        console.desk.merchants.add(crate::gateway::stand::sound("shop")).await.expect("a merchant");
        for number in 0..40 {
            order(&console, &format!("ORDER{number:03}")).await;
        }
        console.backup(&good).await.expect("a backup");
        console.close().await;
        let store = folder.path().join("guitai.db");
        let (before, whole) = (std::fs::read(&store).expect("the store"), std::fs::read(&good).expect("the copy"));
        let half = whole.len() / 2;
        let mut noise = whole.clone();
        noise[half..half + 6_000].fill(0x5a);
        let mut newer = whole.clone();
        newer[60..64].copy_from_slice(&9_999_i32.to_be_bytes());
        let mut foreign = whole.clone();
        foreign[68..72].fill(1);
        let cases: [(&str, Vec<u8>, &str); 7] = [
            ("empty", Vec::new(), "BACKUP_UNUSABLE"),
            ("no database", b"PK\x03\x04 a zip, say".repeat(50), "BACKUP_UNUSABLE"),
            ("cut", whole[..half].to_vec(), "BACKUP_UNUSABLE"),
            ("cut to its header", whole[..100].to_vec(), "BACKUP_UNUSABLE"),
            ("overwritten in the middle", noise, "BACKUP_UNUSABLE"),
            ("newer", newer, "STORE_NEWER"),
            ("somebody else's", foreign, "BACKUP_UNUSABLE"),
        ];
        for (what, bytes, code) in cases {
            let bad = folder.path().join("bad.db");
            std::fs::write(&bad, bytes).expect("written");
            let refused = restore(folder.path(), &bad).expect_err(what);
            assert_eq!(refused.code, code, "{what}: {refused:?}");
            assert!(std::fs::read(&store).expect("the store") == before, "{what}: the store was touched");
        }
        let gone = restore(folder.path(), &folder.path().join("nowhere.db")).expect_err("no file");
        assert_eq!(gone.code, "BACKUP_UNUSABLE");
        // sound to SQLite, and yet not what was copied: rows gone, a callback's body changed
        for (what, sql) in [
            ("rows gone", "DELETE FROM journal WHERE id = 1"),
            (
                "a body changed",
                "INSERT INTO callbacks (id, merchant, mchid, received_at, verdict, http_status, latency_ms, checks) \
              VALUES (1, 'shop', '1', 1, 'held', 204, 1, '[]'); \
              INSERT INTO callback_raw VALUES (1, '/', '', '[]', x'00', zeroblob(32), NULL); \
              UPDATE settings SET value = '1;orders=40' WHERE key = 'backup.note'",
            ),
        ] {
            let bad = folder.path().join("changed.db");
            std::fs::copy(&good, &bad).expect("copied");
            crate::store::run_on(&bad, sql);
            let refused = restore(folder.path(), &bad).expect_err(what);
            assert_eq!(refused.code, "BACKUP_UNUSABLE", "{what}: {refused:?}");
        }
        assert!(std::fs::read(&store).expect("the store") == before);
        let console = desk(folder.path()).await;
        assert_eq!(numbers(&console).await.len(), 40);
        console.close().await;
    }

    #[tokio::test]
    async fn a_day_has_one_backup_and_old_ones_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let console = desk(folder.path()).await;
        let daily = folder.path().join("backups/daily");
        std::fs::create_dir_all(&daily).expect("a folder");
        for day in ["2026-11-20", "2026-11-21", "2026-11-22"] {
            std::fs::write(daily.join(format!("guitai-{day}.db")), b"old").expect("written");
        }
        std::fs::write(daily.join("by-hand-1.db"), b"mine").expect("written");
        console.settings_set("backup.daily", "off").await.expect("set");
        console.daily_backup().await.expect("nothing to do");
        assert_eq!(std::fs::read_dir(&daily).expect("a folder").count(), 4);
        console.settings_set("backup.daily", "").await.expect("set");
        console.settings_set("backup.keep", "2").await.expect("set");
        console.daily_backup().await.expect("done");
        console.daily_backup().await.expect("there already");
        let mut names: Vec<String> = std::fs::read_dir(&daily)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["by-hand-1.db", "guitai-2026-11-22.db", "guitai-2026-12-01.db"]);
        let status = console.backup_status().await.expect("a status");
        assert_eq!((status.daily, status.keep, status.count), (true, 2, 3));
        backup_check(&daily.join("guitai-2026-12-01.db")).expect("a sound one");
        console.close().await;
    }
}
