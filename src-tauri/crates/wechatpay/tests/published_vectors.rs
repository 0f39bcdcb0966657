//! Known answers that others published, read from the folder in `GUITAI_VECTORS` (they are never copied here).

#![allow(missing_docs)]

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::pkcs8::DecodePrivateKey;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wechatpay::api::Answer;
use wechatpay::api::bill;
use wechatpay::api::certificates::Certificates;
use wechatpay::ids::{Appid, Mchid, PrepayId, SerialNo};
use wechatpay::keys::{ApiV3Key, Certificate, PrivateKey, PublicKey, TrustedKeys};
use wechatpay::money::Fen;
use wechatpay::notification::{self, Event, RawCallback, Refusal};
use wechatpay::sign::Signer;
use wechatpay::time::Timestamp;
use wechatpay::{message, seal};

struct Vectors {
    folder: PathBuf,
    json: Value,
}

/// `None` where the folder is not named: a clone without it still tests everything else. `.ci/run` names it.
fn vectors() -> Option<Vectors> {
    let Some(folder) = std::env::var_os("GUITAI_VECTORS").map(PathBuf::from) else {
        eprintln!("GUITAI_VECTORS is not set: the published vectors are not read");
        return None;
    };
    let text = std::fs::read_to_string(folder.join("vectors.json")).expect("GUITAI_VECTORS has vectors.json");
    Some(Vectors { folder, json: serde_json::from_str(&text).expect("vectors.json") })
}

impl Vectors {
    fn text(&self, pointer: &str) -> &str {
        self.json.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}"))
    }
    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
    fn list(&self, pointer: &str) -> &[Value] {
        self.json.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("{pointer}"))
    }
    fn signer(&self) -> Signer {
        Signer {
            mchid: Mchid::parse(self.text("/official_docs/mchid")).unwrap(),
            serial_no: SerialNo::parse(self.text("/official_docs/serial_no")).unwrap(),
            key: PrivateKey::from_pem(&self.file(self.text("/official_docs/private_key"))).unwrap(),
        }
    }
}

fn str_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name}"))
}

#[test]
fn requests_are_signed_as_the_documentation_signs_them() {
    let Some(v) = vectors() else { return };
    let signer = v.signer();
    let rsa = rsa::RsaPrivateKey::from_pkcs8_pem(&signer.key.to_pkcs8_pem()).unwrap();
    let derived = v.list("/official_docs/derived_with_doc_key/request_signing");
    let cases: Vec<_> = v.list("/official_docs/request_signing").iter().chain(derived).collect();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let timestamp = case["timestamp"].as_i64().or_else(|| case["timestamp"].as_str()?.parse().ok()).unwrap();
        let signed = signer.authorization(
            str_of(case, "method"),
            str_of(case, "url"),
            str_of(case, "body").as_bytes(),
            timestamp,
            str_of(case, "nonce_str"),
        );
        assert_eq!(signed.message.len() as u64, case["sign_message_length"].as_u64().unwrap(), "{case}");
        assert_eq!(signed.signature, str_of(case, "signature"), "{case}");
        // PKCS#1 v1.5 is deterministic: the other implementation in the tree must give the same bytes.
        let cross = rsa.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&signed.message)).unwrap();
        assert_eq!(STANDARD.encode(cross), signed.signature);
    }
}

#[test]
fn pay_params_are_signed_as_the_documentation_signs_them() {
    let Some(v) = vectors() else { return };
    let signer = v.signer();
    let at = |name: &str| v.text(&format!("/official_docs/pay_sign/{name}"));
    let appid = Appid::parse(at("appid")).unwrap();
    let prepay_id = PrepayId::parse(at("prepay_id")).unwrap();
    let stamp = &v.json["official_docs"]["pay_sign"]["timestamp"];
    let timestamp = stamp.as_i64().or_else(|| stamp.as_str()?.parse().ok()).unwrap();
    let jsapi = signer.pay_params_jsapi(&appid, &prepay_id, timestamp, at("nonce"));
    assert_eq!(jsapi.pay_sign, at("jsapi_or_miniprogram"));
    assert_eq!(signer.pay_params_app(&appid, &prepay_id, timestamp, at("nonce")).sign, at("app"));
}

#[test]
fn the_documentations_answer_verifies() {
    let Some(v) = vectors() else { return };
    let at = |name: &str| {
        let value = &v.json["official_docs"]["response_verification"][name];
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    let key = PublicKey::from_pem(&v.file(&at("public_key"))).unwrap();
    let text = message::answer(&at("timestamp"), &at("nonce"), at("body").as_bytes());
    let signature = STANDARD.decode(at("signature")).unwrap();
    assert!(key.verify(&text, &signature));
    assert!(!key.verify(&message::answer(&at("timestamp"), &at("nonce"), b"{}"), &signature));
}

#[test]
fn the_sdks_signatures_and_ciphertexts_come_out_the_same() {
    let Some(v) = vectors() else { return };
    for sdk in ["go_sdk", "java_sdk"] {
        let key = PrivateKey::from_pem(&v.file(v.text(&format!("/{sdk}/sign/key")))).unwrap();
        assert_eq!(
            key.sign(v.text(&format!("/{sdk}/sign/message")).as_bytes()),
            v.text(&format!("/{sdk}/sign/signature"))
        );
    }
    let java = |name: &str| v.text(&format!("/java_sdk/{name}"));
    let merchant = PrivateKey::from_pem(&v.file(java("oaep_sha1/key"))).unwrap();
    assert_eq!(
        merchant.decrypt_oaep(java("oaep_sha1/ciphertext")).unwrap().as_slice(),
        java("oaep_sha1/plaintext").as_bytes()
    );
    // The FAQ page that recommends SHA-256 contradicts all code: the same ciphertext must not open that way.
    let rsa = rsa::RsaPrivateKey::from_pkcs8_pem(&merchant.to_pkcs8_pem()).unwrap();
    let bytes = STANDARD.decode(java("oaep_sha1/ciphertext")).unwrap();
    assert!(rsa.decrypt(rsa::Oaep::new::<Sha256>(), &bytes).is_err());
    let key = ApiV3Key::parse(java("aead_256/key")).unwrap();
    let opened = seal::open(
        &key,
        java("aead_256/nonce").as_bytes(),
        java("aead_256/aad").as_bytes(),
        java("aead_256/ciphertext"),
    );
    assert_eq!(opened.unwrap().as_slice(), java("aead_256/plaintext").as_bytes());
    assert!(ApiV3Key::parse(v.text("/go_sdk/aead_128/key")).is_err(), "16 bytes are no APIv3 key");
}

#[test]
fn the_downloaded_certificate_opens() {
    let Some(v) = vectors() else { return };
    let body = v.file(v.text("/java_sdk/download_certificates/body_file"));
    let list: Value = serde_json::from_slice(&body).unwrap();
    let sealed = &list["data"][0]["encrypt_certificate"];
    let key = ApiV3Key::parse(v.text("/java_sdk/apiv3_key")).unwrap();
    let pem = seal::open(
        &key,
        str_of(sealed, "nonce").as_bytes(),
        str_of(sealed, "associated_data").as_bytes(),
        str_of(sealed, "ciphertext"),
    )
    .unwrap();
    let hash: String = Sha256::digest(&pem).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hash, v.text("/java_sdk/download_certificates/plaintext_sha256"));
    assert_eq!(
        Certificate::from_pem(&pem).unwrap().serial().as_str(),
        v.text("/java_sdk/download_certificates/serial_no")
    );
    // It opens, but it is not signed: that is no answer to believe.
    let answer = Answer { status: 200, headers: vec![], body };
    assert!(Certificates.answer(answer, &key, &TrustedKeys::new(), Timestamp::UNIX_EPOCH).is_err());
}

#[test]
fn serials_are_written_as_openssl_writes_them() {
    let Some(v) = vectors() else { return };
    for (file, serial) in [
        ("go_tenpay_sign_cert.pem", "0C4AEF34B89340881BB2B25226393DC2E47F094B"),
        ("go_mock_platform_cert.pem", "D7CE59D1F522D701"),
        ("java_merchant_certificate.pem", "5F1C72E2A8931B72A2E13AF8DEE92471EB397115"),
        ("java_wechat_pay_certificate.pem", "440024045C4A427599D09BB4E3DE0279F2E813FD"),
        ("axios_apiclient_cert.pem", "898DBAD30F416EC7"),
        ("axios_apiserver_cert.pem", "BE2A2344B984167B"),
    ] {
        let certificate = Certificate::from_pem(&v.file(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(certificate.serial().as_str(), serial, "{file}");
    }
}

#[test]
fn the_derived_notifications_are_genuine_in_their_five_minutes_and_not_a_second_more() {
    let Some(v) = vectors() else { return };
    let key = ApiV3Key::parse(v.text("/derived_notifications/apiv3_key")).unwrap();
    let mut trusted = TrustedKeys::new();
    trusted.add_certificate(Certificate::from_pem(&v.file("java_wechat_pay_certificate.pem")).unwrap());
    for item in v.list("/derived_notifications/items") {
        let headers: Vec<(String, String)> = item["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(n, h)| (n.clone(), h.as_str().unwrap().to_owned()))
            .collect();
        let body = str_of(item, "body").as_bytes().to_vec();
        assert_eq!(body.len() as u64, item["body_bytes"].as_u64().unwrap());
        let signed: i64 = str_of(&item["headers"], "Wechatpay-Timestamp").parse().unwrap();
        let raw = RawCallback { headers, body };
        let open = |at: i64| {
            notification::open(&raw, &trusted, std::slice::from_ref(&key), Timestamp::from_second(at).unwrap())
        };
        for (offset, genuine) in [(-301, false), (-300, true), (0, true), (300, true), (301, false)] {
            assert_eq!(open(signed + offset).result.is_ok(), genuine, "{offset}");
        }
        let opened = open(signed);
        let notification = opened.result.unwrap();
        assert_eq!(notification.plaintext(), str_of(item, "resource_plaintext"));
        match (str_of(item, "name"), notification.event()) {
            ("payment_success", Event::Payment(t)) => assert_eq!(t.amount.as_ref().unwrap().total, Fen::new(100)),
            ("refund_success", Event::Refund(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn gos_notification_verifies_though_its_key_has_another_size() {
    let Some(v) = vectors() else { return };
    let mut trusted = TrustedKeys::new();
    trusted.add_certificate(Certificate::from_pem(&v.file("go_mock_platform_cert.pem")).unwrap());
    let headers = v.json["go_sdk"]["notification"]["headers"].as_object().unwrap();
    let raw = RawCallback {
        headers: headers.iter().map(|(n, h)| (n.clone(), h.as_str().unwrap().to_owned())).collect(),
        body: v.text("/go_sdk/notification/body").as_bytes().to_vec(),
    };
    let opened = notification::open(&raw, &trusted, &[], Timestamp::from_second(1_624_523_846).unwrap());
    assert!(matches!(opened.result, Err(Refusal::Undecryptable { .. })), "{:?}", opened.result);
    assert!(opened.checks.iter().any(|c| c.name == "signature_valid" && c.ok));
}

#[test]
fn the_public_bill_is_read_to_the_last_cell() {
    let Some(v) = vectors() else { return };
    let file = v.file("bill.ALL.csv");
    assert_eq!(file.len(), 14_686);
    let read = bill::read(&file).unwrap();
    assert_eq!((read.columns.len(), read.rows.len(), read.summary.len()), (27, 45, 7));
    let lines = read.trade_lines().unwrap();
    let paid = lines.iter().try_fold(Fen::default(), |sum, line| sum.checked_add(line.total)).unwrap();
    let refunded = lines.iter().try_fold(Fen::default(), |sum, line| sum.checked_add(line.refund)).unwrap();
    assert_eq!((paid.yuan().as_str(), refunded.yuan().as_str()), ("0.47", "0.14"));
}
