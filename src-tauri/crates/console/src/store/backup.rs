//! Whole copies of the store: made while it is open, looked at before they count, put in the store's place.
//!
//! A copy is one file (`VACUUM INTO`) with a note of what is in it, so that a copy from which rows are gone is noticed
//! although it is a sound database. What lies beside the store (the key that opens its secrets) is not in it.

use super::StoreError;
use super::open::{self, FILE};
use super::schema;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use wechatpay::time::Timestamp;

/// The setting that holds the note, in copies only.
const NOTE: &str = "backup.note";
/// What is counted for the note and shown to people.
const COUNTED: [&str; 6] = ["merchants", "orders", "refunds", "callbacks", "exchanges", "journal"];

/// What is in a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CopyFacts {
    pub(crate) schema: i64,
    pub(crate) bytes: u64,
    /// When it was made; none: it is a store's own file, not a copy.
    pub(crate) made_at: Option<Timestamp>,
    /// Rows of each table, as `COUNTED` names them.
    pub(crate) rows: Vec<(&'static str, i64)>,
    /// Raw callbacks whose hash was taken again.
    pub(crate) hashed: u64,
}

impl CopyFacts {
    pub(crate) fn rows_of(&self, table: &str) -> i64 {
        self.rows.iter().find(|(name, _)| *name == table).map_or(0, |(_, rows)| *rows)
    }
}

/// Copies the store at `file` to `to`, which must not exist, and looks at the copy. The store may be in use.
pub(super) fn copy(file: &Path, to: &Path, now: Timestamp) -> Result<CopyFacts, StoreError> {
    let refused = |error: std::io::Error| failed(to, &error);
    if to.exists() {
        return Err(StoreError::NotWritable { path: to.to_owned(), reason: "it exists already".to_owned() });
    }
    let part = beside(to, "part");
    let _ = std::fs::remove_file(&part);
    let made = (|| {
        let source = open::writing(file)?;
        source.pragma_update(None, "cache_size", -1_024)?;
        source.execute("VACUUM INTO ?1", [part.to_string_lossy()])?;
        drop(source);
        private(&part).map_err(refused)?;
        let copy = Connection::open(&part)?;
        let rows = counted(&copy)?;
        let note: Vec<String> = rows.iter().map(|(table, rows)| format!("{table}={rows}")).collect();
        let note = format!("{};{}", now.as_millisecond(), note.join(","));
        copy.execute("INSERT OR REPLACE INTO settings VALUES (?1, ?2)", [NOTE, note.as_str()])?;
        drop(copy);
        let facts = inspect(&part)?;
        std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(refused)?;
        std::fs::rename(&part, to).map_err(refused)?;
        Ok(facts)
    })();
    if made.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    made
}

/// Looks at a copy from end to end without changing it: ours, not newer, sound, nothing gone, each raw callback still
/// with the hash that was taken when it came.
pub(crate) fn inspect(file: &Path) -> Result<CopyFacts, StoreError> {
    let damaged = |what: String| StoreError::Damaged(what);
    let bytes = std::fs::metadata(file).map_err(|error| failed(file, &error))?.len();
    if bytes == 0 {
        return Err(StoreError::Foreign { path: file.to_owned() });
    }
    open::judge_header(file)?;
    let copy = open::scanning(file)?;
    let schema = schema::version(&copy, file)?;
    let verdict: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(damaged(verdict));
    }
    if copy.prepare("PRAGMA foreign_key_check")?.exists([])? {
        return Err(damaged("a row refers to one that is gone".to_owned()));
    }
    let rows = counted(&copy)?;
    let note: Option<String> =
        copy.query_row("SELECT value FROM settings WHERE key = ?1", [NOTE], |row| row.get(0)).optional()?;
    let mut made_at = None;
    if let Some(note) = note {
        let (at, counts) = note.split_once(';').ok_or_else(|| damaged("the note is not readable".to_owned()))?;
        made_at = at.parse().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        for part in counts.split(',') {
            let known = part.split_once('=').and_then(|(table, count)| Some((table, count.parse::<i64>().ok()?)));
            let is = known.and_then(|(table, _)| rows.iter().find(|(name, _)| *name == table));
            if let (Some((table, count)), Some((_, rows))) = (known, is)
                && *rows != count
            {
                return Err(damaged(format!("{rows} {table} where {count} were copied")));
            }
        }
    }
    let hashed = hashed(&copy)?;
    Ok(CopyFacts { schema, bytes, made_at, rows, hashed })
}

/// Takes the hash of each raw callback again.
pub(super) fn hashed(connection: &Connection) -> Result<u64, StoreError> {
    let mut rows = connection.prepare("SELECT id, body, sha256 FROM callback_raw ORDER BY id")?;
    let mut rows = rows.query([])?;
    let mut hashed = 0;
    while let Some(row) = rows.next()? {
        let (id, body, sha256): (i64, Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if Sha256::digest(&body).as_slice() != sha256.as_slice() {
            return Err(StoreError::Damaged(format!("the body of callback cb_{id} is not what came")));
        }
        hashed += 1;
    }
    Ok(hashed)
}

/// Puts a copy in the place of the store in `data_dir`, which nobody may have open. The old store is kept beside it;
/// its path is returned. Whatever goes wrong, the store is as it was.
pub(crate) fn put_back(
    data_dir: &Path,
    copy: &Path,
    now: Timestamp,
) -> Result<(CopyFacts, Option<PathBuf>), StoreError> {
    let facts = inspect(copy)?;
    let file = data_dir.join(FILE);
    let refused = |error: std::io::Error| failed(&file, &error);
    open::make_private_folder(data_dir).map_err(refused)?;
    let part = beside(&file, "restore");
    let _ = std::fs::remove_file(&part);
    let done = (|| {
        std::fs::copy(copy, &part).map_err(refused)?;
        private(&part).map_err(refused)?;
        {
            let fresh = Connection::open(&part)?;
            fresh.execute("DELETE FROM settings WHERE key = ?1", [NOTE])?;
        }
        // once more: what was read the second time is what will be the store
        let again = inspect(&part)?;
        if again.rows != facts.rows || again.hashed != facts.hashed {
            return Err(StoreError::Damaged("the copy changed while it was read".to_owned()));
        }
        std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(refused)?;
        let aside = match file.exists() {
            true => Some(set_aside(&file, now)?),
            false => None,
        };
        if let Err(error) = std::fs::rename(&part, &file) {
            if let Some(aside) = &aside {
                let _ = std::fs::rename(aside, &file);
            }
            return Err(refused(error));
        }
        Ok((facts, aside))
    })();
    if done.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    done
}

/// Moves the store away, once nobody has it open. Leaving WAL is what SQLite only does for the last connection.
fn set_aside(file: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let mut alone = Connection::open(file)?;
    alone.busy_timeout(std::time::Duration::from_millis(500))?;
    // a file that is no database any more can't be asked; it is moved as it is
    let mode = alone.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0));
    match mode {
        Ok(mode) if mode == "delete" => {}
        Ok(_) => return Err(StoreError::Locked),
        Err(error) => match StoreError::from(error) {
            StoreError::Damaged(_) => {}
            other => return Err(other),
        },
    }
    let lock = alone.transaction_with_behavior(TransactionBehavior::Exclusive);
    let second: String = wechatpay::time::beijing(now).chars().take(19).filter(char::is_ascii_digit).collect();
    let folder = file.with_file_name("backups");
    std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
    let aside = free(&folder, &format!("before-restore-{second}"));
    // elsewhere an open file can't be renamed
    if cfg!(windows) {
        drop(lock);
        let _ = alone.close();
        return std::fs::rename(file, &aside).map(|()| aside).map_err(|error| failed(file, &error));
    }
    let moved = std::fs::rename(file, &aside).map(|()| aside).map_err(|error| failed(file, &error));
    drop(lock);
    moved
}

fn free(folder: &Path, stem: &str) -> PathBuf {
    let names = (0..).map(|number| match number {
        0 => folder.join(format!("{stem}.db")),
        _ => folder.join(format!("{stem}-{number}.db")),
    });
    names.take(1_000).find(|path| !path.exists()).unwrap_or_else(|| folder.join(format!("{stem}.db")))
}

fn counted(connection: &Connection) -> Result<Vec<(&'static str, i64)>, StoreError> {
    let count = |table: &'static str| {
        let rows = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
        Ok((table, rows))
    };
    COUNTED.into_iter().map(count).collect()
}

fn beside(file: &Path, extension: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(extension);
    file.with_file_name(name)
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::DiskFull,
        _ => StoreError::NotWritable { path: path.to_owned(), reason: error.to_string() },
    }
}

/// Nobody else's to read: it holds what customers bought.
#[cfg(unix)]
pub(crate) fn private(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
pub(crate) fn private(_file: &Path) -> std::io::Result<()> {
    Ok(())
}
