//! Each cause of each command in at least three ways, and how long the doctor takes over all of them.

use std::collections::BTreeMap;
use std::time::Instant;

use super::notifications::{self, Given};
use super::pay_params;
use super::requests::{self, Change};
use super::workshop::*;
use crate::doctor::Cause;
use crate::keys::Certificate;

/// `doctor request`: everything that can be broken in one place.
fn of_requests() -> Vec<Case> {
    let mut cases = Vec::new();
    for (slug, change) in requests::anywhere() {
        for (at, mut request) in requests::all().into_iter().enumerate() {
            change(&mut request);
            cases.push(request.case(&format!("{slug} {at}"), slug));
        }
    }
    for (slug, sent, signed) in requests::urls() {
        let mut request = Request::sound("GET", sent, "");
        request.signed.url = signed.into();
        cases.push(request.case(&format!("signed as {signed}"), slug));
    }
    for (slug, sent, signed) in requests::bodies() {
        let mut request = Request::sound("POST", "/v3/refund/domestic/refunds", "");
        let name = format!("{} as {}", String::from_utf8_lossy(&sent), String::from_utf8_lossy(&signed));
        (request.body, request.signed.body) = (sent, signed);
        cases.push(request.case(&name, slug));
    }
    for signed in [
        "bill_date=2026-11-23&bill_type=ALL&tar_type=GZIP",
        "{\"bill_date\":\"2026-11-23\",\"bill_type\":\"ALL\",\"tar_type\":\"GZIP\"}",
        "{\"bill_date\": \"2026-11-23\", \"bill_type\": \"ALL\", \"tar_type\": \"GZIP\"}",
    ] {
        let mut request = requests::bill();
        request.signed.body = signed.into();
        cases.push(request.case(signed, "get_signed_with_body"));
    }
    for (expected, is_certificate, file) in requests::key_files() {
        let mut request = requests::post();
        (request.certificate, request.key_file) = (is_certificate, file);
        cases.push(request.case("key file", expected));
    }
    cases.extend(of_uploads());
    cases.extend(of_identity());
    cases.extend(of_likely_requests());
    cases
}

fn of_uploads() -> Vec<Case> {
    let mut cases = Vec::new();
    let right = requests::meta_of(None);
    let unix = |body: &[u8]| String::from_utf8_lossy(body).replace("\r\n", "\n").into_bytes();
    for (name, meta, body) in [
        ("right", right.clone(), requests::upload(&right)),
        ("as sent by curl", right.replace(' ', ""), requests::upload(&right.replace(' ', ""))),
        ("without hash", "{}".to_owned(), requests::upload("{}")),
    ] {
        let mut request = Request::sound("POST", "/v3/merchant/media/upload", "");
        (request.body, request.signed.body) = (body.clone(), meta.into());
        cases.push(request.clone().case(name, "valid"));
        request.signed.body = body;
        cases.push(request.case(name, "upload_multipart_signed"));
    }
    for stated in ["0".repeat(64), String::new(), "not hex".to_owned()] {
        let meta = requests::meta_of(Some(&stated));
        let mut request = Request::sound("POST", "/v3/merchant/media/upload", "");
        (request.body, request.signed.body) = (requests::upload(&meta), meta.into());
        cases.push(request.case(&stated, "upload_meta_hash_wrong"));
    }
    let mut lines = Request::sound("POST", "/v3/merchant/media/upload", "");
    // The file has CR LF in it, so its hash is another one.
    (lines.body, lines.signed.body) = (unix(&requests::upload(&right)), right.into());
    cases.push(lines.case("LF only", "upload_meta_hash_wrong"));
    cases
}

fn of_identity() -> Vec<Case> {
    let mut cases = Vec::new();
    let certificate = Certificate::from_pem(MERCHANT_CERT).unwrap();
    for now in [
        certificate.not_after().as_second() + 1,
        certificate.not_after().as_second() + 99_999_999,
        certificate.not_before().as_second() - 1,
    ] {
        for mut request in [requests::post(), requests::get()] {
            request.now = Some(now);
            cases.push(request.clone().case("then it is stale, too", "timestamp_stale+certificate_expired"));
            (request.time, request.signed.time) = (now.to_string(), now.to_string());
            cases.push(request.case("expired", "certificate_expired"));
        }
    }
    for id in ["PUB_KEY_ID_0119000072912024091800000000001234", "PUB_KEY_ID_1", "pub_key_id_0119"] {
        for certificate in [true, false] {
            let mut request = requests::post();
            request.serial = id.into();
            if !certificate {
                (request.certificate, request.key_file) = (false, MERCHANT_KEY.to_vec());
            }
            cases.push(request.case(id, "serial_is_public_key_id"));
        }
    }
    for mut request in [requests::post(), requests::get()] {
        request.mchid = "1900000001".into();
        cases.push(request.case("mchid", "mchid_mismatch"));
    }
    let mut number =
        Request::sound("POST", "/v3/refund/domestic/refunds", "{\"mchid\":1900000001,\"x\":{\"mchid\":\"2\"}}");
    cases.push(number.clone().case("as a number", "mchid_mismatch"));
    number.mchid = "1900000001".into();
    cases.push(number.case("as a number", "valid"));
    cases
}

fn of_likely_requests() -> Vec<Case> {
    let mut cases = Vec::new();
    for request in requests::all() {
        for (expected, change) in [
            ("key_mismatch?", (|r| r.signing_key = OTHER_KEY) as Change),
            ("sign_string_unexplained?", |r| r.signed.nonce = "x".into()),
            ("sign_string_unexplained?", |r| r.signed.lay = |_| b"hello".to_vec()),
            ("signature_truncated?", |r| r.form = |s| s[..300].to_owned()),
            ("signature_truncated?", |r| r.form = |s| requests::hex_of(s)[..400].to_owned()),
            ("symmetric_signature?", |r| r.form = |_| "5d41402abc4b2a76b9719d911017c592".into()),
        ] {
            let mut request = request.clone();
            change(&mut request);
            cases.push(request.case(expected, expected));
        }
    }
    cases
}

/// `doctor notification`.
fn of_notifications() -> Vec<Case> {
    let sent = notifications::body();
    let mut cases = Vec::new();
    for (number, make) in [Given::sound as fn(&str) -> Given, Given::public].into_iter().enumerate() {
        for (expected, held) in notifications::bodies() {
            let mut given = make(&sent);
            given.body = held;
            cases.push(given.case(&format!("{number}"), expected));
        }
        for (expected, change) in notifications::changes() {
            let mut given = make(&sent);
            change(&mut given);
            cases.push(given.case(&format!("{number}"), expected));
        }
    }
    for (name, expected, sent, key) in notifications::ciphertexts() {
        cases.push(Given::sound(&sent).with_key(key.into_bytes()).case(name, expected));
    }
    cases.extend(notifications::of_keys());
    cases
}

#[test]
fn each_cause_is_found_in_at_least_three_ways_by_its_command() {
    for (command, order, cases) in [
        ("request", Cause::REQUEST, of_requests()),
        ("notification", Cause::NOTIFICATION, of_notifications()),
        ("pay-params", Cause::PAY_PARAMS, pay_params::cases()),
    ] {
        let mut tally = Tally::default();
        let mut ways: BTreeMap<&str, usize> = BTreeMap::new();
        for case in &cases {
            *ways.entry(case.expected.trim_end_matches('?')).or_default() += 1;
            tally.expect(&format!("{command} {}", case.name), &case.expected, &(case.examine)());
        }
        for cause in order {
            let count = ways.get(cause.slug()).copied().unwrap_or_default();
            assert!(count >= 3, "{command}: {cause} is broken in {count} ways only");
        }
        tally.finish();
    }
}

/// What `make bench` prints for the doctor: each case of above once to warm up and three times measured.
#[test]
#[ignore = "measures time: cargo test --release -p wechatpay --lib -- --ignored --nocapture the_time_a_diagnosis_takes"]
fn the_time_a_diagnosis_takes() {
    let mut times = Vec::new();
    for case in of_requests().into_iter().chain(of_notifications()).chain(pay_params::cases()) {
        (case.examine)();
        for _ in 0..3 {
            let start = Instant::now();
            std::hint::black_box((case.examine)());
            times.push((start.elapsed(), case.expected.clone()));
        }
    }
    times.sort();
    let at = |part: f64| &times[((times.len() - 1) as f64 * part) as usize];
    let ms = |part: f64| at(part).0.as_secs_f64() * 1000.0;
    println!(
        "doctor             {:.2} ms median, {:.1} ms p99, {:.1} ms slowest ({}), {} diagnoses of {} slugs",
        ms(0.5),
        ms(0.99),
        ms(1.0),
        at(1.0).1,
        times.len(),
        Cause::ALL.len()
    );
}
