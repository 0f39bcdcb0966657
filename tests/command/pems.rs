//! A folder of key files: what is found in it, a merchant made of it, and what can't be used refused by name, whether it
//! lies in the folder or is named by an option.

use guitai_tests::command::Guitai;
use serde_json::{Value, json};
use std::path::PathBuf;

macro_rules! key {
    ($name:literal) => {
        include_bytes!(concat!("../keys/", $name)).as_slice()
    };
}

/// A folder with these files, each readable by anybody: only what is sealed in the data folder is private.
fn folder(guitai: &Guitai, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let folder = guitai.path(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, content) in files {
        std::fs::write(folder.join(name), content).expect("a file");
    }
    folder
}

const WHOLE: [(&str, &[u8]); 7] = [
    ("README.md", b"# Key files"),
    ("apiclient_key.pem", key!("merchant_key.pem")),
    ("apiclient_cert.pem", key!("merchant_cert.pem")),
    ("wechatpay.pem", key!("platform_cert.pem")),
    ("pub_key.pem", key!("pub_key.pem")),
    ("pub_key_id.txt", b"PUB_KEY_ID_0114232134912410000000000000\n"),
    ("apiv3.key", key!("apiv3.key")),
];

fn of_file<'a>(found: &'a Value, name: &str) -> &'a Value {
    found["files"].as_array().unwrap().iter().find(|file| file["name"] == name).unwrap_or(&Value::Null)
}

#[test]
fn a_whole_folder_makes_a_merchant() {
    let guitai = Guitai::new();
    let folder = folder(&guitai, "pems", &WHOLE);
    let dir = folder.to_str().unwrap();
    let found = guitai.json(&["merchant", "pems", dir]);
    for (name, kind) in [
        ("apiclient_key.pem", "private_key"),
        ("apiclient_cert.pem", "merchant_certificate"),
        ("wechatpay.pem", "platform_certificate"),
        ("pub_key.pem", "public_key"),
        ("pub_key_id.txt", "public_key_id"),
        ("apiv3.key", "api_v3_key"),
    ] {
        let file = of_file(&found, name);
        assert_eq!((&file["kind"], &file["used"]), (&json!(kind), &json!(true)), "{name} in {found}");
    }
    assert_eq!(
        (&found["mchid"], &found["missing"], &found["ok"]),
        (&json!("1900000001"), &json!(["appid"]), &json!(true))
    );
    assert!(of_file(&found, "README.md").is_null(), "{found}");

    let add = ["merchant", "add", "shop", "--pems", dir];
    let error = guitai.error(1, &add);
    assert_eq!((&error["code"], &error["field"]), (&json!("PEMS_INCOMPLETE"), &json!("appid")));
    let merchant = guitai.json(&[&add[..], &["--appid", "wx0123456789abcdef"]].concat());
    assert_eq!((&merchant["mchid"], &merchant["serial_no"]), (&json!("1900000001"), &found["serial_no"]));
    assert_eq!(merchant["public_key_id"], "PUB_KEY_ID_0114232134912410000000000000");
    assert_eq!(merchant["platform_certificates"].as_array().unwrap().len(), 1, "{merchant}");
    let said = format!("{found}{merchant}");
    let secret = String::from_utf8_lossy(key!("apiv3.key")).trim().to_owned();
    assert!(!said.contains(&secret) && !said.contains("PRIVATE KEY"), "a secret is told: {said}");
}

#[test]
fn a_bundle_opens_with_the_number_of_the_merchant() {
    let guitai = Guitai::new();
    let files = [("apiclient_cert.p12", key!("merchant.p12")), ("apiv3.key", key!("apiv3.key"))];
    let folder = folder(&guitai, "pems", &files);
    let dir = folder.to_str().unwrap();
    let closed = guitai.run(&["merchant", "pems", dir, "--json"]);
    assert_eq!(
        (closed.status, &of_file(&closed.document(), "apiclient_cert.p12")["code"]),
        (Some(1), &json!("KEY_PASSWORD"))
    );
    let found = guitai.json(&["merchant", "pems", dir, "--mchid", "1900000001"]);
    assert_eq!(of_file(&found, "apiclient_cert.p12")["kind"], "bundle", "{found}");
    let arguments = ["--pems", dir, "--mchid", "1900000001", "--appid", "wx0123456789abcdef"];
    let merchant = guitai.json(&[&["merchant", "add", "shop"][..], &arguments].concat());
    assert_eq!(merchant["serial_no"], found["serial_no"]);
}

#[test]
fn what_does_not_belong_together_is_said() {
    let guitai = Guitai::new();
    let other = folder(&guitai, "other", &[("k.pem", key!("other_key.pem")), ("c.pem", key!("merchant_cert.pem"))]);
    let ran = guitai.run(&["merchant", "pems", other.to_str().unwrap(), "--json"]);
    assert_eq!((ran.status, &ran.document()["ok"]), (Some(1), &json!(false)), "{}", ran.stdout);
    assert!(ran.document()["findings"].to_string().contains("belongs to no merchant certificate"), "{}", ran.stdout);
    // two keys, no certificate to tell which; with one it is the one that belongs to it
    let two = [("a.pem", key!("other_key.pem")), ("b.pem", key!("merchant_key.pem")), ("apiv3.key", key!("apiv3.key"))];
    let two = folder(&guitai, "two", &two);
    let dir = two.to_str().unwrap();
    let arguments =
        ["merchant", "add", "shop", "--pems", dir, "--appid", "wx0123456789abcdef", "--mchid", "1900000001"];
    assert_eq!(guitai.error(1, &arguments)["code"], "PEMS_SEVERAL_KEYS");
    std::fs::write(two.join("c.pem"), key!("merchant_cert.pem")).unwrap();
    let found = guitai.json(&["merchant", "pems", dir]);
    assert_eq!((&of_file(&found, "a.pem")["used"], &of_file(&found, "b.pem")["used"]), (&json!(false), &json!(true)));
    assert_eq!(guitai.error(1, &["merchant", "pems", "/nowhere/at/all"])["code"], "PEMS_UNREADABLE");
}

/// A PKCS#1 private key whose modulus has 16,384 bits: no such key is made, its size alone must do.
fn enormous() -> Vec<u8> {
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, content].concat()
    }
    let modulus = [vec![0_u8], vec![0xff; 2048]].concat();
    let small = || der(2, &[3]);
    let parts =
        [der(2, &[0]), der(2, &modulus), der(2, &[1, 0, 1]), small(), small(), small(), small(), small(), small()];
    // a length of less than 256 needs the short forms; DER is strict about it
    let strict = |part: &Vec<u8>| match part.as_slice() {
        [tag, 0x82, 0, length, rest @ ..] if *length < 128 => [&[*tag, *length][..], rest].concat(),
        whole => whole.to_vec(),
    };
    let body: Vec<u8> = parts.iter().flat_map(strict).collect();
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der(0x30, &body));
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", lines.join("\n")).into_bytes()
}

#[test]
fn files_that_can_not_be_used_are_refused_by_name_and_nothing_is_kept() {
    let guitai = Guitai::new();
    let whole = key!("merchant_key.pem");
    let enormous = enormous();
    let cases: [(&str, &[u8], &str); 9] = [
        ("encrypted", key!("merchant_key_encrypted.pem"), "KEY_ENCRYPTED"),
        ("cut", &whole[..whole.len() / 2], "KEY_DAMAGED"),
        ("empty", b"", "KEY_WRONG_KIND"),
        ("no PEM at all", b"1900000001", "KEY_WRONG_KIND"),
        ("twice", &[whole, whole].concat(), "KEY_SEVERAL"),
        ("1,024 bits", key!("small_key.pem"), "KEY_SIZE"),
        ("16,384 bits", &enormous, "KEY_SIZE"),
        ("no RSA", key!("ec_key.pem"), "KEY_NOT_RSA"),
        ("64 KiB and one byte", &[b'A'; 65_537], "KEY_TOO_LARGE"),
    ];
    let api_v3_key = guitai.file("apiv3.key", key!("apiv3.key"));
    let common = [
        "--mchid",
        "1900000001",
        "--appid",
        "wx0123456789abcdef",
        "--serial-no",
        "1A2B",
        "--api-v3-key-file",
        &api_v3_key,
    ];
    let add = |more: &[&str]| guitai.error(1, &[&["merchant", "add", "shop"][..], more, &common].concat());
    for (name, content, code) in cases {
        let folder = folder(&guitai, name, &[("apiclient_key.pem", content)]);
        let ran = guitai.run(&["merchant", "pems", folder.to_str().unwrap(), "--json"]);
        let found = ran.document();
        let file = of_file(&found, "apiclient_key.pem");
        assert_eq!(
            (ran.status, &file["kind"], &file["code"]),
            (Some(1), &json!("unusable"), &json!(code)),
            "{name}: {found}"
        );
        assert_eq!(add(&["--pems", folder.to_str().unwrap()])["code"], code, "{name}");
        assert_eq!(add(&["--private-key", folder.join("apiclient_key.pem").to_str().unwrap()])["code"], code, "{name}");
    }
    // 50 MB, with holes so that no disk is filled
    let large = folder(&guitai, "large", &[]).join("apiclient_key.pem");
    std::fs::File::create(&large).unwrap().set_len(50 * 1024 * 1024).unwrap();
    assert_eq!(add(&["--pems", large.parent().unwrap().to_str().unwrap()])["code"], "KEY_TOO_LARGE");
    assert_eq!(add(&["--private-key", large.to_str().unwrap()])["code"], "FILE_UNUSABLE");
    // of the wrong kind: what a file is is told from what is in it
    let wrong = guitai.file("wrong.pem", key!("merchant_cert.pem"));
    assert_eq!(add(&["--private-key", &wrong])["code"], "KEY_WRONG_KIND");
    let wrong = guitai.file("wrong.pem", key!("pub_key.pem"));
    assert_eq!(add(&["--private-key", &wrong])["code"], "KEY_WRONG_KIND");
    assert_eq!(guitai.json(&["merchant", "list"])["items"], json!([]));
}
