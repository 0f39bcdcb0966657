//! Ten thousand messages, sound and broken: the sound ones are valid, and nothing is ever proved that wasn't done.

use super::workshop::*;
use crate::doctor::Certainty;

/// A slug and the change that it names; `None` for changes that nothing explains.
type Break = (Option<&'static str>, fn(&mut Request, &mut Dice));

const BREAKS: [Break; 14] = [
    (Some("final_newline_missing"), |r, _| r.signed.lay = |f| f.join(&b"\n"[..])),
    (Some("method_differs"), |r, _| r.signed.method = r.signed.method.to_lowercase()),
    (Some("url_slashes_differ"), |r, _| r.signed.url = r.signed.url[1..].into()),
    (Some("url_full_signed"), |r, _| r.signed.url = format!("https://api.mch.weixin.qq.com{}", r.signed.url)),
    (Some("timestamp_differs"), |r, d| r.signed.time = (T + 1 + d.roll(10) as i64).to_string()),
    (Some("timestamp_milliseconds"), |r, d| r.signed.time = (T * 1000 + d.roll(1000) as i64).to_string()),
    (Some("timestamp_stale"), |r, d| r.now = Some(T + 301 + d.roll(9999) as i64)),
    (Some("body_bom"), |r, _| r.signed.body.splice(..0, *b"\xef\xbb\xbf").for_each(drop)),
    (Some("digest_wrong"), |r, _| r.how = How::Sha1),
    (Some("serial_mismatch"), |r, d| r.serial = format!("5{:039X}", d.roll(1 << 30))),
    (Some("signature_hex"), |r, _| r.form = |s| super::super::opened::hex(&base64_of(s))),
    (None, |r, d| r.signed.nonce = format!("n{}", d.roll(1 << 30))),
    (None, |r, d| r.signed.time = (T + 11 + d.roll(100_000) as i64).to_string()),
    (None, |r, _| r.signing_key = OTHER_KEY),
];

fn base64_of(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

fn request(dice: &mut Dice) -> Request {
    let word =
        |dice: &mut Dice| ["a", "Latte 拿铁", "x/y", "<&>", "100", "😀", "a b", "\\\"", ""][dice.roll(9)].to_owned();
    let mut query = String::new();
    for at in 0..dice.roll(4) {
        let value = ["1", "a%20b", "%E4%B8%AD", "x|y", "2026-11-23", ""][dice.roll(6)];
        query += &format!("{}q{at}={value}", if at == 0 { "?" } else { "&" });
    }
    let path = [
        "/v3/certificates",
        "/v3/pay/transactions/jsapi",
        "/v3/refund/domestic/refunds/R1",
        "/v3/pay/transactions/id/42/",
        "/v3//a",
    ][dice.roll(5)];
    let body = match dice.roll(3) {
        0 => String::new(),
        1 => serde_json::json!({"description": word(dice), "n": dice.roll(100), "z": [1.0, word(dice)], "a": {"b": null}}).to_string(),
        _ => format!(" {{\"b\" : \"{}\",\n\t\"a\":\"\\u4e2d\\/\"}}\n", dice.roll(9)),
    };
    let method = if body.is_empty() { "GET" } else { "POST" };
    Request::sound(method, &format!("{path}{query}"), &body)
}

/// Signing takes most of the time, so sound messages, which are quick to judge, are most of them.
#[test]
fn of_ten_thousand_messages_none_is_proved_falsely() {
    let dice = &mut Dice(20_261_124);
    for number in 0..10_000 {
        let sound = request(dice);
        let mut broken = sound.clone();
        let (slug, change) = if number % 10 == 0 {
            BREAKS[dice.roll(if number % 80 == 0 { 14 } else { 11 })]
        } else {
            (None, (|_, _| {}) as fn(&mut Request, &mut Dice))
        };
        change(&mut broken, dice);
        if slug == Some("body_bom") && broken.body.is_empty() {
            continue;
        }
        let got = broken.examine();
        let said = said(&got);
        if number % 10 != 0 {
            assert_eq!(said, "valid", "{number}: {} {:?}", sound.url, String::from_utf8_lossy(&sound.body));
            continue;
        }
        assert!(!got.valid, "{number}: {slug:?} passed for valid");
        match slug {
            // What was done is named, with whatever explains it equally well.
            Some(slug) => {
                assert!(got.certainty == Certainty::Proved && !got.combined, "{number}: {slug} became {said}");
                assert!(said.split('/').any(|named| named == slug), "{number}: {slug} became {said}");
            }
            None => assert_eq!(got.certainty, Certainty::Likely, "{number}: {said} is no proof"),
        }
    }
}
