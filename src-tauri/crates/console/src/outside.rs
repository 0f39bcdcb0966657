//! The clock, randomness and the places of this machine. The only file of the desk that asks the machine for them;
//! everything else is handed an [`Outside`], which a test can hold still.
//!
//! What differs between systems (where data lives, who may read a file, whether a keychain can answer) is here behind
//! `cfg`. No key is used here and nothing is decided.

use crate::problem;
use crate::wire::Problem;
use rand_core::{CryptoRng, OsRng, RngCore};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use wechatpay::time::Timestamp;

/// Characters of a nonce: WeChat Pay takes at most 32, SDKs send 32 of these.
const NONCE_ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const NONCE_LENGTH: usize = 32;
/// The folder's name below the platform's data folder.
#[cfg(not(any(target_os = "macos", windows)))]
const FOLDER: &str = "guitai";
#[cfg(any(target_os = "macos", windows))]
const FOLDER: &str = "Guitai";

/// Clock and randomness: the machine's, or fixed ones for a test. Cheap to clone; clones share the fixed clock.
#[derive(Clone, Default)]
pub struct Outside {
    fixed: Option<Arc<Fixed>>,
}

struct Fixed {
    now_ms: AtomicI64,
    seed: u64,
    drawn: AtomicU64,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.fixed.is_some() { "Outside(fixed)" } else { "Outside(real)" })
    }
}

impl Outside {
    /// The machine's clock and randomness.
    #[must_use]
    pub fn real() -> Self {
        Self::default()
    }

    /// A clock that stands still at `now` and randomness that repeats. For tests only: what it draws is no secret.
    #[must_use]
    pub fn fixed(now: Timestamp, seed: u64) -> Self {
        let now_ms = AtomicI64::new(now.as_millisecond());
        Self { fixed: Some(Arc::new(Fixed { now_ms, seed, drawn: AtomicU64::new(0) })) }
    }

    /// Moves a fixed clock by so many seconds; the machine's clock is left alone.
    pub fn advance(&self, seconds: i64) {
        if let Some(fixed) = &self.fixed {
            fixed.now_ms.fetch_add(seconds.saturating_mul(1_000), Ordering::SeqCst);
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.fixed {
            None => Timestamp::now(),
            Some(fixed) => {
                Timestamp::from_millisecond(fixed.now_ms.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH)
            }
        }
    }

    /// Can a keychain answer at all? On Linux it needs a session bus; bare servers and CI have none, and asking would
    /// only cost time. A fixed outside has none: no test reaches into somebody's keychain.
    #[must_use]
    pub(crate) fn has_keychain(&self) -> bool {
        self.fixed.is_none() && platform_has_keychain()
    }

    /// A random source for keys, salts and padding.
    #[must_use]
    pub fn random(&self) -> Random {
        Random { outside: self.clone() }
    }

    /// Fills `bytes` with randomness.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.fixed {
            None => OsRng.fill_bytes(bytes),
            Some(fixed) => {
                for chunk in bytes.chunks_mut(32) {
                    let turn = fixed.drawn.fetch_add(1, Ordering::SeqCst);
                    let block = Sha256::new().chain_update(fixed.seed.to_be_bytes()).chain_update(turn.to_be_bytes());
                    for (to, from) in chunk.iter_mut().zip(block.finalize()) {
                        *to = from;
                    }
                }
            }
        }
    }

    /// A nonce: 32 characters of `[A-Za-z0-9]`, each equally likely.
    #[must_use]
    pub fn nonce(&self) -> String {
        let mut nonce = String::with_capacity(NONCE_LENGTH);
        let mut bytes = [0_u8; 64];
        while nonce.len() < NONCE_LENGTH {
            self.fill(&mut bytes);
            for byte in bytes {
                // 248 = 4 × 62: a byte above it would make the first letters likelier
                if byte < 248 && nonce.len() < NONCE_LENGTH {
                    let letter = NONCE_ALPHABET.get(usize::from(byte) % NONCE_ALPHABET.len()).copied();
                    nonce.push(char::from(letter.unwrap_or(b'0')));
                }
            }
        }
        nonce
    }
}

/// Randomness of an [`Outside`] in the form that cryptography takes.
#[derive(Debug, Clone)]
pub struct Random {
    outside: Outside,
}

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.outside.fill(&mut bytes);
        u32::from_be_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.outside.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.outside.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.outside.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Random {}

/// No memory image of this process is written when it ends badly: keys lie in its memory while it works. For hosts,
/// first thing in `main`; nothing where the system has no such limit.
pub fn without_core_dumps() {
    #[cfg(unix)]
    {
        let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
        // Lowering is always allowed.
        let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    }
}

/// Where the store and the keys live unless told otherwise: `GUITAI_DATA_DIR`, else the platform's per-user data
/// folder (`$XDG_DATA_HOME/guitai` or `~/.local/share/guitai`, `~/Library/Application Support/Guitai`,
/// `%LOCALAPPDATA%\Guitai`).
///
/// # Errors
/// `NO_DATA_DIR`: the system names no home folder.
pub fn default_data_dir() -> Result<PathBuf, Problem> {
    data_dir_among(|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)).ok_or_else(
        || {
            problem::new(
                "NO_DATA_DIR",
                "系统没有给出用户目录，不知道数据放在哪里。",
                "The system names no home folder, so there is no place for the data.",
                "用 --data-dir 或环境变量 GUITAI_DATA_DIR 指定目录。",
                "Say where with --data-dir or GUITAI_DATA_DIR.",
            )
        },
    )
}

fn data_dir_among(get: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    get("GUITAI_DATA_DIR").or_else(|| platform_data_dir(&get))
}

#[cfg(not(any(target_os = "macos", windows)))]
fn platform_data_dir(get: &impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // The XDG rules: a relative path is to be ignored.
    let data = get("XDG_DATA_HOME").filter(|path| path.is_absolute());
    data.or_else(|| get("HOME").map(|home| home.join(".local/share"))).map(|data| data.join(FOLDER))
}

#[cfg(target_os = "macos")]
fn platform_data_dir(get: &impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    get("HOME").map(|home| home.join("Library/Application Support").join(FOLDER))
}

#[cfg(windows)]
fn platform_data_dir(get: &impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // Local, not roaming: the keys stay on this machine.
    get("LOCALAPPDATA").map(|data| data.join(FOLDER))
}

#[cfg(not(any(target_os = "macos", windows)))]
fn platform_has_keychain() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    match set("DBUS_SESSION_BUS_ADDRESS") {
        Some(address) => address != "disabled:" && address != "unix:path=/dev/null",
        None => set("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(&folder).join("bus").exists()),
    }
}

#[cfg(any(target_os = "macos", windows))]
fn platform_has_keychain() -> bool {
    true
}

/// Reads a file of at most `limit` bytes; a longer one, a folder or a device is refused by name.
pub(crate) fn read_small(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a file"));
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, format!("more than {limit} bytes")));
    }
    Ok(bytes)
}

/// The files in a folder by name, with their bytes; folders and links to them are left out. More than `most` are refused.
pub(crate) fn files_in(folder: &Path, most: usize) -> std::io::Result<Vec<(String, u64)>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Some(found) = std::fs::metadata(entry.path()).ok().filter(std::fs::Metadata::is_file) else { continue };
        if names.len() >= most {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, format!("more than {most} files")));
        }
        names.push((entry.file_name().to_string_lossy().into_owned(), found.len()));
    }
    names.sort_unstable();
    Ok(names)
}

/// Makes a file that only its owner may read and that must not exist yet; on disk when this returns.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    only_owner(&mut options);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn only_owner(options: &mut std::fs::OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn only_owner(_: &mut std::fs::OpenOptions) {
    // Windows: the per-user data folder's own access list already keeps other users out.
}

/// Why a file is no safe place for a key: others may read it, or it is a link to somewhere else. `None`: it is safe.
pub(crate) fn exposed(path: &Path) -> std::io::Result<Option<&'static str>> {
    let found = std::fs::symlink_metadata(path)?;
    if found.file_type().is_symlink() {
        return Ok(Some("a symbolic link"));
    }
    if !found.is_file() {
        return Ok(Some("not a file"));
    }
    Ok(if others_may_read(&found) { Some("readable by other users") } else { None })
}

#[cfg(unix)]
fn others_may_read(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    found.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn others_may_read(_: &std::fs::Metadata) -> bool {
    false
}

/// Bytes that are free on the disk where `folder` lies; `None` where the system doesn't say.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    return rustix::fs::statvfs(folder).ok().map(|facts| facts.f_bavail.saturating_mul(facts.f_frsize));
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_have_32_letters_and_digits_and_differ() {
        for outside in [Outside::real(), Outside::fixed(Timestamp::UNIX_EPOCH, 7)] {
            let (one, two) = (outside.nonce(), outside.nonce());
            for nonce in [&one, &two] {
                assert!(nonce.len() == 32 && nonce.bytes().all(|b| b.is_ascii_alphanumeric()), "{nonce}");
            }
            assert_ne!(one, two);
        }
    }

    #[test]
    fn a_fixed_outside_repeats_and_moves_only_when_told() {
        let (one, two) = (Outside::fixed(Timestamp::UNIX_EPOCH, 1), Outside::fixed(Timestamp::UNIX_EPOCH, 1));
        assert_eq!(one.nonce(), two.nonce());
        one.clone().advance(61);
        assert_eq!(one.now().as_second(), 61);
        assert_eq!(two.now().as_second(), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_data_folder_follows_the_variables() {
        for (set, expected) in [
            (&[("GUITAI_DATA_DIR", "/d"), ("HOME", "/h")][..], Some("/d")),
            (&[("XDG_DATA_HOME", "/x"), ("HOME", "/h")], Some("/x/guitai")),
            (&[("XDG_DATA_HOME", "x"), ("HOME", "/h")], Some("/h/.local/share/guitai")),
            (&[("HOME", "/h")], Some("/h/.local/share/guitai")),
            (&[], None),
        ] {
            let get = |name: &str| set.iter().find(|(it, _)| *it == name).map(|(_, value)| PathBuf::from(value));
            assert_eq!(data_dir_among(get), expected.map(PathBuf::from), "{set:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn private_files_are_private_and_exposed_ones_are_told() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("k");
        write_private(&file, b"key").expect("written");
        assert_eq!(exposed(&file).expect("seen"), None);
        assert!(write_private(&file, b"other").is_err(), "an existing file is never overwritten");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("changed");
        assert_eq!(exposed(&file).expect("seen"), Some("readable by other users"));
        let link = folder.path().join("l");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        assert_eq!(exposed(&link).expect("seen"), Some("a symbolic link"));
        assert!(read_small(&file, 2).is_err() && read_small(folder.path(), 9).is_err());
        assert_eq!(read_small(&file, 3).expect("read"), b"key");
    }
}
