//! `guitai doctor` as a script uses it: forms of input, exit status, and what anything at all gets for an answer.

use guitai_tests::command::{Guitai, Ran, finish};
use serde_json::Value;
use wechatpay::keys::{Certificate, PrivateKey};
use wechatpay::message;

macro_rules! key {
    ($name:literal) => {
        include_bytes!(concat!("../keys/", $name)).as_slice()
    };
}

const NONCE: &str = "593BEC0C930BF1AFEB40B4A08C8FB242";
const URL: &str = "/v3/pay/transactions/jsapi";

fn authorization(text: &[u8]) -> String {
    let key = PrivateKey::from_pem(key!("merchant_key.pem")).unwrap();
    let serial = Certificate::from_pem(key!("merchant_cert.pem")).unwrap().serial().to_string();
    let signature = key.sign(text);
    format!(
        "WECHATPAY2-SHA256-RSA2048 serial_no=\"{serial}\",timestamp=\"1795708460\",signature=\"{signature}\",nonce_str=\"{NONCE}\",mchid=\"1900007291\""
    )
}

fn request(guitai: &Guitai, authorization: &str, body: &[u8], more: &[&str]) -> Ran {
    let body = guitai.file("body.json", body);
    let arguments =
        ["doctor", "request", "--method", "post", "--url", URL, "--authorization", authorization, "--body", &body];
    guitai.run(&[&arguments, more, &["--json"]].concat())
}

/// The diagnosis, whose form is the contract's, and whose exit status follows it.
fn diagnosis(ran: &Ran) -> Value {
    let said = ran.document();
    for (name, is_right) in [
        ("valid", said["valid"].is_boolean()),
        ("cause", said["cause"].is_string() != said["valid"].as_bool().unwrap()),
        ("also", said["also"].is_array()),
        ("combined", said["combined"].is_boolean()),
        ("certainty", ["proved", "likely"].contains(&said["certainty"].as_str().unwrap_or_default())),
        ("sign_string", said["sign_string"].is_string()),
        ("tried", said["tried"].is_u64()),
    ] {
        assert!(is_right, "{name} in {said}");
    }
    for text in ["explanation", "fix"] {
        assert!(said[text]["en"].as_str().is_some_and(|t| !t.is_empty()), "{said}");
        assert!(said[text]["zh"].as_str().is_some_and(|t| !t.is_empty()), "{said}");
    }
    assert_eq!(ran.status, Some(i32::from(said["valid"] != true)), "{said}");
    assert!(!ran.stdout.contains("PRIVATE KEY"), "{}", ran.stdout);
    said
}

#[test]
fn a_request_is_judged_with_each_form_of_its_inputs() {
    let guitai = Guitai::new();
    let certificate = guitai.file("cert.pem", key!("merchant_cert.pem"));
    let (pkcs8, pkcs1) =
        (guitai.file("key8.pem", key!("merchant_key.pem")), guitai.file("key1.pem", key!("merchant_key_pkcs1.pem")));
    let body = "{\"description\":\"热美式\"}\n".as_bytes();
    let right = authorization(&message::request("POST", URL, 1_795_708_460, NONCE, body));
    for more in [
        vec!["--certificate", &certificate],
        vec!["--private-key", &pkcs8],
        vec!["--private-key", &pkcs1],
        vec!["--certificate", &certificate, "--now", "1795708760"],
        vec!["--certificate", &certificate, "--now", "2026-11-26T07:12:40+08:00"],
    ] {
        let said = diagnosis(&request(&guitai, &right, body, &more));
        let stale = more.contains(&"2026-11-26T07:12:40+08:00");
        assert_eq!(said["cause"].as_str(), stale.then_some("timestamp_stale"), "{more:?}: {said}");
    }
    let named = diagnosis(&request(&guitai, &format!("Authorization: {right}"), body, &["--private-key", &pkcs8]));
    assert_eq!(named["valid"], true, "{named}");
    let trimmed = diagnosis(&request(&guitai, &right, body.trim_ascii_end(), &["--certificate", &certificate]));
    assert_eq!((&trimmed["cause"], &trimmed["certainty"]), (&"body_outer_whitespace".into(), &"proved".into()));
    assert_eq!(guitai.error(2, &["doctor", "request", "--method", "GET"])["code"].as_str(), Some("USAGE"));
}

#[test]
fn anything_may_be_pasted() {
    let guitai = Guitai::new();
    let certificate = guitai.file("cert.pem", key!("merchant_cert.pem"));
    let with = ["--certificate", certificate.as_str()];
    let right = authorization(&message::request("POST", URL, 1_795_708_460, NONCE, b"{}"));
    let encrypted = guitai.file("encrypted.pem", key!("merchant_key_encrypted.pem"));
    let binary: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let huge = format!("{{\"a\":[{}1]}}", "1, ".repeat(3_500_000)).into_bytes();
    for (name, ran, cause) in [
        ("10 MB", request(&guitai, &right, &huge, &with), "sign_string_unexplained"),
        ("binary", request(&guitai, &right, &binary, &with), "sign_string_unexplained"),
        ("no signature", request(&guitai, "", b"{}", &with), "authorization_scheme_wrong"),
        ("an encrypted key", request(&guitai, &right, b"{}", &["--private-key", &encrypted]), "key_file_wrong_kind"),
    ] {
        let said = diagnosis(&ran);
        assert_eq!((said["cause"].as_str(), said["certainty"].as_str()), (Some(cause), Some("likely")), "{name}");
    }
    let headers = guitai.file("headers.json", "{\"Wechatpay-Nonce\":\"x\"}");
    let body = guitai.file("note.bin", &binary);
    let ran = guitai.run(&["doctor", "notification", "--headers", &headers, "--body", &body, "--json"]);
    assert_eq!(diagnosis(&ran)["cause"].as_str(), Some("header_missing"));
    let none = guitai.file("none", "\u{0}");
    for arguments in [
        vec!["doctor", "notification", "--headers", &none, "--body", &body],
        vec![
            "doctor",
            "pay-params",
            "--params",
            &body,
            "--appid",
            "wx1",
            "--kind",
            "app",
            "--certificate",
            &certificate,
        ],
    ] {
        assert_eq!(guitai.error(2, &arguments)["code"], "USAGE");
    }
}

#[test]
fn a_notification_is_judged_from_stdin_and_from_each_form_of_headers() {
    let guitai = Guitai::new();
    let platform = PrivateKey::from_pem(key!("platform_key.pem")).unwrap();
    let certificate = guitai.file("platform.pem", key!("platform_cert.pem"));
    let serial = Certificate::from_pem(key!("platform_cert.pem")).unwrap().serial().to_string();
    let signature = platform.sign(&message::answer("1795708460", "n", b"{\"id\":\"1\"}"));
    let pairs = [
        ("wechatpay-timestamp", "1795708460"),
        ("Wechatpay-Nonce", "n"),
        ("WECHATPAY-SERIAL", serial.as_str()),
        ("Wechatpay-Signature", signature.as_str()),
    ];
    let lines: String = pairs.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    for (number, text) in [
        serde_json::to_string(&pairs.iter().copied().collect::<std::collections::BTreeMap<_, _>>()).unwrap(),
        serde_json::to_string(&pairs).unwrap(),
        format!("POST /notify HTTP/1.1\r\n{lines}\r\n"),
        lines.replace('\r', ""),
    ]
    .into_iter()
    .enumerate()
    {
        let headers = guitai.file("headers", text);
        let arguments = [
            "doctor",
            "notification",
            "--headers",
            &headers,
            "--body",
            "-",
            "--platform-certificate",
            &certificate,
            "--json",
        ];
        let ran = finish(guitai.command(&arguments), b"{\"id\":\"1\"}");
        assert_eq!(diagnosis(&ran)["valid"], true, "form {number}");
        let ran = finish(guitai.command(&arguments), b"{\"id\": \"1\"}");
        let said = diagnosis(&ran);
        assert_eq!(said["cause"], "body_json_spacing");
        assert_eq!(said["sign_string"], "1795708460\nn\n{\"id\":\"1\"}\n");
    }
}
