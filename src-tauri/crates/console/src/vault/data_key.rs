//! The three homes of the data key: passphrase, keychain, key file. What is sealed with it is none of their business.

use super::VaultError;
use crate::outside;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// Name of the key file in the data folder.
pub(super) const KEY_FILE: &str = "vault.key";
/// Memory in KiB and passes of Argon2id for new vaults: RFC 9106's second recommendation.
pub(super) const ARGON2: (u32, u32) = (65_536, 3);
/// What a store may ask for at most, so that a foreign hand in it can't eat the machine.
const ARGON2_MOST: (u32, u32) = (1_048_576, 16);
const SERVICE: &str = "guitai";
/// The keychain has this long where nobody can be asked …
const KEYCHAIN: Duration = Duration::from_millis(1_000);
/// … and this long to open an existing store for a person who may have to type a password first.
const KEYCHAIN_ASKING: Duration = Duration::from_secs(30);

type Key = Zeroizing<[u8; 32]>;

/// Argon2id over the passphrase without the line end of its file.
pub(super) fn from_passphrase(
    passphrase: &Secret,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
) -> Result<Key, VaultError> {
    let text = passphrase.expose();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.is_empty() {
        return Err(VaultError::PassphraseEmpty);
    }
    let damaged = || VaultError::Damaged("passphrase parameters".to_owned());
    if memory_kib > ARGON2_MOST.0 || passes > ARGON2_MOST.1 {
        return Err(damaged());
    }
    let parameters = argon2::Params::new(memory_kib, passes, 1, Some(32)).map_err(|_| damaged())?;
    let mut key = Zeroizing::new([0_u8; 32]);
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters)
        .hash_password_into(text, salt, key.as_mut_slice())
        .map_err(|_| damaged())?;
    Ok(key)
}

/// Reads the key from the keychain.
pub(super) async fn from_keychain(account: &str, interactive: bool) -> Result<Key, VaultError> {
    let account = account.to_owned();
    let patience = if interactive { KEYCHAIN_ASKING } else { KEYCHAIN };
    ask(patience, move || {
        let entry = keyring::Entry::new(SERVICE, &account).map_err(|error| error.to_string())?;
        let text = entry.get_password().map(Zeroizing::new).map_err(|error| error.to_string())?;
        let bytes =
            STANDARD.decode(text.as_bytes()).map(Zeroizing::new).map_err(|_| "not a key of this program".to_owned())?;
        let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| "not a key of this program".to_owned())?;
        Ok(Zeroizing::new(key))
    })
    .await
}

/// Puts a fresh key into the keychain and reads it back: a keychain that forgets is none.
pub(super) async fn into_keychain(account: &str, key: Key) -> Result<(), VaultError> {
    let account = account.to_owned();
    ask(KEYCHAIN, move || {
        let entry = keyring::Entry::new(SERVICE, &account).map_err(|error| error.to_string())?;
        let text = Zeroizing::new(STANDARD.encode(key.as_slice()));
        entry.set_password(&text).map_err(|error| error.to_string())?;
        let back = entry.get_password().map(Zeroizing::new).map_err(|error| error.to_string())?;
        if *back == *text { Ok(()) } else { Err("it gave back another text".to_owned()) }
    })
    .await
}

/// Asks the keychain on a thread of its own: it may block for as long as a dialog stands open.
async fn ask<T: Send + 'static>(
    patience: Duration,
    question: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, VaultError> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("keychain".to_owned())
        .spawn(move || {
            let _ = answer.send(question());
        })
        .map_err(|error| VaultError::Keychain(error.to_string()))?;
    match tokio::time::timeout(patience, answered).await {
        Ok(Ok(found)) => found.map_err(VaultError::Keychain),
        Ok(Err(_)) => Err(VaultError::Keychain("it failed".to_owned())),
        Err(_) => Err(VaultError::Keychain(format!("no answer within {} s; it may be locked", patience.as_secs()))),
    }
}

/// Reads the key file of a sealed store.
pub(super) fn read_key_file(path: &Path) -> Result<Key, VaultError> {
    let refused = |reason: String| VaultError::KeyFile { path: path.to_owned(), reason };
    match outside::exposed(path) {
        Ok(None) => {}
        Ok(Some(why)) => return Err(refused(why.to_owned())),
        Err(error) => return Err(refused(error.to_string())),
    }
    let text = outside::read_small(path, 256).map(Zeroizing::new).map_err(|error| refused(error.to_string()))?;
    let bytes = STANDARD.decode(text.trim_ascii()).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| refused("it holds no key".to_owned()))?;
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| refused("it holds no key of 32 bytes".to_owned()))?;
    Ok(Zeroizing::new(key))
}

/// Makes the key file with a fresh key, or takes the key of one that is there already (a start that was cut short, or
/// another process in the same moment).
pub(super) fn read_or_make_key_file(path: &Path, fresh: Key) -> Result<Key, VaultError> {
    let mut text = Zeroizing::new(STANDARD.encode(fresh.as_slice()));
    text.push('\n');
    match outside::write_private(path, text.as_bytes()) {
        Ok(()) => Ok(fresh),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => read_key_file(path),
        Err(error) => Err(VaultError::KeyFile { path: path.to_owned(), reason: error.to_string() }),
    }
}
