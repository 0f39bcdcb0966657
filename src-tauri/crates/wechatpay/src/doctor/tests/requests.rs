//! `doctor request`: each cause at least three times, and pairs.

use super::workshop::*;
use crate::doctor::Cause;

const PREPAY: &str = "/v3/pay/transactions/jsapi";
pub(super) const BODY: &str = "{\"appid\":\"wxd678efh567hg6787\",\"mchid\":\"1900007291\",\"description\":\"Image形象店-<QQ>公仔\",\"out_trade_no\":\"1217752501\",\"notify_url\":\"https://www.weixin.qq.com/wxpay/pay.php\",\"amount\":{\"total\":100,\"currency\":\"CNY\"},\"payer\":{\"openid\":\"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o\"}}";
const QUERY: &str = "/v3/pay/transactions/out-trade-no/1217752501?mchid=1900007291";
const BILL: &str = "/v3/bill/tradebill?bill_date=2026-11-23&bill_type=ALL&tar_type=GZIP";
pub(super) const SMALL: &str = "{\"transaction_id\":\"42\",\"reason\":\"a b/c\",\"amount\":{\"refund\":1,\"total\":2}}";

pub(super) fn post() -> Request {
    Request::sound("POST", PREPAY, BODY)
}
pub(super) fn refund() -> Request {
    Request::sound("POST", "https://api.mch.weixin.qq.com/v3/refund/domestic/refunds", SMALL)
}
pub(super) fn get() -> Request {
    Request::sound("GET", QUERY, "")
}
pub(super) fn bill() -> Request {
    Request::sound("GET", BILL, "")
}
pub(super) fn all() -> Vec<Request> {
    vec![post(), refund(), get(), bill()]
}

pub(super) type Change = fn(&mut Request);

fn joined(fields: &[&[u8]; 5], between: &[u8]) -> Vec<u8> {
    fields.join(between)
}
fn ended(fields: &[&[u8]; 5], end: &[u8]) -> Vec<u8> {
    let mut text = fields.join(end);
    text.extend_from_slice(end);
    text
}

/// One mistake each, applied to any request: slug, change.
pub(super) fn anywhere() -> Vec<(&'static str, Change)> {
    vec![
        ("final_newline_missing", |r| r.signed.lay = |f| joined(f, b"\n")),
        ("line_endings_crlf", |r| r.signed.lay = |f| ended(f, b"\r\n")),
        ("literal_backslash_n", |r| r.signed.lay = |f| ended(f, b"\\n")),
        ("body_line_missing", |r| r.signed.lay = |f| f[..4].join(&b'\n')),
        ("field_order_wrong", |r| r.signed.lay = |f| right(&[f[1], f[0], f[2], f[3], f[4]])),
        ("field_order_wrong", |r| r.signed.lay = |f| right(&[f[2], f[3], f[0], f[1], f[4]])),
        ("field_order_wrong", |r| r.signed.lay = |f| right(&[f[0], f[1], f[3], f[2], f[4]])),
        ("method_differs", |r| r.signed.method = r.signed.method.to_lowercase()),
        ("method_differs", |r| r.signed.method = "PUT".into()),
        ("method_differs", |r| r.signed.method = "Post".into()),
        ("method_differs", |r| r.signed.method = r.method.replace('T', "t")),
        ("url_full_signed", |r| r.signed.url = format!("https://api.mch.weixin.qq.com{}", r.signed.url)),
        ("url_full_signed", |r| r.signed.url = format!("api.mch.weixin.qq.com{}", r.signed.url)),
        ("url_full_signed", |r| r.signed.url = format!("http://api2.mch.weixin.qq.com{}", r.signed.url)),
        ("url_slashes_differ", |r| r.signed.url.insert(0, '/')),
        ("url_slashes_differ", |r| r.signed.url = r.signed.url[1..].into()),
        ("url_slashes_differ", |r| r.signed.url = r.signed.url.replacen("/v3/", "/v3//", 1)),
        ("url_version_prefix_missing", |r| r.signed.url = r.signed.url.replacen("/v3", "", 1)),
        ("timestamp_differs", |r| r.signed.time = (T - 1).to_string()),
        ("timestamp_differs", |r| r.signed.time = (T + 10).to_string()),
        ("timestamp_milliseconds", |r| r.signed.time = format!("{T}000")),
        ("timestamp_milliseconds", |r| r.signed.time = format!("{T}617")),
        ("timestamp_milliseconds", |r| r.time = format!("{T}617")),
        ("timestamp_milliseconds", |r| {
            r.time = format!("{T}617");
            r.signed.time = r.time.clone();
        }),
        ("timestamp_stale", |r| r.now = Some(T + 301)),
        ("timestamp_stale", |r| r.now = Some(T - 301)),
        ("nonce_malformed", |r| {
            r.nonce = "550e8400-e29b-41d4-a716-446655440000".into();
            r.signed.nonce = r.nonce.clone();
        }),
        ("nonce_malformed", |r| {
            r.nonce = String::new();
            r.signed.nonce = String::new();
        }),
        ("nonce_malformed", |r| {
            r.nonce = "随机".into();
            r.signed.nonce = r.nonce.clone();
        }),
        ("authorization_scheme_wrong", |r| r.header = |v| v.replace("WECHATPAY2-SHA256-RSA2048", "Bearer")),
        ("authorization_scheme_wrong", |r| r.header = |v| v.replace("WECHATPAY2-SHA256-RSA2048 ", "")),
        ("authorization_scheme_wrong", |r| r.header = |v| v.replace("RSA2048", "RSA")),
        ("authorization_format_wrong", |r| r.header = |v| v.replace('"', "'")),
        ("authorization_format_wrong", |r| r.header = |v| v.replace('"', "")),
        ("authorization_format_wrong", |r| r.header = |v| v.replace(',', ", ")),
        ("authorization_format_wrong", |r| r.header = |v| v.replace(',', ";")),
        ("authorization_format_wrong", |r| r.header = |v| v.replace(',', ",\n\t")),
        ("authorization_field_missing", |r| r.header = |v| v.replace("mchid=", "mch_id=")),
        ("authorization_field_missing", |r| r.header = |v| v.replace("serial_no=", "serial=")),
        ("authorization_field_missing", |r| r.header = |v| v.replace("nonce_str=", "nonce=")),
        ("field_whitespace", |r| r.serial.push('\n')),
        ("field_whitespace", |r| r.mchid.insert(0, ' ')),
        ("field_whitespace", |r| r.time.push(' ')),
        ("field_whitespace", |r| {
            r.nonce.push(' ');
            r.signed.nonce.push(' ');
        }),
        ("signature_hex", |r| r.form = |s| hex_of(s)),
        ("signature_hex", |r| r.form = |s| hex_of(s).to_uppercase()),
        ("signature_base64url", |r| r.form = |s| s.trim_end_matches('=').to_owned()),
        ("signature_base64url", |r| r.form = |s| s.replace('+', "-").replace('/', "_")),
        ("signature_line_breaks", |r| {
            r.form = |s| s.as_bytes().chunks(76).map(|l| String::from_utf8_lossy(l)).collect::<Vec<_>>().join("\n")
        }),
        ("signature_line_breaks", |r| {
            r.form = |s| s.as_bytes().chunks(64).map(|l| String::from_utf8_lossy(l)).collect::<Vec<_>>().join("\r\n")
        }),
        ("signature_url_encoded", |r| r.form = |s| s.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")),
        ("signature_url_encoded", |r| r.form = |s| s.replace('+', " ").replace('=', "%3d")),
        ("signature_url_encoded", |r| r.form = |s| s.replace('=', "%253D")),
        ("signature_base64url", |r| r.form = |s| s.replace('+', "-").replace('/', "_").replace('=', "")),
        ("signature_line_breaks", |r| r.form = |s| s.replacen('+', "+\\n", 1) + "\n"),
        ("padding_pss", |r| r.how = How::Pss(32)),
        ("padding_pss", |r| r.how = How::Pss(0)),
        ("padding_pss", |r| r.how = How::Pss(222)),
        ("digest_wrong", |r| r.how = How::Md5),
        ("digest_wrong", |r| r.how = How::Sha1),
        ("digest_wrong", |r| r.how = How::Sha384),
        ("digest_wrong", |r| r.how = How::Sha512),
        ("digest_misapplied", |r| r.how = How::TwiceBytes),
        ("digest_misapplied", |r| r.how = How::TwiceHex),
        ("digest_misapplied", |r| r.how = How::Bare),
        ("serial_format_wrong", |r| r.serial = rsa::BigUint::parse_bytes(serial().as_bytes(), 16).unwrap().to_string()),
        ("serial_format_wrong", |r| {
            r.serial = serial().as_bytes().chunks(2).map(|p| String::from_utf8_lossy(p)).collect::<Vec<_>>().join(":")
        }),
        ("serial_format_wrong", |r| r.serial = format!("0x{}", serial().to_lowercase())),
        ("serial_is_public_key_id", |r| r.serial = "PUB_KEY_ID_0119000072912024091800000000001234".into()),
        ("serial_mismatch", |r| r.serial = "0".into()),
        ("serial_mismatch", |r| r.serial = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1".into()),
        ("serial_mismatch", |r| r.serial = format!("6F{}", &serial()[2..])),
        ("serial_format_wrong", |r| {
            r.serial = serial().as_bytes().chunks(2).map(|p| String::from_utf8_lossy(p)).collect::<Vec<_>>().join(" ")
        }),
    ]
}

pub(super) fn hex_of(base64: &str) -> String {
    use base64::Engine as _;
    super::super::opened::hex(&base64::engine::general_purpose::STANDARD.decode(base64).unwrap())
}

#[test]
fn sound_requests_are_valid() {
    let mut tally = Tally::default();
    for request in all() {
        tally.expect(&request.url, "valid", &request.examine());
        for change in [
            |r: &mut Request| r.method = r.method.to_lowercase(),
            |r: &mut Request| r.serial = r.serial.to_lowercase(),
            |r: &mut Request| r.now = None,
            |r: &mut Request| r.now = Some(T + 300),
            |r: &mut Request| r.now = Some(T - 300),
            |r: &mut Request| r.url.push_str("#part"),
            |r: &mut Request| r.header = |v| format!("Authorization: {v}"),
            |r: &mut Request| (r.certificate, r.key_file) = (false, MERCHANT_KEY.to_vec()),
            |r: &mut Request| (r.certificate, r.key_file) = (false, MERCHANT_PKCS1.to_vec()),
            |r: &mut Request| r.key_file = String::from_utf8_lossy(&r.key_file).replace('\n', "\r\n").into(),
        ] {
            let mut request = request.clone();
            change(&mut request);
            tally.expect(&request.url, "valid", &request.examine());
        }
    }
    tally.finish();
}

/// Sent and signed URLs.
pub(super) fn urls() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        ("query_missing", QUERY, "/v3/pay/transactions/out-trade-no/1217752501"),
        ("query_missing", BILL, "/v3/bill/tradebill"),
        ("query_missing", "/v3/certificates?algorithm_type=RSA", "/v3/certificates"),
        ("query_order_differs", BILL, "/v3/bill/tradebill?bill_type=ALL&tar_type=GZIP&bill_date=2026-11-23"),
        ("query_order_differs", "/v3/a?b=1&a=2", "/v3/a?a=2&b=1"),
        ("query_order_differs", "/v3/a?f=1&e=2&d=3&c=4&b=5&a=6", "/v3/a?a=6&b=5&c=4&d=3&e=2&f=1"),
        ("url_encoding_differs", "/v3/a?q=a%7Cb", "/v3/a?q=a|b"),
        ("url_encoding_differs", "/v3/a?q=a|b", "/v3/a?q=a%7Cb"),
        ("url_encoding_differs", "/v3/a?q=a%20b", "/v3/a?q=a+b"),
        ("url_encoding_differs", "/v3/a?q=%e4%b8%ad", "/v3/a?q=%E4%B8%AD"),
        ("url_encoding_differs", "/v3/a?q=%E4%B8%AD", "/v3/a?q=中"),
        ("url_encoding_differs", "/v3/a?q=%2F", "/v3/a?q=%252F"),
        ("url_encoding_differs", "/v3/a?d=10:00&e=1", "/v3/a?d=10%3A00&e=1"),
        ("path_placeholder_signed", QUERY, "/v3/pay/transactions/out-trade-no/{out_trade_no}?mchid=1900007291"),
        (
            "path_placeholder_signed",
            "/v3/pay/transactions/id/42?mchid=1900007291",
            "/v3/pay/transactions/id/:transaction_id?mchid=1900007291",
        ),
        (
            "path_placeholder_signed",
            "/v3/refund/domestic/refunds/R1",
            "/v3/refund/domestic/refunds/%7Bout_refund_no%7D",
        ),
        ("url_slashes_differ", "/v3/certificates/", "/v3/certificates"),
        ("url_slashes_differ", "/v3/certificates?a=1", "/v3/certificates/?a=1"),
        ("url_slashes_differ", "/v3//certificates", "/v3/certificates"),
        // One kind of character alone.
        ("url_encoding_differs", "/v3/a?q=a%7Cb%20c", "/v3/a?q=a|b%20c"),
        ("url_encoding_differs", "/v3/a?q=a-b,c", "/v3/a?q=a%2Db,c"),
    ]
}

/// Sent and signed bodies, as bytes.
pub(super) fn bodies() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let text = |slug, sent: &str, signed: &str| (slug, sent.as_bytes().to_vec(), signed.as_bytes().to_vec());
    let spaced = SMALL.replace(',', ", ").replace(':', ": ");
    let sorted = "{\"amount\":{\"refund\":1,\"total\":2},\"reason\":\"a b/c\",\"transaction_id\":\"42\"}";
    let indented = "{\n  \"transaction_id\": \"42\",\n  \"reason\": \"a b/c\",\n  \"amount\": {\n    \"refund\": 1,\n    \"total\": 2\n  }\n}";
    let gbk = |text: &str| encoding_rs::GBK.encode(text).0.into_owned();
    let mojibake = |text: &str| text.bytes().map(char::from).collect::<String>();
    let ascii = |text: &str| text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect::<String>();
    let escaped = BODY.replace("形象店", "\\u5f62\\u8c61\\u5e97").replace("公仔", "\\u516c\\u4ed4");
    let python = "{'transaction_id': '42', 'reason': 'a b/c', 'amount': {'refund': 1, 'total': 2}}";
    let java = "{transaction_id=42, reason=a b/c, amount={refund=1, total=2}}";
    vec![
        text("body_signed_empty", BODY, ""),
        text("body_signed_empty", SMALL, ""),
        text("body_signed_empty", "plain", ""),
        text("body_json_spacing", SMALL, &spaced),
        text("body_json_spacing", &spaced, SMALL),
        text("body_json_spacing", SMALL, indented),
        text("body_json_spacing", indented, SMALL),
        text("body_json_spacing", indented, &spaced),
        text("body_json_spacing", SMALL, &indented.replace("  ", "\t")),
        text("body_json_spacing", SMALL, &indented.replace("  ", "    ")),
        text("body_json_key_order", SMALL, sorted),
        text("body_json_key_order", "{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"),
        text("body_json_key_order", "{ \"b\": {\"d\":1, \"c\":2} }", "{ \"b\": {\"c\":2, \"d\":1} }"),
        text("body_json_number_form", SMALL, &SMALL.replace(":1,", ":1.0,").replace(":2}", ":2.0}")),
        text("body_json_number_form", "{\"total\":100.0}", "{\"total\":100}"),
        text("body_json_number_form", BODY, &BODY.replace("100", "100.0")),
        text("body_json_unicode_escapes", BODY, &escaped),
        text("body_json_unicode_escapes", &escaped, BODY),
        text(
            "body_json_unicode_escapes",
            BODY,
            &escaped
                .replace("\\u5f62", "\\u5F62")
                .replace("\\u8c61\\u5e97", "\\u8C61\\u5E97")
                .replace("\\u516c\\u4ed4", "\\u516C\\u4ED4"),
        ),
        text("body_json_unicode_escapes", BODY, &BODY.replace('<', "\\u003c").replace('>', "\\u003e")),
        text("body_json_unicode_escapes", "{\"a\":\"x=1&y='\"}", "{\"a\":\"x\\u003d1\\u0026y\\u003d\\u0027\"}"),
        text("body_json_unicode_escapes", "{\"a\":\"😀\"}", "{\"a\":\"\\ud83d\\ude00\"}"),
        text("body_json_slash_escapes", SMALL, &SMALL.replace('/', "\\/")),
        text("body_json_slash_escapes", &SMALL.replace('/', "\\/"), SMALL),
        text("body_json_slash_escapes", BODY, &BODY.replace('/', "\\/")),
        text("body_object_string", SMALL, "[object Object]"),
        text("body_object_string", SMALL, "Array"),
        text("body_object_string", SMALL, python),
        text("body_object_string", SMALL, java),
        text("body_object_string", SMALL, &serde_json::to_string(SMALL).unwrap()),
        text("body_outer_whitespace", SMALL, &format!("{SMALL}\n")),
        text("body_outer_whitespace", &format!(" {SMALL}\r\n"), SMALL),
        text("body_outer_whitespace", SMALL, &format!("\n{SMALL}")),
        text("body_bom", SMALL, &format!("\u{feff}{SMALL}")),
        text("body_bom", &format!("\u{feff}{SMALL}"), SMALL),
        text("body_bom", &format!("\u{feff}{BODY}"), BODY),
        ("body_charset_wrong", BODY.into(), gbk(BODY)),
        ("body_charset_wrong", gbk(BODY), BODY.into()),
        text("body_charset_wrong", BODY, &ascii(BODY)),
        text("body_charset_wrong", BODY, &mojibake(BODY)),
        text("body_charset_wrong", &mojibake(BODY), BODY),
        // Without a body.
        text("get_signed_with_body", "", "{}"),
        text("get_signed_with_body", "", "null"),
        text("get_signed_with_body", "", "[]"),
        text("get_signed_with_body", "", "\"\""),
        text("body_outer_whitespace", "", "\n"),
    ]
}

#[test]
fn two_habits_of_a_serialiser_are_found_together() {
    let mut tally = Tally::default();
    let php = BODY.replace("形象店", "\\u5f62\\u8c61\\u5e97").replace("公仔", "\\u516c\\u4ed4").replace('/', "\\/");
    let python = BODY
        .replace("形象店", "\\u5f62\\u8c61\\u5e97")
        .replace("公仔", "\\u516c\\u4ed4")
        .replace(",\"", ", \"")
        .replace("\":", "\": ");
    for (expected, sent, signed) in [
        ("body_json_unicode_escapes+body_json_slash_escapes", BODY, php.as_str()),
        ("body_json_unicode_escapes+body_json_slash_escapes", &php, BODY),
        ("body_json_spacing+body_json_unicode_escapes", BODY, &python),
        ("body_json_spacing+body_json_unicode_escapes", &python, BODY),
        ("body_json_spacing+body_json_key_order", "{\"b\":1,\"a\":2}", "{\"a\": 2, \"b\": 1}"),
        ("body_json_spacing+body_json_number_form", "{\"b\":1,\"a\":2}", "{\"b\": 1.0, \"a\": 2.0}"),
        ("body_json_key_order+body_json_slash_escapes", "{\"b\":\"/\",\"a\":2}", "{\"a\":2,\"b\":\"\\/\"}"),
    ] {
        let mut request = Request::sound("POST", PREPAY, sent);
        request.signed.body = signed.into();
        tally.expect(signed, expected, &request.examine());
    }
    tally.finish();
}

const FILE: &[u8] = b"\x89PNG\r\n\x1a\n--not the end";

/// The part `meta` of an upload, with the file's hash or `stated`.
pub(super) fn meta_of(stated: Option<&str>) -> String {
    let hash = super::super::opened::hex(&<sha2::Sha256 as sha2::Digest>::digest(FILE));
    format!("{{ \"filename\": \"a.png\", \"sha256\": \"{}\" }}", stated.unwrap_or(&hash))
}

/// The whole body of an upload.
pub(super) fn upload(meta: &str) -> Vec<u8> {
    let mut body = format!("--b0undary\r\nContent-Disposition: form-data; name=\"meta\";\r\nContent-Type: application/json\r\n\r\n{meta}\r\n--b0undary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\";\r\nContent-Type: image/png\r\n\r\n").into_bytes();
    body.extend_from_slice(FILE);
    body.extend_from_slice(b"\r\n--b0undary--\r\n");
    body
}

#[test]
fn uploads_sign_their_meta() {
    let hash = super::super::opened::hex(&<sha2::Sha256 as sha2::Digest>::digest(FILE));
    let meta = meta_of(None);
    let made = |meta: &str, signed: &[u8]| {
        let mut request = Request::sound("POST", "/v3/merchant/media/upload", "");
        (request.body, request.signed.body) = (upload(meta), signed.to_vec());
        request
    };
    let mut tally = Tally::default();
    let wrong = meta.replace(&hash, &"0".repeat(64));
    tally.expect("right", "valid", &made(&meta, meta.as_bytes()).examine());
    tally.expect(
        "capital hash",
        "valid",
        &made(&meta.replace(&hash, &hash.to_uppercase()), meta.replace(&hash, &hash.to_uppercase()).as_bytes())
            .examine(),
    );
    tally.expect("whole", "upload_multipart_signed", &made(&meta, &upload(&meta)).examine());
    tally.expect("hash", "upload_meta_hash_wrong", &made(&wrong, wrong.as_bytes()).examine());
    tally.expect("empty", "body_signed_empty", &made(&meta, b"").examine());
    tally.expect(
        "rewritten",
        "body_json_spacing+upload_meta_hash_wrong",
        &made(&wrong, wrong.replace("{ ", "{").replace(" }", "}").replace(": ", ":").replace(", ", ",").as_bytes())
            .examine(),
    );
    tally.finish();
}

#[test]
fn mchids_have_to_agree() {
    let mut tally = Tally::default();
    for request in [post(), get()] {
        let mut other = request.clone();
        other.mchid = "1900000001".into();
        tally.expect(&request.url, "mchid_mismatch", &other.examine());
        other.signed.lay = |f| joined(f, b"\n");
        tally.expect(&request.url, "final_newline_missing+mchid_mismatch", &other.examine());
    }
    let mut none = refund();
    none.mchid = "1900000001".into();
    tally.expect("a body without mchid", "valid", &none.examine());
    tally.finish();
}

#[test]
fn what_cannot_be_checked_is_likely_at_most() {
    let mut tally = Tally::default();
    let hmac = |text: &[u8], key: &[u8]| {
        use hmac::Mac as _;
        hmac::Hmac::<sha2::Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
    };
    for request in all() {
        let mut r = request.clone();
        r.signing_key = OTHER_KEY;
        tally.expect("another key", "key_mismatch?", &r.examine());
        for (name, change) in [
            ("another nonce", (|r| r.signed.nonce = "x".into()) as Change),
            ("another text", |r| r.signed.lay = |_| b"hello".to_vec()),
            ("another number", |r| r.signed.url.push('9')),
        ] {
            let mut r = request.clone();
            change(&mut r);
            tally.expect(name, "sign_string_unexplained?", &r.examine());
        }
        for cut in [10_usize, 100, 172, 255, 300, 340] {
            let mut r = request.clone();
            r.form = |s| s.to_owned();
            let whole = r.clone();
            use base64::Engine as _;
            let signature =
                base64::engine::general_purpose::STANDARD.encode(sign(MERCHANT_KEY, &whole.text(), How::Right));
            tally.expect("cut", "signature_truncated?", &r.examine_with(&signature[..cut]));
        }
        let value = hmac(&request.text(), API_V3_KEY.as_bytes());
        let hex = super::super::opened::hex(&value);
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD.encode(&value);
        for signature in [hex.as_str(), &hex.to_uppercase(), &base64, "5d41402abc4b2a76b9719d911017c592"] {
            tally.expect("symmetric", "symmetric_signature?", &request.examine_with(signature));
        }
        let mut keyed = request.clone();
        keyed.api_v3_key = Some(format!("{API_V3_KEY}\n").into());
        tally.expect("HMAC", "symmetric_signature", &keyed.examine_with(&hex));
        tally.expect("HMAC", "symmetric_signature", &keyed.examine_with(&base64));
        keyed.api_v3_key = Some(b"another".to_vec());
        tally.expect("HMAC by another key", "symmetric_signature?", &keyed.examine_with(&hex));
        for (name, header) in [
            ("no signature", (|v| v.replace("signature=", "x=")) as fn(&str) -> String),
            ("no nonce", |v| v.replace("nonce_str=", "x=")),
            ("no timestamp", |v| v.replace("timestamp=", "x=")),
            ("empty", |_| "WECHATPAY2-SHA256-RSA2048 ".into()),
        ] {
            let mut r = request.clone();
            r.header = header;
            let got = r.examine();
            assert!(!got.valid && got.certainty == crate::doctor::Certainty::Likely, "{name}");
            assert!(
                [got.cause].iter().flatten().chain(&got.also).any(|c| *c == Cause::AuthorizationFieldMissing),
                "{name}: {}",
                said(&got)
            );
        }
    }
    tally.finish();
}

/// What is expected, whether it is given as certificate, and the file.
pub(super) fn key_files() -> Vec<(&'static str, bool, Vec<u8>)> {
    let pem = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (certificate, key) = (pem(MERCHANT_CERT), pem(MERCHANT_KEY));
    let bare = |text: &str| text.lines().filter(|line| !line.starts_with("-----")).collect::<Vec<_>>().join("\n");
    vec![
        ("key_file_wrong_kind?", false, fixture!("merchant_key_encrypted.pem").to_vec()),
        (
            "key_file_wrong_kind?",
            false,
            b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n".to_vec(),
        ),
        ("key_file_wrong_kind?", false, b"\x00\xff\xfe binary".to_vec()),
        ("key_file_wrong_kind?", false, certificate.clone().into_bytes()),
        ("key_file_wrong_kind?", true, key.clone().into_bytes()),
        ("key_file_wrong_kind?", true, fixture!("pub_key.pem").to_vec()),
        ("key_file_wrong_kind?", false, fixture!("pub_key.pem").to_vec()),
        ("key_file_wrong_kind?", false, fixture!("merchant.p12").to_vec()),
        ("key_file_wrong_kind?", true, fixture!("merchant.p12").to_vec()),
        ("key_file_wrong_kind?", false, fixture!("ec_key.pem").to_vec()),
        ("key_file_mangled?", true, bare(&certificate).into_bytes()),
        ("key_file_mangled?", false, bare(&key).into_bytes()),
        ("key_file_mangled?", false, key.replace('\n', "\\n").into_bytes()),
        ("key_file_mangled?", false, key.replace('\n', " ").into_bytes()),
        ("key_file_mangled?", false, key.replace('\n', "").into_bytes()),
        ("key_file_mangled?", true, format!("\"{}\"", certificate.replace('\n', "\\n")).into_bytes()),
        ("key_file_mangled?", true, format!("'{}'", certificate.trim()).into_bytes()),
        ("key_file_mangled?", true, certificate.as_bytes()[..certificate.len() / 2].to_vec()),
        ("key_file_mangled?", false, Vec::new()),
    ]
}

#[test]
fn pairs_of_different_kinds_are_found_together() {
    // The marked causes, by kind.
    let kinds: Vec<Vec<(&str, Change)>> = {
        let pick = |slugs: &[&str]| anywhere().into_iter().filter(|(slug, _)| slugs.contains(slug)).collect::<Vec<_>>();
        let body: Vec<(&str, Change)> = vec![
            ("body_signed_empty", |r| r.signed.body.clear()),
            ("body_json_spacing", |r| r.signed.body = BODY.replace(",\"", ", \"").replace("\":", "\": ").into()),
            ("body_json_key_order", |r| {
                r.signed.body = serde_json::from_str::<std::collections::BTreeMap<String, serde_json::Value>>(BODY)
                    .map(|m| serde_json::to_vec(&m).unwrap())
                    .unwrap()
                    .into_iter()
                    .collect::<Vec<u8>>()
            }),
            ("body_json_number_form", |r| r.signed.body = BODY.replace("100", "100.0").into()),
            ("body_json_unicode_escapes", |r| {
                r.signed.body = BODY.replace('<', "\\u003c").replace('>', "\\u003e").into()
            }),
            ("body_json_slash_escapes", |r| r.signed.body = BODY.replace('/', "\\/").into()),
            ("body_outer_whitespace", |r| r.signed.body.push(b'\n')),
            ("body_bom", |r| r.body.splice(..0, *b"\xef\xbb\xbf").for_each(drop)),
            ("body_charset_wrong", |r| r.signed.body = encoding_rs::GBK.encode(BODY).0.into_owned()),
        ];
        vec![
            pick(&["final_newline_missing", "line_endings_crlf", "literal_backslash_n"]),
            pick(&["method_differs"]),
            pick(&["url_full_signed", "url_slashes_differ"]),
            pick(&["timestamp_milliseconds", "timestamp_stale"]),
            body.into_iter().filter(|(slug, _)| *slug != "body_json_key_order").collect(),
            pick(&["authorization_scheme_wrong", "authorization_format_wrong", "field_whitespace"]),
            pick(&["signature_hex", "signature_base64url", "signature_line_breaks", "signature_url_encoded"]),
            pick(&["padding_pss", "digest_wrong"]),
            identity(),
        ]
    };
    let mut tally = Tally::default();
    pairs(&post(), &kinds, &mut tally);
    assert!(tally.seen.len() > 150, "{}", tally.seen.len());
    tally.finish();
}

fn identity() -> Vec<(&'static str, Change)> {
    let slugs = ["serial_format_wrong", "serial_is_public_key_id", "serial_mismatch"];
    let mut all: Vec<_> = anywhere().into_iter().filter(|(slug, _)| slugs.contains(slug)).collect();
    all.push(("mchid_mismatch", |r| r.mchid = "1900000001".into()));
    all
}

#[test]
fn pairs_with_a_query_are_found_together() {
    let pick = |slugs: &[&str]| anywhere().into_iter().filter(|(slug, _)| slugs.contains(slug)).collect::<Vec<_>>();
    let kinds: Vec<Vec<(&str, Change)>> = vec![
        pick(&["final_newline_missing", "line_endings_crlf", "literal_backslash_n"]),
        pick(&["method_differs"]),
        vec![
            ("query_missing", |r| r.signed.url = r.signed.url.split('?').next().unwrap().into()),
            ("query_order_differs", |r| {
                let (path, query) = r.signed.url.split_once('?').unwrap();
                r.signed.url = format!("{path}?{}", query.rsplit('&').collect::<Vec<_>>().join("&"));
            }),
            ("url_encoding_differs", |r| r.signed.url = r.signed.url.replace("%7C", "|")),
        ],
        pick(&["timestamp_milliseconds", "timestamp_stale"]),
        vec![("body_outer_whitespace", |r| r.signed.body.push(b'\n'))],
        pick(&["authorization_scheme_wrong", "authorization_format_wrong"]),
        pick(&["signature_hex", "signature_url_encoded"]),
        pick(&["padding_pss", "digest_wrong"]),
        identity(),
    ];
    let mut tally = Tally::default();
    pairs(
        &Request::sound("GET", "/v3/bill/tradebill?bill_date=2026-11-23&mchid=1900007291&x=a%7Cb", ""),
        &kinds,
        &mut tally,
    );
    tally.finish();
}

/// Each two changes of different kinds to `sound`.
fn pairs(sound: &Request, kinds: &[Vec<(&str, Change)>], tally: &mut Tally) {
    let rank = |slug: &str| Cause::REQUEST.iter().position(|c| c.slug() == slug);
    for (at, kind) in kinds.iter().enumerate() {
        for other in kinds.iter().skip(at + 1) {
            for (one, change) in kind {
                for (two, also) in other {
                    let mut request = sound.clone();
                    change(&mut request);
                    also(&mut request);
                    // A change of the serial that is overwritten by another isn't there.
                    let blank_serial = request.serial.trim() != request.serial;
                    if [*one, *two].contains(&"field_whitespace")
                        && (rank(two) >= rank("serial_format_wrong")
                            || !blank_serial
                                && request.mchid.trim() == request.mchid
                                && request.time.trim() == request.time
                                && request.nonce.trim() == request.nonce)
                    {
                        continue;
                    }
                    // One line end too few and one too many is the right text.
                    if [*one, *two] == ["final_newline_missing", "body_outer_whitespace"] {
                        continue;
                    }
                    let mut both = [*one, *two];
                    both.sort_by_key(|slug| rank(slug));
                    let got = request.examine();
                    // An empty body's missing line end reads as a line too few in one mistake; that is fewer.
                    let expected = if both == ["final_newline_missing", "body_signed_empty"] {
                        "body_line_missing".to_owned()
                    } else {
                        both.join("+")
                    };
                    tally.expect(&format!("{one} and {two}"), &expected, &got);
                }
            }
        }
    }
}

#[test]
fn huge_bodies_are_judged_within_bounds() {
    let huge = format!("{{\"b\":\"{}\",\"a\":[{}1]}}", "中/".repeat(60_000), "1,".repeat(60_000));
    let mut tally = Tally::default();
    let sound = Request::sound("POST", PREPAY, &huge);
    tally.expect("sound", "valid", &sound.examine());
    let mut spaced = sound.clone();
    spaced.body = huge.replace("\":", "\": ").replace(',', ", ").into();
    tally.expect("spaced", "body_json_spacing", &spaced.examine());
    tally.finish();
}

#[test]
fn a_timestamp_that_is_no_number_is_never_valid() {
    let mut tally = Tally::default();
    for text in ["2026-11-24T10:34:56+08:00", "1.795e9", "now"] {
        let mut request = get();
        (request.time, request.signed.time) = (text.into(), text.into());
        tally.expect(text, "authorization_format_wrong", &request.examine());
    }
    tally.finish();
}
