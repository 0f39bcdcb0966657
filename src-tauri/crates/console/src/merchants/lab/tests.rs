//! A merchant's own keys on the bench: broken messages are named without a key being pasted, a pasted private key is
//! refused, and the register says what belongs together.

use super::*;
use crate::console::Options;
use crate::gateway::stand::*;
use crate::merchants::{KeyKind, MerchantInput, SignInput};
use crate::outside::Outside;
use wechatpay::keys::PrivateKey;

async fn desk() -> (tempfile::TempDir, Console) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        data_dir: folder.path().to_owned(),
        passphrase: None,
        interactive: false,
        outside: Outside::fixed(then(), 5),
    };
    let console = Console::open(options).await.expect("a desk");
    console.merchant_add(sound("shop")).await.expect("a merchant");
    (folder, console)
}

fn header(signature: &str) -> String {
    let serial = Certificate::from_pem(fixture!("merchant_cert.pem")).expect("a certificate").serial().to_string();
    format!(
        "WECHATPAY2-SHA256-RSA2048 mchid=\"{MCHID}\",nonce_str=\"593BEC0C930BF1AFEB40B4A08C8FB242\",signature=\"{signature}\",timestamp=\"1554208460\",serial_no=\"{serial}\""
    )
}

fn request(authorization: String) -> DoctorRequest {
    DoctorRequest {
        method: "GET".to_owned(),
        url: "/v3/certificates".to_owned(),
        authorization,
        body: String::new(),
        certificate: None,
        at: None,
    }
}

const NONCE_LINES: &str = "1554208460\n593BEC0C930BF1AFEB40B4A08C8FB242\n";

#[tokio::test]
async fn a_broken_request_is_named_with_the_profiles_own_certificate() {
    let (_folder, console) = desk().await;
    let key = PrivateKey::from_pem(fixture!("merchant_key.pem")).expect("a key");
    let cases = [
        (format!("GET\n/v3/certificates\n{NONCE_LINES}\n"), None),
        (format!("GET\n/v3/certificates\n{NONCE_LINES}"), Some("final_newline_missing")),
        (format!("GET\nhttps://api.mch.weixin.qq.com/v3/certificates\n{NONCE_LINES}\n"), Some("url_full_signed")),
        (format!("POST\n/v3/certificates\n{NONCE_LINES}\n"), Some("method_differs")),
    ];
    for (signed, cause) in cases {
        let found = console.doctor_request(None, request(header(&key.sign(signed.as_bytes())))).await;
        let found = found.expect("a finding");
        assert_eq!((found.valid, found.cause.as_deref(), found.proved), (cause.is_none(), cause, true), "{signed:?}");
        assert_eq!(found.sign_string, format!("GET\n/v3/certificates\n{NONCE_LINES}\n"));
    }
}

#[tokio::test]
async fn a_private_key_is_neither_needed_nor_taken() {
    let (_folder, console) = desk().await;
    let pasted = Some(text(fixture!("merchant_key.pem")));
    let refused =
        console.doctor_request(None, DoctorRequest { certificate: pasted.clone(), ..request(header("AAAA")) }).await;
    assert_eq!(refused.expect_err("refused").code, "PRIVATE_KEY_PASTED");
    let input = VerifyInput { text: "a\n".to_owned(), signature: "AAAA".to_owned(), key: None, pem: pasted };
    assert_eq!(console.verify_text(None, input).await.expect_err("refused").code, "PRIVATE_KEY_PASTED");
}

#[tokio::test]
async fn what_is_no_such_thing_is_said_not_thrown() {
    let (_folder, console) = desk().await;
    let found = console.doctor_request(None, request(String::new())).await.expect("a finding");
    assert!(!found.valid && !found.proved, "{found:?}");
    let input = DoctorPayParams { params: "not JSON".to_owned(), appid: None, app: false, certificate: None };
    assert_eq!(console.doctor_pay_params(None, input).await.expect_err("refused").code, "DOCTOR_INPUT");
    let large = DoctorRequest { body: "x".repeat(PASTED + 1), ..request(String::new()) };
    assert_eq!(console.doctor_request(None, large).await.expect_err("refused").code, "PASTE_TOO_LARGE");
    let when = DoctorRequest { at: Some("yesterday".to_owned()), ..request(String::new()) };
    assert_eq!(console.doctor_request(None, when).await.expect_err("refused").code, "INVALID_FIELD");
}

#[tokio::test]
async fn a_notification_without_its_signature_is_named() {
    let (_folder, console) = desk().await;
    let input = DoctorNotification {
        headers: vec![("Wechatpay-Timestamp".to_owned(), "1554208460".to_owned())],
        body: "{}".to_owned(),
        body_base64: None,
        certificate: None,
        at: None,
    };
    let found = console.doctor_notification(None, input).await.expect("a finding");
    assert_eq!(found.cause.as_deref(), Some("header_missing"));
}

#[tokio::test]
async fn the_verdict_over_a_text_follows_the_text_and_the_key() {
    let (_folder, console) = desk().await;
    let input = SignInput {
        method: "GET".to_owned(),
        url: "/v3/certificates".to_owned(),
        body: Vec::new(),
        timestamp: None,
        nonce: None,
    };
    let signed = console.sign(None, input).await.expect("signed");
    let ask = |lines: &str, signature: &str, key: Option<&str>, pem: Option<&[u8]>| {
        let input = VerifyInput {
            text: lines.to_owned(),
            signature: signature.to_owned(),
            key: key.map(str::to_owned),
            pem: pem.map(text),
        };
        let console = console.clone();
        async move { console.verify_text(None, input).await.expect("a verdict").ok }
    };
    let (whole, signature) = (signed.sign_string.as_str(), signed.signature.as_str());
    assert_eq!(ask(whole, signature, None, None).await, Some(true));
    assert_eq!(ask(whole, &format!(" {signature}\n"), Some("merchant"), None).await, Some(true));
    assert_eq!(ask(whole.trim_end(), signature, None, None).await, Some(false));
    assert_eq!(ask(whole, signature, None, Some(fixture!("merchant_cert.pem"))).await, Some(true));
    assert_eq!(ask(whole, signature, None, Some(fixture!("platform_cert.pem"))).await, Some(false));
    assert_eq!(ask(whole, signature, Some("0000"), None).await, None);
    assert_eq!(ask(whole, "", None, None).await, None);
    assert_eq!(ask(whole, "*", None, None).await, None);
}

#[tokio::test]
async fn the_register_says_what_belongs_together_and_shows_no_secret() {
    let (folder, console) = desk().await;
    let exposed = folder.path().join("copied_key.pem");
    std::fs::write(&exposed, fixture!("merchant_key.pem")).expect("a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&exposed, std::fs::Permissions::from_mode(0o644)).expect("its mode");
    }
    let entries = console.key_register(None, vec![(KeyKind::KeyFile, exposed)]).await.expect("a register");
    let of = |kind| entries.iter().find(|entry| entry.kind == kind).expect("an entry");
    let (key, certificate, file) = (of(KeyKind::MerchantKey), of(KeyKind::MerchantCertificate), of(KeyKind::KeyFile));
    assert_eq!((key.belongs, certificate.belongs), (Some(true), Some(true)));
    assert!(key.fingerprint.is_some() && key.fingerprint == certificate.fingerprint);
    assert_eq!(file.fingerprint, key.fingerprint);
    #[cfg(unix)]
    assert_eq!(file.exposed, Some(true));
    let text = serde_json::to_string(&entries).expect("JSON");
    assert!(!text.contains("PRIVATE KEY"), "{text}");
}

#[tokio::test]
async fn a_body_that_a_framework_spoilt_comes_with_its_snippets() {
    let (_folder, console) = desk().await;
    let key = PrivateKey::from_pem(fixture!("platform_key.pem")).expect("a key");
    let serial = Certificate::from_pem(fixture!("platform_cert.pem")).expect("a certificate").serial().to_string();
    let signature = key.sign(b"1554208460\nn\n{\"id\":\"1\"}\n");
    let headers =
        [("Timestamp", "1554208460"), ("Nonce", "n"), ("Serial", serial.as_str()), ("Signature", signature.as_str())];
    let input = DoctorNotification {
        headers: headers.iter().map(|(name, value)| (format!("Wechatpay-{name}"), (*value).to_owned())).collect(),
        body: "{\"id\": \"1\"}".to_owned(),
        body_base64: None,
        certificate: Some(text(fixture!("platform_cert.pem"))),
        at: None,
    };
    let found = console.doctor_notification(None, input).await.expect("a finding");
    assert_eq!((found.cause.as_deref(), found.snippets.len()), (Some("body_json_spacing"), 10));
    let broken = console.doctor_request(None, request(header("AAAA"))).await.expect("a finding");
    assert!(broken.snippets.is_empty());
}

#[tokio::test]
async fn a_rehearsal_needs_a_sandbox_that_is_there() {
    let (_folder, console) = desk().await;
    // nothing listens there
    assert_eq!(console.merchant_rehearse(None).await.expect_err("refused").code, "REHEARSAL_FAILED");
    console.merchant_remove("shop").await.expect("gone");
    let real = MerchantInput { base_url: None, ..sound("real") };
    console.merchant_add(real).await.expect("a merchant");
    assert_eq!(console.merchant_rehearse(None).await.expect_err("refused").code, "REHEARSAL_NEEDS_SANDBOX");
}
