//! Fuzzing of what a replay reads: content that a person edited, the kept body it goes into, and where it is sent.

use super::letter::{self, PlatformSigner};
use super::target::Target;
use crate::mutator::{fuzz, fuzz_slowly};
use crate::outside::Outside;
use crate::store::CallbackRaw;
use wechatpay::keys::{ApiV3Key, PrivateKey};
use wechatpay::time::Timestamp;

fn raw(body: &[u8]) -> CallbackRaw {
    CallbackRaw {
        target: "/notify/shop".to_owned(),
        source: "127.0.0.1".to_owned(),
        headers: vec![("Wechatpay-Signature".to_owned(), String::from_utf8_lossy(body).into_owned())],
        body: body.to_vec(),
        decrypted: None,
        intact: true,
    }
}

#[test]
fn fuzz_letters() {
    let outside = Outside::fixed(Timestamp::UNIX_EPOCH, 1);
    let key = ApiV3Key::parse("0123456789abcdef0123456789abcdef").expect("32 characters");
    let pem = include_bytes!("../../../../../tests/keys/platform_key.pem");
    let signer = PlatformSigner { serial: "0A".to_owned(), key: PrivateKey::from_pem(pem).expect("a key") };
    let words = ["resource", "ciphertext", "associated_data", "nonce", "algorithm"];
    fuzz_slowly("letter", &words, Vec::new(), 10, |bytes| {
        let raw = raw(bytes);
        let content = letter::checked_content(&String::from_utf8_lossy(bytes)).is_ok();
        let sealed = letter::with_content(&raw, "{\"a\":1}", &key, &outside);
        let fault = letter::Fault::ALL.get(bytes.len() % 8).copied();
        let received = letter::as_received(&raw, fault, &outside);
        let signed = letter::resigned(&raw, bytes, &signer, fault, &outside);
        assert_eq!(received.body, bytes, "as received is as received");
        (content, sealed.is_ok(), fault, signed.body.len() == bytes.len())
    });
}

/// Whatever is typed as a target: what is accepted is http or https, without credentials, to no address that is refused.
#[test]
fn fuzz_targets() {
    let words = [
        "http://",
        "https://",
        "@",
        "[::",
        "]",
        "0x7f",
        "127.1",
        "169.254.169.254",
        "%2e",
        "xn--",
        "\u{3002}",
        "#",
        "localhost",
    ];
    fuzz("target", &words, |bytes| {
        match Target::parse("to", &String::from_utf8_lossy(bytes), false) {
            Ok(target) => {
                let text = target.text();
                assert!(text.starts_with("http://") || text.starts_with("https://"), "{text}");
                assert!(!text.split('/').nth(2).is_some_and(|authority| authority.contains('@')), "{text}");
                // in its one spelling it is judged the same
                assert!(Target::parse("to", text, false).is_ok() || text.len() > 2_048, "{text}");
                "taken".to_owned()
            }
            Err(problem) => problem.code,
        }
    });
}
