//! Each way to keep the data key, what happens when it is wrong or gone, and that a sealed value opens in its place only.

use super::*;
use crate::outside;
use wechatpay::time::Timestamp;

fn still() -> Outside {
    Outside::fixed(Timestamp::UNIX_EPOCH, 3)
}

fn vault(folder: &std::path::Path, passphrase: Option<&str>) -> Vault {
    let store = Store::open(folder).expect("a store");
    Vault::new(store, folder.to_owned(), passphrase.map(|text| Secret::from(text.to_owned())), false, Outside::real())
}

#[test]
fn a_sealed_value_opens_only_in_its_place() {
    let key = DataKey { bytes: Zeroizing::new([7; 32]), proof: Vec::new() };
    let sealed = key.seal(&still(), "shop", "api_v3_key", b"canary-secret").expect("sealed");
    assert!(!sealed.windows(6).any(|part| part == b"canary"));
    assert_eq!(key.open("shop", "api_v3_key", &sealed).expect("opened").as_slice(), b"canary-secret");
    let damaged = |field: &str| Err(VaultError::Damaged(field.to_owned()));
    assert_eq!(key.open("shop2", "api_v3_key", &sealed), damaged("api_v3_key"));
    assert_eq!(key.open("shop", "app_secret", &sealed), damaged("app_secret"));
    assert_eq!(key.open("shop", "api_v3_key", &sealed[..11]), damaged("api_v3_key"));
    let mut flipped = sealed.clone();
    for at in 0..flipped.len() {
        flipped[at] ^= 1;
        assert!(key.open("shop", "api_v3_key", &flipped).is_err(), "byte {at}");
        flipped[at] ^= 1;
    }
    assert!(DataKey { bytes: Zeroizing::new([8; 32]), proof: Vec::new() }.open("shop", "api_v3_key", &sealed).is_err());
}

#[tokio::test]
async fn without_passphrase_and_keychain_a_key_file_is_made_once_and_said_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = vault(folder.path(), None);
    assert_eq!(first.status().await.expect("status").way, VaultWay::None);
    let key = first.key().await.expect("a key");
    assert_eq!(first.status().await.expect("status").way, VaultWay::KeyFile);
    assert_eq!(outside::exposed(&folder.path().join("vault.key")).expect("a file"), None);
    assert_eq!(first.take_notices().len(), 1);
    let again = vault(folder.path(), None);
    assert_eq!(*again.key().await.expect("the key").bytes, *key.bytes);
    assert!(again.take_notices().is_empty(), "said only when it was made");
}

#[tokio::test]
async fn without_a_session_bus_the_keychain_is_not_even_asked() {
    // somebody may be asked, but this outside has no keychain
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let store = Store::open(folder.path()).expect("a store");
    let asking = |store: &Store| Vault::new(store.clone(), folder.path().to_owned(), None, true, still());
    let row = VaultRow {
        way: "keychain".to_owned(),
        salt: vec![1; 16],
        memory_kib: 0,
        passes: 0,
        proof: vec![2; 40],
        created_at: Timestamp::UNIX_EPOCH,
    };
    let sealed = Store::open(other.path()).expect("a store");
    sealed.write(move |tx| tx.vault_keep_first(&row)).await.expect("as another session left it");
    assert!(matches!(asking(&sealed).key().await, Err(VaultError::Keychain(_))), "never a new key beside it");
    asking(&store).key().await.expect("a key");
    assert_eq!(asking(&store).status().await.expect("status").way, VaultWay::KeyFile);
}

#[tokio::test]
async fn a_store_stays_with_the_way_it_was_sealed() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = vault(folder.path(), None).key().await.expect("a key");
    let with_passphrase = vault(folder.path(), Some("later"));
    assert_eq!(*with_passphrase.key().await.expect("the same key").bytes, *key.bytes);
    assert_eq!(with_passphrase.take_notices().len(), 1, "says that the passphrase was not used");
}

#[tokio::test]
async fn a_lost_or_changed_key_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    vault(folder.path(), None).key().await.expect("a key");
    let file = folder.path().join("vault.key");
    let bytes = std::fs::read(&file).expect("read");
    std::fs::remove_file(&file).expect("removed");
    assert!(matches!(vault(folder.path(), None).key().await, Err(VaultError::KeyFile { .. })), "never a new key");
    for (content, wrong_key) in
        [(&b"short"[..], false), (b"", false), (b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", true)]
    {
        let _ = std::fs::remove_file(&file);
        outside::write_private(&file, content).expect("written");
        let error = vault(folder.path(), None).key().await.expect_err("refused");
        assert_eq!(error == VaultError::WrongKey, wrong_key, "{error}");
    }
    std::fs::remove_file(&file).expect("removed");
    outside::write_private(&file, &bytes).expect("restored");
    vault(folder.path(), None).key().await.expect("opens again");
}

#[tokio::test]
async fn a_passphrase_seals_and_only_it_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(vault(folder.path(), Some("\n")).key().await.expect_err("empty"), VaultError::PassphraseEmpty);
    let key = vault(folder.path(), Some("canary phrase\n")).key().await.expect("a key");
    assert!(!folder.path().join("vault.key").exists());
    assert_eq!(*vault(folder.path(), Some("canary phrase")).key().await.expect("the key").bytes, *key.bytes);
    assert_eq!(
        vault(folder.path(), Some("canary phrase ")).key().await.expect_err("wrong"),
        VaultError::PassphraseWrong
    );
    assert_eq!(vault(folder.path(), None).key().await.expect_err("missing"), VaultError::PassphraseMissing);
    let status = vault(folder.path(), None).status().await.expect("status");
    assert_eq!((status.way, status.place), (VaultWay::Passphrase, None));
}

#[test]
fn errors_and_debug_hold_no_secret() {
    let shown = format!(
        "{:?} {}",
        DataKey { bytes: Zeroizing::new(*b"canary-canary-canary-canary-cana"), proof: Vec::new() },
        VaultError::WrongKey
    );
    assert!(!shown.contains("canary"));
}
