//! `doctor pay-params`: both clients, each cause and pairs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::workshop::*;
use crate::doctor::{Diagnosis, KeyFile, PayParamsInput, PayParamsKind, pay_params};

const APPID: &str = "wxd678efh567hg6787";
const PREPAY: &str = "wx201410272009395522657a690389285100";

#[derive(Clone)]
struct Made {
    kind: PayParamsKind,
    params: Value,
    lines: [String; 4],
    lay: fn(&[String; 4]) -> String,
    how: How,
    form: fn(&str) -> String,
    signing_key: &'static [u8],
    /// Whether it is given as certificate, and the file.
    key_file: (bool, Vec<u8>),
}

impl Made {
    fn jsapi() -> Made {
        let package = format!("prepay_id={PREPAY}");
        Made {
            kind: PayParamsKind::Jsapi,
            params: json!({"appId": APPID, "timeStamp": T.to_string(), "nonceStr": NONCE, "package": package, "signType": "RSA"}),
            lines: [APPID.into(), T.to_string(), NONCE.into(), package],
            lay: |lines| lines.join("\n") + "\n",
            how: How::Right,
            form: str::to_owned,
            signing_key: MERCHANT_KEY,
            key_file: (true, MERCHANT_CERT.to_vec()),
        }
    }

    fn app() -> Made {
        Made {
            kind: PayParamsKind::App,
            params: json!({"appId": APPID, "partnerId": "1900007291", "prepayId": PREPAY, "packageValue": "Sign=WXPay", "nonceStr": NONCE, "timeStamp": T.to_string()}),
            lines: [APPID.into(), T.to_string(), NONCE.into(), PREPAY.into()],
            ..Made::jsapi()
        }
    }

    fn sign_name(&self) -> &'static str {
        if self.kind == PayParamsKind::Jsapi { "paySign" } else { "sign" }
    }

    fn rename(&mut self, from: &str, to: &str) {
        let map = self.params.as_object_mut().unwrap();
        if let Some(value) = map.remove(from) {
            map.insert(to.into(), value);
        }
    }

    fn examine(&self) -> Diagnosis {
        self.examine_as(self.sign_name())
    }

    fn signed_as(&self, sign_name: &str) -> Value {
        let signature =
            (self.form)(&STANDARD.encode(sign(self.signing_key, (self.lay)(&self.lines).as_bytes(), self.how)));
        let mut params = self.params.clone();
        params[sign_name] = json!(signature);
        params
    }

    fn examine_as(&self, sign_name: &str) -> Diagnosis {
        self.examine_params(&self.signed_as(sign_name))
    }

    fn examine_params(&self, params: &Value) -> Diagnosis {
        let params = serde_json::to_vec(params).unwrap();
        let (is_certificate, file) = &self.key_file;
        let key = if *is_certificate { KeyFile::Certificate(file) } else { KeyFile::PrivateKey(file) };
        pay_params(&PayParamsInput { params: &params, appid: APPID, kind: self.kind, key }).unwrap()
    }

    fn case(self, expected: &str) -> Case {
        let params = self.signed_as(self.sign_name());
        let name = format!("{:?}: {expected}", self.kind);
        Case { name, expected: expected.to_owned(), examine: Box::new(move || self.examine_params(&params)) }
    }
}

type Change = fn(&mut Made);

fn both() -> Vec<(&'static str, Change)> {
    vec![
        ("final_newline_missing", |m| m.lay = |l| l.join("\n")),
        ("line_endings_crlf", |m| m.lay = |l| l.join("\r\n") + "\r\n"),
        ("literal_backslash_n", |m| m.lay = |l| l.join("\\n") + "\\n"),
        ("field_order_wrong", |m| m.lines.swap(0, 1)),
        ("field_order_wrong", |m| m.lines.swap(1, 2)),
        ("field_order_wrong", |m| m.lines.reverse()),
        ("appid_differs", |m| m.params["appId"] = json!("wx0000000000000000")),
        ("appid_differs", |m| {
            m.params["appId"] = json!("wx0000000000000000");
            m.lines[0] = "wx0000000000000000".into();
        }),
        ("appid_differs", |m| m.params["appId"] = json!("")),
        ("appid_differs", |m| m.lines[0] = "undefined".into()),
        ("appid_differs", |m| m.lines[0] = String::new()),
        ("appid_differs", |m| m.lines[0] = APPID.to_uppercase()),
        ("timestamp_differs", |m| m.lines[1] = (T + 3).to_string()),
        ("timestamp_differs", |m| m.lines[1] = (T - 10).to_string()),
        ("timestamp_milliseconds", |m| m.lines[1] = format!("{T}000")),
        ("timestamp_milliseconds", |m| m.lines[1] = format!("{T}123")),
        ("timestamp_milliseconds", |m| m.params["timeStamp"] = json!(format!("{T}123"))),
        ("timestamp_milliseconds", |m| {
            m.params["timeStamp"] = json!(format!("{T}123"));
            m.lines[1] = format!("{T}123");
        }),
        ("param_missing", |m| m.rename("nonceStr", "nonce_str")),
        ("param_missing", |m| m.rename("timeStamp", "time_stamp")),
        ("v2_style_string", |m| m.lay = |l| l.join("\n") + "\nRSA\n"),
        ("v2_style_string", |m| m.lay = |l| l.join("\n") + "\nRSA"),
        ("signature_hex", |m| m.form = |s| super::super::opened::hex(&STANDARD.decode(s).unwrap())),
        ("signature_base64url", |m| m.form = |s| s.replace('+', "-").replace('/', "_").replace('=', "")),
        ("signature_line_breaks", |m| m.form = |s| s[..100].to_owned() + "\n" + &s[100..]),
        ("signature_url_encoded", |m| m.form = |s| s.replace('=', "%3D")),
        ("padding_pss", |m| m.how = How::Pss(32)),
        ("digest_wrong", |m| m.how = How::Sha1),
        ("digest_wrong", |m| m.how = How::Md5),
        ("padding_pss", |m| m.how = How::Pss(0)),
        ("digest_misapplied", |m| m.how = How::TwiceBytes),
        ("digest_misapplied", |m| m.how = How::TwiceHex),
        ("digest_misapplied", |m| m.how = How::Bare),
        ("signature_truncated?", |m| m.form = |s| s[..300].to_owned()),
        ("symmetric_signature?", |m| m.form = |_| "5D41402ABC4B2A76B9719D911017C592".into()),
        ("key_mismatch?", |m| m.signing_key = OTHER_KEY),
        ("sign_string_unexplained?", |m| m.lines[2] = "another".into()),
    ]
}

fn jsapi() -> Vec<(&'static str, Change)> {
    vec![
        ("prepay_prefix_wrong", |m| m.lines[3] = PREPAY.into()),
        ("package_wrong", |m| {
            m.params["package"] = json!(PREPAY);
            m.lines[3] = PREPAY.into();
        }),
        ("package_wrong", |m| m.params["package"] = json!(PREPAY)),
        ("package_wrong", |m| m.params["package"] = json!(format!("prepayid={PREPAY}"))),
        ("package_wrong", |m| {
            m.params["package"] = json!(format!("prepay_id:{PREPAY}"));
            m.lines[3] = format!("prepay_id:{PREPAY}");
        }),
        ("package_wrong?", |m| m.params["package"] = json!("")),
        ("package_wrong?", |m| m.params["package"] = json!("prepay_id=")),
        ("sign_type_wrong", |m| m.params["signType"] = json!("MD5")),
        ("sign_type_wrong", |m| m.rename("signType", "x")),
        ("sign_type_wrong", |m| m.params["signType"] = json!("HMAC-SHA256")),
        ("timestamp_type_wrong", |m| m.params["timeStamp"] = json!(T)),
        ("timestamp_type_wrong", |m| {
            m.params["timeStamp"] = json!(T);
            m.params["totalFee"] = json!("1");
        }),
        ("param_missing", |m| m.rename("timeStamp", "timestamp")),
        ("param_missing?", |m| m.rename("nonceStr", "x")),
        ("param_missing?", |m| m.rename("package", "x")),
        ("param_missing?", |m| m.rename("timeStamp", "x")),
        ("v2_style_string", |m| {
            m.lay = |l| format!("appId={}&nonceStr={}&package={}&signType=RSA&timeStamp={}", l[0], l[2], l[3], l[1])
        }),
    ]
}

fn app() -> Vec<(&'static str, Change)> {
    vec![
        ("prepay_prefix_wrong", |m| m.lines[3] = format!("prepay_id={PREPAY}")),
        ("prepay_prefix_wrong", |m| m.params["prepayId"] = json!(format!("prepay_id={PREPAY}"))),
        ("prepay_prefix_wrong", |m| {
            m.params["prepayId"] = json!(format!("prepay_id={PREPAY}"));
            m.lines[3] = format!("prepay_id={PREPAY}");
        }),
        ("package_wrong", |m| m.params["packageValue"] = json!(format!("prepay_id={PREPAY}"))),
        ("package_wrong", |m| m.params["packageValue"] = json!("sign=WXPay")),
        ("package_wrong", |m| m.params["packageValue"] = json!("")),
        ("v2_style_string", |m| {
            m.lay = |l| format!("appId={}&nonceStr={}&package=Sign=WXPay&signType=RSA&timeStamp={}", l[0], l[2], l[1])
        }),
        ("param_missing", |m| m.rename("prepayId", "prepay_id")),
        ("param_missing?", |m| m.rename("prepayId", "x")),
        ("param_missing?", |m| m.rename("partnerId", "x")),
    ]
}

/// Everything that can be broken in one place, for each client.
pub(super) fn cases() -> Vec<Case> {
    let mut bare = Made::jsapi();
    bare.rename("appId", "x");
    let mut cases = Vec::new();
    for (made, own) in [(Made::jsapi(), jsapi()), (bare, jsapi()), (Made::app(), app())] {
        for (expected, change) in both().into_iter().chain(own) {
            let mut broken = made.clone();
            change(&mut broken);
            cases.push(broken.case(expected));
        }
        for (expected, is_certificate, file) in super::requests::key_files() {
            cases.push(Made { key_file: (is_certificate, file), ..made.clone() }.case(expected));
        }
    }
    cases
}

#[test]
fn each_cause_is_found_for_both_clients() {
    let mut tally = Tally::default();
    for (made, own) in [(Made::jsapi(), jsapi()), (Made::app(), app())] {
        tally.expect("sound", "valid", &made.examine());
        for (slug, change) in both().into_iter().chain(own) {
            let mut broken = made.clone();
            change(&mut broken);
            tally.expect(slug, slug, &broken.examine());
        }
    }
    let mut sign = Made::jsapi();
    tally.expect("sign", "param_missing", &sign.examine_as("sign"));
    tally.expect("none", "param_missing?", &sign.examine_params(&sign.params));
    sign.rename("appId", "x");
    tally.expect("mini-program", "valid", &sign.examine());
    // The spellings of the App SDK.
    for names in [
        ["appid", "partnerid", "prepayid", "package", "noncestr", "timestamp"],
        ["appId", "partnerId", "prepayId", "package", "nonceStr", "timeStamp"],
    ] {
        let mut made = Made::app();
        for (from, to) in ["appId", "partnerId", "prepayId", "packageValue", "nonceStr", "timeStamp"].iter().zip(names)
        {
            made.rename(from, to);
        }
        tally.expect(names[0], "valid", &made.examine());
        made.params[names[5]] = json!(T);
        tally.expect("a number", "valid", &made.examine());
    }
    assert!(
        pay_params(&PayParamsInput {
            params: b"[]",
            appid: APPID,
            kind: PayParamsKind::App,
            key: KeyFile::Certificate(MERCHANT_CERT)
        })
        .is_err()
    );
    tally.finish();
}

#[test]
fn pairs_are_found_together() {
    let mut tally = Tally::default();
    let marked = [
        vec!["final_newline_missing", "line_endings_crlf", "literal_backslash_n"],
        vec!["prepay_prefix_wrong"],
        vec!["appid_differs"],
        vec!["sign_type_wrong"],
        vec!["timestamp_type_wrong"],
        vec!["timestamp_milliseconds"],
        vec!["signature_hex", "signature_base64url", "signature_line_breaks", "signature_url_encoded"],
        vec!["padding_pss", "digest_wrong"],
    ];
    let rank = |slug: &str| crate::doctor::Cause::PAY_PARAMS.iter().position(|c| c.slug() == slug);
    for (made, own) in [(Made::jsapi(), jsapi()), (Made::app(), app())] {
        let all: Vec<(&str, Change)> = both().into_iter().chain(own).collect();
        for (at, kind) in marked.iter().enumerate() {
            for other in marked.iter().skip(at + 1) {
                for (one, change) in all.iter().filter(|(slug, _)| kind.contains(slug)) {
                    for (two, also) in all.iter().filter(|(slug, _)| other.contains(slug)) {
                        let mut broken = made.clone();
                        change(&mut broken);
                        also(&mut broken);
                        // The one puts the time stamp in as a number, the other as a string again.
                        if *one == "timestamp_type_wrong" && broken.params["timeStamp"].is_string() {
                            continue;
                        }
                        let mut slugs = [*one, *two];
                        slugs.sort_by_key(|slug| rank(slug));
                        tally.expect(&format!("{one} and {two}"), &slugs.join("+"), &broken.examine());
                    }
                }
            }
        }
    }
    tally.finish();
}
