//! Finding, judging and opening the file: who may use it, with which pragmas.

use super::StoreError;
use super::ballast::Ballast;
use super::schema;
use rusqlite::{Connection, OpenFlags};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// "GUIT": tells our file from any other SQLite file.
pub(super) const APPLICATION_ID: i32 = 0x4755_4954;
/// The file's name in the data folder.
pub(super) const FILE: &str = "guitai.db";
/// How long a connection waits for another process's lock.
const BUSY: Duration = Duration::from_millis(5_000);

/// Makes the folder, judges what is there without changing it, migrates. Returns the file's path.
pub(super) fn prepare(data_dir: &Path) -> Result<PathBuf, StoreError> {
    let refused = |path: &Path, error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::DiskFull,
        _ => StoreError::NotWritable { path: path.to_owned(), reason: error.to_string() },
    };
    make_private_folder(data_dir).map_err(|error| refused(data_dir, error))?;
    let file = data_dir.join(FILE);
    judge_header(&file)?;
    // Asked of the system itself: permissions lie on network drives and under root.
    let probe = data_dir.join(".guitai-write-test");
    let written = std::fs::write(&probe, b"x").or_else(|error| match error.kind() {
        std::io::ErrorKind::StorageFull if Ballast::beside(&file).give_back() => std::fs::write(&probe, b"x"),
        _ => Err(error),
    });
    let _ = std::fs::remove_file(&probe);
    written.map_err(|error| refused(data_dir, error))?;
    if file.exists() {
        std::fs::OpenOptions::new().append(true).open(&file).map_err(|error| refused(&file, error))?;
        // Only looks: a connection that may write would already turn somebody else's file to WAL.
        schema::version(&reading(&file).map_err(|error| at_place(error, &file))?, &file)?;
    }
    let mut connection = writing(&file).map_err(|error| at_place(error, &file))?;
    schema::migrate(&mut connection, &file).map_err(|error| at_place(error, &file))?;
    Ok(file)
}

/// SQLite's own "can't write" doesn't say what; the person needs the path.
fn at_place(error: StoreError, file: &Path) -> StoreError {
    match error {
        StoreError::NotWritable { path, reason } if path.as_os_str().is_empty() => {
            StoreError::NotWritable { path: file.to_owned(), reason }
        }
        other => other,
    }
}

#[cfg(unix)]
pub(crate) fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
pub(crate) fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// Reads the 100 bytes of SQLite's header with plain file calls: a foreign or newer file is not even opened.
pub(super) fn judge_header(file: &Path) -> Result<(), StoreError> {
    let mut header = Vec::with_capacity(100);
    match std::fs::File::open(file) {
        Ok(open) => {
            open.take(100)
                .read_to_end(&mut header)
                .map_err(|error| StoreError::NotWritable { path: file.to_owned(), reason: error.to_string() })?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(StoreError::NotWritable { path: file.to_owned(), reason: error.to_string() });
        }
    }
    if header.is_empty() {
        return Ok(());
    }
    let number = |at: usize| -> i64 {
        let bytes: Option<[u8; 4]> = header.get(at..at + 4).and_then(|four| four.try_into().ok());
        bytes.map_or(0, |four| i64::from(i32::from_be_bytes(four)))
    };
    let ours = header.starts_with(b"SQLite format 3\0") && header.len() == 100;
    let (user_version, application_id) = (number(60), number(68));
    // 0/0 is a file whose first commit is still in its write-ahead log; `migrate` looks again through SQLite.
    if !ours || (application_id != i64::from(APPLICATION_ID) && (application_id, user_version) != (0, 0)) {
        return Err(StoreError::Foreign { path: file.to_owned() });
    }
    if user_version > schema::NEWEST {
        return Err(StoreError::Newer { found: user_version, known: schema::NEWEST });
    }
    Ok(())
}

/// A connection that may write: WAL, and FULL so that a commit survives a power cut.
pub(super) fn writing(file: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // macOS: a plain fsync doesn't reach the disk
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // 64 MiB: the usual checkpoint comes from another connection when nothing is written
    connection.pragma_update(None, "wal_autocheckpoint", 16_384)?;
    connection.pragma_update(None, "journal_size_limit", 67_108_864)?;
    // 16 MiB: the file lies in the system's cache anyway, and this one is the process's own memory
    connection.pragma_update(None, "cache_size", -16_384)?;
    shared(&connection)?;
    Ok(connection)
}

/// A connection that can't write.
pub(super) fn reading(file: &Path) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    shared(&connection)?;
    Ok(connection)
}

/// The same for reading a file once from end to end: a page that was read is not read again, so next to nothing is kept.
pub(super) fn scanning(file: &Path) -> Result<Connection, StoreError> {
    let connection = reading(file)?;
    connection.pragma_update(None, "cache_size", -1_024)?;
    Ok(connection)
}

fn shared(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}
