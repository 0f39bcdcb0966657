//! The one-shot tools: sign, verify, decrypt; and catch.

use guitai_tests::command::{Guitai, Serving, finish, get, http, post};
use serde_json::{Value, json};
use wechatpay::keys::{ApiV3Key, Certificate, PrivateKey};
use wechatpay::{message, seal};

macro_rules! key {
    ($name:literal) => {
        include_bytes!(concat!("../keys/", $name)).as_slice()
    };
}

#[test]
fn verify_knows_right_from_wrong() {
    let guitai = Guitai::new();
    let platform = PrivateKey::from_pem(key!("platform_key.pem")).unwrap();
    let certificate = guitai.file("platform.pem", key!("platform_cert.pem"));
    let other = guitai.file("platform2.pem", key!("platform2_cert.pem"));
    let serial = Certificate::from_pem(key!("platform_cert.pem")).unwrap().serial().to_string();
    let body = "{\"code_url\":\"weixin://wxpay/bizpayurl?pr=1\",\"中\":\"文\"}\n";
    let signature = platform.sign(&message::answer("1554208460", "nonce", body.as_bytes()));
    let (right, wrong) = (guitai.file("body.json", body), guitai.file("other.json", body.trim_end()));
    let lower = serial.to_lowercase();
    // (serial, signature, body, certificate, reason)
    let cases = [
        (serial.as_str(), signature.as_str(), &right, &certificate, None),
        (&lower, &signature, &right, &certificate, None),
        (&serial, &signature, &wrong, &certificate, Some("signature_mismatch")),
        (&serial, &signature, &right, &other, Some("serial_unknown")),
        ("1234ABCD", &signature, &right, &certificate, Some("serial_unknown")),
        (&serial, "not base64!", &right, &certificate, Some("signature_malformed")),
        (&serial, "WECHATPAY/SIGNTEST/abc", &right, &certificate, Some("probe")),
    ];
    for (serial, signature, body, certificate, reason) in cases {
        let arguments = [
            "verify",
            "--timestamp",
            "1554208460",
            "--nonce",
            "nonce",
            "--serial",
            serial,
            "--signature",
            signature,
            "--body",
            body,
            "--platform-certificate",
            certificate,
            "--json",
        ];
        let ran = guitai.run(&arguments);
        let answer = ran.document();
        assert_eq!(answer["valid"], reason.is_none(), "{answer}");
        assert_eq!(answer["reason"], json!(reason), "{answer}");
        assert_eq!(ran.status, Some(i32::from(reason.is_some())));
    }
}

#[test]
fn verify_takes_a_public_key_too() {
    let guitai = Guitai::new();
    let signer = PrivateKey::from_pem(key!("pub_key_private.pem")).unwrap();
    let public = guitai.file("pub_key.pem", key!("pub_key.pem"));
    let signature = signer.sign(&message::answer("1", "n", b"{}"));
    let body = guitai.file("body.json", "{}");
    let arguments = [
        "verify",
        "--timestamp",
        "1",
        "--nonce",
        "n",
        "--serial",
        "PUB_KEY_ID_0114232134912410000000000000",
        "--signature",
        &signature,
        "--body",
        &body,
        "--public-key",
        &public,
    ];
    assert_eq!(guitai.json(&arguments)["valid"], true);
    let merchant = guitai.file("merchant.pem", key!("merchant_key.pem"));
    let mut wrong_kind = arguments;
    wrong_kind[12] = &merchant;
    assert_eq!(guitai.error(1, &wrong_kind)["code"], "KEY_UNUSABLE");
}

#[test]
fn decrypt_gives_the_plaintext_and_nothing_else() {
    let guitai = Guitai::new();
    let text = "0123456789abcdef0123456789abcdef";
    let key = ApiV3Key::parse(text).unwrap();
    let key_file = guitai.file("apiv3.key", format!("{text}\n"));
    for plaintext in [
        "{\"mchid\":\"1900000001\",\"描述\":\"拿铁\"}",
        "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
    ] {
        let resource = json!({
            "algorithm": "AEAD_AES_256_GCM", "associated_data": "transaction", "nonce": "fdasfjihihih",
            "ciphertext": seal::seal(&key, b"fdasfjihihih", b"transaction", plaintext.as_bytes()),
        });
        let whole = json!({ "id": "EV-1", "resource": resource });
        for document in [&resource, &whole] {
            let file = guitai.file("resource.json", document.to_string());
            let arguments = ["decrypt", "--resource", &file, "--api-v3-key-file", &key_file];
            assert_eq!(guitai.run(&arguments).stdout, plaintext);
            let printed = guitai.json(&arguments);
            let expected = serde_json::from_str(plaintext).unwrap_or_else(|_| Value::from(plaintext));
            assert_eq!(printed, expected);
        }
    }
    let file = guitai.path("resource.json").to_str().unwrap().to_owned();
    let wrong = guitai.file("wrong.key", "0123456789abcdef0123456789abcdeF");
    assert_eq!(
        guitai.error(1, &["decrypt", "--resource", &file, "--api-v3-key-file", &wrong])["code"],
        "UNDECRYPTABLE"
    );
    let short = guitai.file("short.key", "0123456789abcdef");
    assert_eq!(
        guitai.error(1, &["decrypt", "--resource", &file, "--api-v3-key-file", &short])["code"],
        "API_V3_KEY_UNUSABLE"
    );
    let stdin = finish(guitai.command(&["decrypt", "--resource", &file, "--api-v3-key-file", "-"]), text.as_bytes());
    assert_eq!(stdin.status, Some(0), "the key may come from stdin: {}", stdin.stderr);
}

#[test]
fn sign_makes_what_the_gateway_accepts() {
    let guitai = Guitai::new();
    let (_sandbox, file) = guitai.sandbox();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    let body = guitai.file("body.json", "{\"a\":1}");
    let arguments = [
        "sign",
        "--method",
        "POST",
        "--url",
        "/v3/x?b=2&a=1",
        "--body",
        &body,
        "--timestamp",
        "1554208460",
        "--nonce",
        "593BEC0C930BF1AFEB40B4A08C8FB242",
    ];
    let signed = guitai.json(&arguments);
    assert_eq!(signed["sign_string"], "POST\n/v3/x?b=2&a=1\n1554208460\n593BEC0C930BF1AFEB40B4A08C8FB242\n{\"a\":1}\n");
    let ready: Value = serde_json::from_slice(&std::fs::read(guitai.path("sandbox.json")).unwrap()).unwrap();
    let merchant =
        PrivateKey::from_pem(&std::fs::read(ready["merchant_private_key"].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(signed["signature"], merchant.sign(signed["sign_string"].as_str().unwrap().as_bytes()));
    let authorization = signed["authorization"].as_str().unwrap();
    assert!(authorization.starts_with("WECHATPAY2-SHA256-RSA2048 mchid=\""), "{authorization}");
    assert!(
        authorization.contains(&format!("serial_no=\"{}\"", ready["merchant_serial_no"].as_str().unwrap())),
        "{authorization}"
    );
    let whole = guitai.json(&["sign", "--method", "get", "--url", "https://api.mch.weixin.qq.com/v3/certificates"]);
    assert!(whole["sign_string"].as_str().unwrap().starts_with("GET\n/v3/certificates\n"), "{whole}");
}

#[tokio::test(flavor = "multi_thread")]
async fn catch_shows_what_comes_and_answers_as_told() {
    let guitai = Guitai::new();
    let mut catch = Serving::start(guitai.command(&["catch", "--port", "0", "--status", "503", "--json"]));
    let note = catch.note();
    let place = note.rsplit(' ').next().unwrap().to_owned();
    assert!(place.starts_with("http://127.0.0.1:"), "{note}");
    let answer =
        http().post(format!("{place}/notify/shop?x=1")).header("X-Twice", "2").body("hello 柜台").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let line = catch.line();
    assert_eq!(
        (&line["method"], &line["path"], &line["body"], &line["status"]),
        (&json!("POST"), &json!("/notify/shop?x=1"), &json!("hello 柜台"), &json!(503))
    );
    assert!(line["at"].as_str().unwrap().contains('T'), "{line}");
    assert!(
        line["headers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|header| header[0].as_str().unwrap().eq_ignore_ascii_case("x-twice")),
        "{line}"
    );
    assert!(line.get("verified").is_none() && line.get("decrypted").is_none(), "{line}");
    assert!(catch.signal("TERM").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn catch_verifies_and_decrypts_for_a_sandbox() {
    let guitai = Guitai::new();
    let (sandbox, file) = guitai.sandbox();
    let base = sandbox.ready["base_url"].as_str().unwrap().to_owned();
    let mut catch = Serving::start(guitai.command(&["catch", "--port", "0", "--sandbox", &file, "--json"]));
    let place = catch.note().rsplit(' ').next().unwrap().to_owned();
    let _ =
        guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file, "--notify-url", &format!("{place}/notify")]);
    let order = guitai.json(&["order", "create", "--amount", "0.01", "--description", "tea"]);
    let no = order["out_trade_no"].as_str().unwrap();
    let _ = guitai.json(&["order", "prepay", no, "--via", "native"]);
    assert_eq!(
        post(&format!("{base}/_sandbox/payments"), &json!({ "out_trade_no": no, "outcome": "SUCCESS" })).await.0,
        200
    );
    let line = catch.line();
    assert_eq!((&line["verified"], &line["decrypted"]["out_trade_no"]), (&json!(true), &json!(no)), "{line}");
    let sent = get(&format!("{base}/_sandbox/notifications")).await;
    let redeliver = format!("{base}/_sandbox/notifications/{}/redeliver", sent[0]["id"].as_str().unwrap());
    let _ = post(&redeliver, &json!({ "fault": "bad_signature" })).await;
    let line = catch.line();
    assert_eq!((&line["verified"], line.get("decrypted")), (&json!(false), None), "{line}");
    let _ = post(&format!("{place}/x"), &json!({})).await;
    assert_eq!(catch.line()["verified"], false);
    assert!(catch.signal("INT").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_never_reads_keeps_nothing_waiting() {
    let guitai = Guitai::new();
    let mut command = guitai.command(&["catch", "--port", "0", "--json"]);
    let mut child = command.spawn().unwrap();
    let mut notes = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut note = String::new();
    std::io::BufRead::read_line(&mut notes, &mut note).unwrap();
    let place = note.trim().rsplit(' ').next().unwrap().to_owned();
    // far more than a pipe holds
    let (client, body) = (http(), "x".repeat(60_000));
    for _ in 0..8 {
        assert_eq!(client.post(&place).body(body.clone()).send().await.unwrap().status(), 204);
    }
    let sent = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let stdout = child.stdout.take();
    assert!(child.wait().unwrap().success(), "it ends though nobody reads");
    drop(stdout);
}
