//! Every mistake in an import is refused by its own name and writes nothing; changes, choices and removals; and nothing
//! secret is ever shown or stored in the clear.

use super::*;
use crate::gateway::stand::*;
use crate::gateway::{Gateway, Patience};
use crate::trust::Trust;
use crate::wire::MerchantCheck;

struct Shop {
    folder: tempfile::TempDir,
    store: Store,
    outside: Outside,
    merchants: Merchants,
}

fn opened(folder: &std::path::Path, outside: &Outside) -> (Store, Merchants) {
    let store = Store::open(folder).expect("a store");
    let vault = Vault::new(store.clone(), folder.to_owned(), None, false, outside.clone());
    (store.clone(), Merchants::new(store, vault, outside.clone()))
}

fn shop() -> Shop {
    let (folder, outside) = (tempfile::tempdir().expect("a folder"), Outside::fixed(then(), 5));
    let (store, merchants) = opened(folder.path(), &outside);
    Shop { folder, store, outside, merchants }
}

fn secret(bytes: &[u8]) -> Secret {
    Secret::from_bytes(bytes.to_vec())
}

#[tokio::test]
async fn each_mistake_of_an_import_has_its_name_and_writes_nothing() {
    type Break = fn(&mut MerchantInput);
    let serial = Certificate::from_pem(fixture!("merchant_cert.pem")).expect("a certificate").serial().to_string();
    // (code, field, what is wrong)
    let cases: &[(&str, &str, Break)] = &[
        ("INVALID_FIELD", "name", |it| it.name = String::new()),
        ("INVALID_FIELD", "name", |it| it.name = "a/b".to_owned()),
        ("INVALID_FIELD", "name", |it| it.name = "..".to_owned()),
        ("INVALID_FIELD", "name", |it| it.name = "商户".to_owned()),
        ("INVALID_FIELD", "name", |it| it.name = "a".repeat(65)),
        ("INVALID_FIELD", "mchid", |it| it.mchid = "19000o0001".to_owned()),
        ("INVALID_FIELD", "mchid", |it| it.mchid = "1900000001 ".to_owned()),
        ("INVALID_FIELD", "appid", |it| it.appid = "1234".to_owned()),
        ("INVALID_FIELD", "serial_no", |it| it.serial_no = Some("59:E7".to_owned())),
        ("INVALID_FIELD", "serial_no", |it| it.serial_no = Some("0x59E7".to_owned())),
        ("INVALID_FIELD", "serial_no", |it| it.serial_no = Some(PUBLIC_KEY_ID.to_owned())),
        ("INVALID_FIELD", "serial_no", |it| it.certificate = None),
        ("SERIAL_NOT_OF_CERTIFICATE", "serial_no", |it| it.serial_no = Some("59E7".to_owned())),
        ("SERIAL_OF_PLATFORM", "serial_no", |it| (it.certificate, it.serial_no) = (None, Some(By::Platform.serial()))),
        ("KEY_WRONG_KIND", "private_key", |it| it.private_key = secret(fixture!("merchant_cert.pem"))),
        ("KEY_WRONG_KIND", "private_key", |it| it.private_key = secret(fixture!("pub_key.pem"))),
        ("KEY_WRONG_KIND", "private_key", |it| it.private_key = secret(b"canary")),
        ("KEY_WRONG_KIND", "private_key", |it| it.private_key = secret(&[0xFF, 0xFE, 0])),
        ("KEY_DAMAGED", "private_key", |it| it.private_key = secret(&fixture!("merchant_key.pem")[..900])),
        ("KEY_NOT_RSA", "private_key", |it| it.private_key = secret(fixture!("ec_key.pem"))),
        ("KEY_SEVERAL", "private_key", |it| {
            it.private_key = secret(&[fixture!("merchant_key.pem"), fixture!("merchant_cert.pem")].concat());
        }),
        ("KEY_SIZE", "private_key", |it| it.private_key = secret(fixture!("small_key.pem"))),
        ("KEY_ENCRYPTED", "private_key", |it| it.private_key = secret(fixture!("merchant_key_encrypted.pem"))),
        ("KEY_TOO_LARGE", "private_key", |it| it.private_key = secret(&vec![b'A'; 50_000_000])),
        ("KEY_NOT_OF_CERTIFICATE", "private_key", |it| it.private_key = secret(fixture!("other_key.pem"))),
        ("KEY_PASSWORD", "private_key", |it| {
            (it.private_key, it.mchid) = (secret(fixture!("merchant.p12")), "1900000002".to_owned());
        }),
        ("KEY_WRONG_KIND", "certificate", |it| it.certificate = Some(text(fixture!("merchant_key.pem")))),
        ("API_V3_KEY_LENGTH", "api_v3_key", |it| it.api_v3_key = secret(b"canary-31-characters-long-key-3")),
        ("API_V3_KEY_LENGTH", "api_v3_key", |it| it.api_v3_key = secret(b"canary-33-characters-long-key-333")),
        ("API_V3_KEY_LENGTH", "api_v3_key", |it| it.api_v3_key = secret(b"")),
        ("API_V3_KEY_LENGTH", "api_v3_key", |it| it.api_v3_key = secret(&[0xFF; 32])),
        ("INVALID_FIELD", "app_secret", |it| it.app_secret = Some(secret(b"canary with blanks"))),
        ("KEY_WRONG_KIND", "platform_certificate", |it| it.platform_certificates = vec![text(fixture!("pub_key.pem"))]),
        ("KEY_IS_OWN", "platform_certificate", |it| {
            (it.certificate, it.serial_no) = (None, Some("59E7".to_owned()));
            it.platform_certificates = vec![text(fixture!("merchant_cert.pem"))];
        }),
        ("INVALID_FIELD", "public_key", |it| it.public_key_id = Some(PUBLIC_KEY_ID.to_owned())),
        ("INVALID_FIELD", "public_key_id", |it| it.public_key = Some(text(fixture!("pub_key.pem")))),
        ("INVALID_FIELD", "public_key_id", |it| {
            (it.public_key_id, it.public_key) = (Some("0114".to_owned()), Some(text(fixture!("pub_key.pem"))));
        }),
        ("KEY_WRONG_KIND", "public_key", |it| {
            (it.public_key_id, it.public_key) =
                (Some(PUBLIC_KEY_ID.to_owned()), Some(text(fixture!("platform_cert.pem"))));
        }),
        ("INVALID_FIELD", "base_url", |it| it.base_url = Some("http://api.mch.weixin.qq.com".to_owned())),
        ("INVALID_FIELD", "base_url", |it| it.base_url = Some("http://127.0.0.1:1?x".to_owned())),
        ("INVALID_FIELD", "notify_url", |it| it.notify_url = Some("http://127.0.0.1/n?x=1".to_owned())),
        ("INVALID_FIELD", "notify_url", |it| it.notify_url = Some("http://127.0.0.1/n n".to_owned())),
        ("INVALID_FIELD", "notify_url", |it| {
            (it.base_url, it.notify_url) = (None, Some("https://192.168.0.1/n".to_owned()));
        }),
    ];
    let shop = shop();
    for (index, (code, field, spoil)) in cases.iter().enumerate() {
        let mut input = sound("shop");
        spoil(&mut input);
        let problem = shop.merchants.add(input).await.expect_err(code);
        assert_eq!(
            (problem.code.as_str(), problem.field.as_deref()),
            (*code, Some(*field)),
            "case {index}: {problem:?}"
        );
        assert!(!format!("{problem:?}").contains("canary"), "case {index} shows a secret: {problem:?}");
        for words in [&problem.message, &problem.hint] {
            assert!(!words.zh.is_empty() && !words.en.is_empty(), "case {index}");
        }
    }
    assert!(shop.merchants.names().await.expect("names").is_empty(), "nothing was written");
    assert!(!shop.folder.path().join("vault.key").exists(), "and no key was made");
    assert_eq!(shop.merchants.add(sound("shop")).await.expect("the sound one").serial_no, serial);
}

#[tokio::test]
async fn every_form_of_the_key_makes_the_same_merchant() {
    let bundle = fixture!("merchant.p12");
    let wrapped: String = base64(bundle).as_bytes().chunks(64).map(|line| text(line) + "\r\n").collect();
    for (what, key) in [
        ("PKCS#8", secret(fixture!("merchant_key.pem"))),
        ("PKCS#1", secret(fixture!("merchant_key_pkcs1.pem"))),
        ("with a BOM", Secret::from(format!("\u{FEFF}{}\r\n", text(fixture!("merchant_key.pem"))))),
        ("PKCS#12", secret(bundle)),
        ("PKCS#12 in base64", Secret::from(wrapped)),
    ] {
        let shop = shop();
        let bundled = what.starts_with("PKCS#12");
        let certificate = (!bundled).then(|| text(fixture!("merchant_cert.pem")));
        shop.merchants.add(MerchantInput { private_key: key, certificate, ..sound("a") }).await.expect(what);
        let profile = shop.merchants.get(None).await.expect(what);
        let known = Certificate::from_pem(fixture!("merchant_cert.pem")).expect("a certificate");
        assert_eq!(&profile.signer.key.public_key(), known.public_key(), "{what}");
        assert_eq!(profile.serial_no, *known.serial(), "{what}: the serial is read from the certificate");
    }
}

#[tokio::test]
async fn several_merchants_one_current() {
    let shop = shop();
    let none = shop.merchants.get(None).await.expect_err("nobody yet");
    assert_eq!(none.code, "NO_MERCHANT");
    assert!(shop.merchants.add(sound("b")).await.expect("the first").current);
    let second = MerchantInput { appid: "wx0000000000000002".to_owned(), ..sound("a") };
    assert!(!shop.merchants.add(second).await.expect("another appid of the same mchid").current);
    assert_eq!(shop.merchants.get(None).await.expect("current").name, "b");
    assert!(shop.merchants.choose("a").await.expect("chosen").current);
    assert_eq!(shop.merchants.get(None).await.expect("current").name, "a");
    assert_eq!(shop.merchants.get(Some("c")).await.expect_err("none").code, "MERCHANT_NOT_FOUND");
    assert_eq!(shop.merchants.choose("c").await.expect_err("none").code, "MERCHANT_NOT_FOUND");
    shop.merchants.remove("a").await.expect("removed");
    assert_eq!(shop.merchants.get(None).await.expect("current").name, "b", "the next one takes over");
    assert_eq!(shop.merchants.get(Some("a")).await.expect_err("gone").code, "MERCHANT_NOT_FOUND");
    let left = shop.store.read_now::<_, StoreError>(|view| view.merchant_secrets(2)).expect("read");
    assert!(left.is_empty(), "its secrets are gone too");
}

#[tokio::test]
async fn a_name_and_a_merchant_number_belong_to_one() {
    let shop = shop();
    shop.merchants.add(sound("a")).await.expect("the first");
    type Change = fn(&mut MerchantInput);
    for (expected, change) in [
        (Some("MERCHANT_EXISTS"), (|_| {}) as Change),
        (Some("MCHID_EXISTS"), |it| it.name = "b".to_owned()),
        (Some("MCHID_EXISTS"), |it| (it.name, it.base_url) = ("live".to_owned(), None)),
        (None, |it| (it.name, it.base_url) = ("other-sandbox".to_owned(), Some("http://127.0.0.1:10".to_owned()))),
        (None, |it| (it.name, it.appid) = ("other-app".to_owned(), "wx0000000000000002".to_owned())),
    ] {
        let mut input = sound("a");
        change(&mut input);
        let added = shop.merchants.add(input).await;
        assert_eq!(added.as_ref().err().map(|problem| problem.code.as_str()), expected, "{added:?}");
    }
}

#[tokio::test]
async fn changes_are_judged_as_a_whole() {
    let shop = shop();
    shop.merchants.add(sound("a")).await.expect("added");
    let patch = |change: fn(&mut MerchantPatch)| {
        let mut patch = MerchantPatch::default();
        change(&mut patch);
        patch
    };
    let before = shop.merchants.show(Some("a")).await.expect("shown");
    for (code, wrong) in [
        ("KEY_NOT_OF_CERTIFICATE", patch(|it| it.private_key = Some(secret(fixture!("other_key.pem"))))),
        ("SERIAL_NOT_OF_CERTIFICATE", patch(|it| it.serial_no = Some("ABCD".to_owned()))),
        ("API_V3_KEY_LENGTH", patch(|it| it.api_v3_key = Some(secret(b"short")))),
        ("INVALID_FIELD", patch(|it| it.public_key_id = Some("x".to_owned()))),
    ] {
        let found = shop.merchants.update("a", wrong).await;
        assert_eq!(found.expect_err(code).code, code);
    }
    assert_eq!(shop.merchants.show(Some("a")).await.expect("shown"), before, "nothing changed");
    // a sandbox on another port: address and notify_url alone
    let moved = patch(|it| {
        it.base_url = Some("http://127.0.0.1:10".to_owned());
        it.notify_url = Some("http://127.0.0.1:8787/notify/a".to_owned());
    });
    let after = shop.merchants.update("a", moved).await.expect("moved");
    assert_eq!(after.base_url, "http://127.0.0.1:10");
    assert_eq!(after.notify_url.as_deref(), Some("http://127.0.0.1:8787/notify/a"));
    assert_eq!(shop.merchants.get(None).await.expect("profile").base_url, "http://127.0.0.1:10", "memory follows");
    // the real gateway can't call that address back
    let live =
        shop.merchants.update("a", patch(|it| it.base_url = Some("https://api.mch.weixin.qq.com".to_owned()))).await;
    assert_eq!(live.expect_err("a loopback notify_url").field.as_deref(), Some("notify_url"));
    // a renewed pair of key and serial retires the old certificate
    let renewed = patch(|it| {
        it.private_key = Some(secret(fixture!("other_key.pem")));
        it.serial_no = Some("abcd".to_owned());
    });
    assert_eq!(shop.merchants.update("a", renewed).await.expect("renewed").serial_no, "ABCD");
    assert!(shop.merchants.get(None).await.expect("profile").certificate.is_none());
}

#[tokio::test]
async fn a_changed_api_v3_key_leaves_the_old_one_open_for_a_day() {
    let shop = shop();
    shop.merchants.add(sound("a")).await.expect("added");
    let patch = MerchantPatch { api_v3_key: Some(Secret::from(OTHER_API_V3_KEY.to_owned())), ..Default::default() };
    shop.merchants.update("a", patch).await.expect("changed");
    for (seconds, keys) in [(0, 2), (24 * 3_600 - 1, 2), (1, 1), (86_400, 1)] {
        shop.outside.advance(seconds);
        let profile = shop.merchants.get(None).await.expect("profile");
        assert_eq!(profile.api_v3_keys.len(), keys, "{seconds} s later");
        assert_eq!(profile.api_v3_keys[0].expose().as_slice(), OTHER_API_V3_KEY.as_bytes(), "the new one first");
    }
}

#[tokio::test]
async fn another_process_changes_what_is_remembered() {
    let shop = shop();
    shop.merchants.add(sound("a")).await.expect("added");
    shop.merchants.get(None).await.expect("remembered");
    let (_, other) = opened(shop.folder.path(), &shop.outside);
    other
        .update("a", MerchantPatch { appid: Some("wx0000000000000009".to_owned()), ..Default::default() })
        .await
        .expect("changed");
    shop.merchants.forget(); // what half a second does
    assert_eq!(shop.merchants.get(None).await.expect("profile").appid.as_str(), "wx0000000000000009");
}

#[tokio::test]
async fn a_lost_key_does_not_bar_the_way_for_ever() {
    let shop = shop();
    shop.merchants.add(sound("a")).await.expect("added");
    let file = shop.folder.path().join("vault.key");
    std::fs::remove_file(&file).expect("lost");
    let (_, later) = opened(shop.folder.path(), &shop.outside);
    assert_eq!(later.get(None).await.expect_err("sealed").code, "VAULT_KEY_FILE");
    assert_eq!(
        later.add(MerchantInput { appid: "wx2".to_owned(), ..sound("b") }).await.expect_err("sealed").code,
        "VAULT_KEY_FILE"
    );
    assert_eq!(later.show(None).await.expect("shown without a key").name, "a");
    later.remove("a").await.expect("removed without a key");
    later.add(sound("b")).await.expect("a new vault");
    assert_eq!(later.get(None).await.expect("opened").name, "b");
    // the process that still holds the old key sees the new vault, and doesn't seal with what nobody can open
    shop.merchants.forget();
    assert_eq!(shop.merchants.get(None).await.expect("opened").name, "b");
    later.remove("b").await.expect("removed");
    std::fs::remove_file(&file).expect("lost again");
    shop.merchants.add(sound("c")).await.expect("made anew");
    let (_, last) = opened(shop.folder.path(), &shop.outside);
    assert_eq!(last.get(None).await.expect("opened").name, "c");
}

#[tokio::test]
async fn a_live_merchant_is_read_only_until_switched_on() {
    let shop = shop();
    let live =
        MerchantInput { base_url: None, notify_url: Some("https://shop.example.com/n".to_owned()), ..sound("live") };
    let added = shop.merchants.add(live).await.expect("added");
    assert_eq!((added.sandbox, added.live_enabled), (false, false));
    let profile = shop.merchants.get(None).await.expect("profile");
    assert_eq!(profile.may_write().expect_err("read-only").code, "LIVE_READ_ONLY");
    let on = MerchantPatch { live_enabled: Some(true), ..Default::default() };
    assert!(shop.merchants.update("live", on).await.expect("switched").live_enabled);
    assert!(shop.merchants.get(None).await.expect("profile").may_write().is_ok());
    let moved = MerchantPatch { base_url: Some("https://api2.mch.weixin.qq.com".to_owned()), ..Default::default() };
    assert!(!shop.merchants.update("live", moved).await.expect("moved").live_enabled, "asked for again");
    let sandbox = shop.merchants.remove("live").await;
    assert!(sandbox.is_ok() && shop.merchants.add(sound("a")).await.is_ok());
    assert!(shop.merchants.get(None).await.expect("profile").may_write().is_ok(), "play money");
}

#[tokio::test]
async fn no_secret_is_shown_or_stored_in_the_clear() {
    let shop = shop();
    let input = MerchantInput { api_v3_key: Secret::from(OTHER_API_V3_KEY.to_owned()), ..sound("a") };
    let mut seen = format!("{input:?}");
    let added = shop.merchants.add(input).await.expect("added");
    seen += &serde_json::to_string(&added).expect("JSON");
    let profile = shop.merchants.get(None).await.expect("profile");
    seen += &format!("{profile:?} {:#?} {:?}", profile.signer, shop.merchants.vault().take_notices());
    let rows = shop.store.read_now(|view| Rows::read(view, None)).expect("read").expect("rows");
    seen += &format!("{:?} {:?}", rows.merchant, rows.secrets);
    shop.store.close().await;
    let mut kept = Vec::new();
    for file in std::fs::read_dir(shop.folder.path()).expect("a folder") {
        kept.extend(std::fs::read(file.expect("a file").path()).unwrap_or_default());
    }
    let key_line = text(fixture!("merchant_key.pem")).lines().nth(3).expect("a line of the key").to_owned();
    for canary in [OTHER_API_V3_KEY, APP_SECRET_TEXT, key_line.as_str()] {
        assert!(!seen.contains(canary), "shown: {canary}");
        assert!(!kept.windows(canary.len()).any(|part| part == canary.as_bytes()), "stored in the clear: {canary}");
    }
    assert!(kept.windows(7).any(|part| part == b"wxd678e"), "the store was read");
}

async fn checked(stand: &Stand) -> MerchantCheck {
    check::check(&stand.profile().await, &stand.trust, &stand.gateway, stand.outside.now()).await
}

fn verdict(check: &MerchantCheck, name: &str) -> Option<bool> {
    check.checks.iter().find(|item| item.name == name).expect("such a check").ok
}

#[tokio::test]
async fn a_check_names_what_is_off() {
    const SIGN: &str = r#"{"code":"SIGN_ERROR","message":"签名错误"}"#;
    const SERIAL: &str = r#"{"code":"SIGN_ERROR","message":"商户证书序列号有误。"}"#;
    const NONE: &str = r#"{"code":"RESOURCE_NOT_EXISTS","message":"无可用的平台证书"}"#;
    type Reply = fn(&Outside) -> guitai_door::Answer;
    // (all well, checks that must be so, what the gateway says)
    type Expected = &'static [(&'static str, Option<bool>)];
    let cases: [(bool, Expected, Reply); 6] = [
        (
            true,
            &[
                ("api_v3_key_decrypts", Some(true)),
                ("serial_matches_certificate", Some(true)),
                ("certificate_matches_key", Some(true)),
                ("gateway_reachable", Some(true)),
            ],
            |clock| certificate_list(clock, By::Platform, &[By::Platform], &api_v3_key()),
        ),
        (
            false,
            &[
                ("api_v3_key_decrypts", Some(false)),
                ("serial_matches_certificate", Some(true)),
                ("gateway_reachable", Some(true)),
            ],
            |clock| certificate_list(clock, By::Platform, &[By::Platform], OTHER_API_V3_KEY),
        ),
        (false, &[("serial_matches_certificate", Some(false)), ("gateway_reachable", Some(false))], |_| {
            with_headers(401, SERIAL, &[])
        }),
        (false, &[("api_v3_key_decrypts", None), ("gateway_reachable", Some(false))], |_| with_headers(401, SIGN, &[])),
        (true, &[("api_v3_key_decrypts", None), ("gateway_reachable", Some(true))], |_| with_headers(404, NONE, &[])),
        (false, &[("gateway_reachable", Some(false))], |clock| {
            certificate_list(clock, By::Forger, &[By::Platform], &api_v3_key())
        }),
    ];
    // the gateway's `Date` is the machine's, so the desk's clock has to be too; what it makes of the certificates'
    // dates is tested below, with a clock that stands still
    let now = Outside::real().now();
    for (index, (ok, expected, reply)) in cases.into_iter().enumerate() {
        let stand = Stand::open_at(now, move |_, _, clock| reply(clock)).await;
        let found = checked(&stand).await;
        for (name, verdict_expected) in expected {
            assert_eq!(verdict(&found, name), *verdict_expected, "case {index}: {name}: {found:#?}");
        }
        let others_hold =
            found.checks.iter().filter(|item| item.name != "certificate_expiry").all(|item| item.ok != Some(false));
        assert_eq!(others_hold, ok, "case {index}: {found:#?}");
        assert_eq!(found.checks.len(), 8);
    }
}

#[tokio::test]
async fn a_wrong_clock_is_blamed_before_key_and_serial() {
    const LATE: &str =
        r#"{"code":"SIGN_ERROR","message":"Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"}"#;
    let ahead = Timestamp::from_second(Outside::real().now().as_second() + 900).expect("an instant");
    let stand = Stand::open_at(ahead, |_, _, _| with_headers(401, LATE, &[])).await;
    let renewed = MerchantPatch {
        private_key: Some(secret(fixture!("other_key.pem"))),
        serial_no: Some("ABCD".to_owned()),
        ..Default::default()
    };
    stand.change(renewed).await;
    let found = checked(&stand).await;
    for (name, expected) in [
        ("clock_skew", Some(false)),
        ("certificate_matches_key", None),
        ("serial_matches_certificate", None),
        ("gateway_reachable", Some(false)),
    ] {
        assert_eq!(verdict(&found, name), expected, "{name}: {found:#?}");
    }
}

#[tokio::test]
async fn a_check_without_a_gateway_still_tells_what_the_files_tell() {
    let shop = shop();
    shop.merchants
        .add(MerchantInput { base_url: Some("http://127.0.0.1:1".to_owned()), ..sound("a") })
        .await
        .expect("added");
    let trust =
        Trust::with_patience(shop.store.clone(), shop.merchants.clone(), shop.outside.clone(), Patience::default());
    let gateway = Gateway::new(trust.clone());
    let profile = shop.merchants.get(None).await.expect("profile");
    let found = check::check(&profile, &trust, &gateway, shop.outside.now()).await;
    assert!(!found.ok);
    for (name, expected) in [
        ("certificate_matches_key", Some(true)),
        ("serial_matches_certificate", Some(true)),
        ("gateway_reachable", Some(false)),
        ("clock_skew", None),
    ] {
        assert_eq!(verdict(&found, name), expected, "{name}");
    }
    assert_eq!(verdict(&found, "certificate_expiry"), Some(true));
    let later = check::check(&profile, &trust, &gateway, "2047-01-01T00:00:00Z".parse().expect("an instant")).await;
    assert_eq!(verdict(&later, "certificate_expiry"), Some(false), "both certificates have ended");
}

#[tokio::test]
async fn files_that_are_handed_over_are_judged_like_a_folder() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let folder = tempfile::tempdir().expect("a folder");
    let outside = Outside::fixed(then(), 5);
    let options =
        crate::console::Options { data_dir: folder.path().to_owned(), passphrase: None, interactive: false, outside };
    let console = crate::console::Console::open(options).await.expect("a desk");
    let file =
        |name: &str, bytes: &[u8]| PemsContent { name: name.to_owned(), base64: Secret::from(STANDARD.encode(bytes)) };
    let (key, other) = (fixture!("merchant_key.pem"), fixture!("other_key.pem"));
    let certificate = fixture!("merchant_cert.pem");
    for (key, ok, kinds) in [
        (key, true, [PemsKind::PrivateKey, PemsKind::MerchantCertificate]),
        (other, false, [PemsKind::PrivateKey, PemsKind::MerchantCertificate]),
        (
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            false,
            [PemsKind::Unusable, PemsKind::MerchantCertificate],
        ),
    ] {
        let files = vec![file("apiclient_key.pem", key), file("apiclient_cert.pem", certificate)];
        let found = console.pems_of(files, None).await.expect("judged");
        assert_eq!((found.ok, found.mchid.as_deref()), (ok, Some("1900000001")));
        assert_eq!(found.files.iter().map(|file| file.kind).collect::<Vec<_>>(), kinds);
    }
    let bundle = console.pems_of(vec![file("apiclient_cert.p12", fixture!("merchant.p12"))], Some("1900000001")).await;
    assert_eq!(bundle.expect("judged").files[0].kind, PemsKind::Bundle);
    let no_base64 = PemsContent { name: "a.pem".to_owned(), base64: Secret::from("%".to_owned()) };
    assert_eq!(console.pems_of(vec![no_base64], None).await.expect_err("no base64").code, "INVALID_FIELD");
    let many = (0..101).map(|_| file("a.pem", b"")).collect();
    assert_eq!(console.pems_of(many, None).await.expect_err("too many").field.as_deref(), Some("files"));
    assert!(console.merchant_list().await.expect("listed").is_empty(), "nothing is kept");
}
