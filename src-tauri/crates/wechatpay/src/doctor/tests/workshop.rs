//! Makes sound messages, breaks them in named ways, and asks the doctor.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Pkcs1v15Sign, Pss, RsaPrivateKey};
use sha2::{Digest as _, Sha256};

use crate::doctor::{Certainty, Diagnosis, KeyFile, RequestInput, request};
use crate::keys::{Certificate, PrivateKey};
use crate::time::Timestamp;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/keys/", $name))
    };
}
pub(super) use fixture;

pub(super) const MERCHANT_KEY: &[u8] = fixture!("merchant_key.pem");
pub(super) const MERCHANT_PKCS1: &[u8] = fixture!("merchant_key_pkcs1.pem");
pub(super) const MERCHANT_CERT: &[u8] = fixture!("merchant_cert.pem");
pub(super) const OTHER_KEY: &[u8] = fixture!("other_key.pem");
pub(super) const API_V3_KEY: &str = "0123456789abcdef0123456789ABCDEF";

pub(super) const T: i64 = 1_795_708_460;
pub(super) const NONCE: &str = "593BEC0C930BF1AFEB40B4A08C8FB242";

/// How a text is turned into a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Right,
    Md5,
    Sha1,
    Sha384,
    Sha512,
    TwiceBytes,
    TwiceHex,
    Bare,
    Pss(usize),
}

/// Random numbers that are the same each time.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, below: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }
}

impl rand_core::RngCore for Dice {
    fn next_u32(&mut self) -> u32 {
        self.roll(1 << 32) as u32
    }
    fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) << 32 | u64::from(self.next_u32())
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        dest.fill_with(|| self.roll(256) as u8);
    }
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}
impl rand_core::CryptoRng for Dice {}

type Keys = Arc<(RsaPrivateKey, PrivateKey)>;

/// Reading a key costs more than using it, so each is read once.
fn key_of(pem: &'static [u8]) -> Keys {
    static READ: Mutex<Vec<(&[u8], Keys)>> = Mutex::new(Vec::new());
    let mut read = READ.lock().unwrap();
    if let Some((_, keys)) = read.iter().find(|(known, _)| *known == pem) {
        return Arc::clone(keys);
    }
    let plain = RsaPrivateKey::from_pkcs8_pem(std::str::from_utf8(pem).unwrap()).unwrap();
    let keys = Arc::new((plain, PrivateKey::from_pem(pem).unwrap()));
    read.push((pem, Arc::clone(&keys)));
    keys
}

pub(super) fn sign(pem: &'static [u8], text: &[u8], how: How) -> Vec<u8> {
    let keys = key_of(pem);
    let (key, plain) = &*keys;
    let digest = Sha256::digest(text);
    let sha256 = Pkcs1v15Sign::new::<Sha256>;
    match how {
        How::Right => STANDARD.decode(plain.sign(text)).unwrap(),
        How::Md5 => {
            key.sign(Pkcs1v15Sign { hash_len: Some(16), prefix: MD5_INFO.into() }, &md5::Md5::digest(text)).unwrap()
        }
        How::Sha1 => key.sign(Pkcs1v15Sign::new::<sha1::Sha1>(), &sha1::Sha1::digest(text)).unwrap(),
        How::Sha384 => key.sign(Pkcs1v15Sign::new::<sha2::Sha384>(), &sha2::Sha384::digest(text)).unwrap(),
        How::Sha512 => key.sign(Pkcs1v15Sign::new::<sha2::Sha512>(), &sha2::Sha512::digest(text)).unwrap(),
        How::TwiceBytes => key.sign(sha256(), &Sha256::digest(digest)).unwrap(),
        How::TwiceHex => key.sign(sha256(), &Sha256::digest(super::super::opened::hex(&digest))).unwrap(),
        How::Bare => key.sign(Pkcs1v15Sign::new_unprefixed(), &digest).unwrap(),
        How::Pss(salt) => key.sign_with_rng(&mut Dice(7), Pss::new_with_salt::<Sha256>(salt), &digest).unwrap(),
    }
}

const MD5_INFO: [u8; 18] =
    [0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05, 0x00, 0x04, 0x10];

pub(super) fn serial() -> String {
    Certificate::from_pem(MERCHANT_CERT).unwrap().serial().as_str().to_owned()
}

/// Where the lines come from when they are signed.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) time: String,
    pub(super) nonce: String,
    pub(super) body: Vec<u8>,
    /// After which the lines are put together: `{}` is the right way.
    pub(super) lay: fn(&[&[u8]; 5]) -> Vec<u8>,
}

/// A request on the bench. What is sent and what is signed are set apart, so that each can be broken.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) body: Vec<u8>,
    pub(super) mchid: String,
    pub(super) nonce: String,
    pub(super) time: String,
    pub(super) serial: String,
    pub(super) signed: Signed,
    pub(super) how: How,
    pub(super) signing_key: &'static [u8],
    /// Applied to the base64 of the signature.
    pub(super) form: fn(&str) -> String,
    /// Applied to the header's value.
    pub(super) header: fn(&str) -> String,
    pub(super) certificate: bool,
    pub(super) key_file: Vec<u8>,
    pub(super) api_v3_key: Option<Vec<u8>>,
    pub(super) now: Option<i64>,
}

pub(super) fn right(fields: &[&[u8]; 5]) -> Vec<u8> {
    fields.iter().flat_map(|field| [field, &b"\n"[..]].concat()).collect()
}

impl Request {
    pub(super) fn sound(method: &str, url: &str, body: &str) -> Request {
        let target = url.strip_prefix("https://api.mch.weixin.qq.com").unwrap_or(url);
        Request {
            method: method.into(),
            url: url.into(),
            body: body.into(),
            mchid: "1900007291".into(),
            nonce: NONCE.into(),
            time: T.to_string(),
            serial: serial(),
            signed: Signed {
                method: method.into(),
                url: target.into(),
                time: T.to_string(),
                nonce: NONCE.into(),
                body: body.into(),
                lay: right,
            },
            how: How::Right,
            signing_key: MERCHANT_KEY,
            form: str::to_owned,
            header: str::to_owned,
            certificate: true,
            key_file: MERCHANT_CERT.to_vec(),
            api_v3_key: None,
            now: Some(T + 2),
        }
    }

    pub(super) fn text(&self) -> Vec<u8> {
        let s = &self.signed;
        (s.lay)(&[s.method.as_bytes(), s.url.as_bytes(), s.time.as_bytes(), s.nonce.as_bytes(), &s.body])
    }

    pub(super) fn examine(&self) -> Diagnosis {
        let signature = (self.form)(&STANDARD.encode(sign(self.signing_key, &self.text(), self.how)));
        self.examine_with(&signature)
    }

    /// Signed now, examined as often as is asked.
    pub(super) fn case(self, name: &str, expected: &str) -> Case {
        let signature = (self.form)(&STANDARD.encode(sign(self.signing_key, &self.text(), self.how)));
        let name = format!("{name}: {} {}", self.method, self.url);
        Case { name, expected: expected.to_owned(), examine: Box::new(move || self.examine_with(&signature)) }
    }

    pub(super) fn examine_with(&self, signature: &str) -> Diagnosis {
        let value = format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{}\",nonce_str=\"{}\",signature=\"{signature}\",timestamp=\"{}\",serial_no=\"{}\"",
            self.mchid, self.nonce, self.time, self.serial
        );
        request(&RequestInput {
            method: &self.method,
            url: &self.url,
            authorization: &(self.header)(&value),
            body: &self.body,
            key: if self.certificate {
                KeyFile::Certificate(&self.key_file)
            } else {
                KeyFile::PrivateKey(&self.key_file)
            },
            api_v3_key: self.api_v3_key.as_deref(),
            now: self.now.map(|s| Timestamp::from_second(s).unwrap()),
        })
    }
}

/// A message, and what is expected of it.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) expected: String,
    pub(super) examine: Box<dyn Fn() -> Diagnosis>,
}

/// Compare what was said with `expected`: slugs joined by `+` (needed together) or `/` (either), `?` at the end for likely.
pub(super) fn said(diagnosis: &Diagnosis) -> String {
    if diagnosis.valid {
        assert!(diagnosis.cause.is_none() && diagnosis.also.is_empty() && diagnosis.certainty == Certainty::Proved);
        return "valid".into();
    }
    for text in [&diagnosis.explanation, &diagnosis.fix] {
        assert!(!text.en.is_empty() && !text.zh.is_empty());
    }
    let slugs: Vec<&str> = diagnosis.cause.iter().chain(&diagnosis.also).map(|c| c.slug()).collect();
    let link = if diagnosis.combined { "+" } else { "/" };
    let likely = if diagnosis.certainty == Certainty::Likely { "?" } else { "" };
    slugs.join(link) + likely
}

/// Collects what was not as expected, so that one run shows all.
#[derive(Default)]
pub(super) struct Tally {
    wrong: Vec<String>,
    pub(super) seen: std::collections::BTreeMap<String, usize>,
}

impl Tally {
    pub(super) fn expect(&mut self, name: &str, expected: &str, diagnosis: &Diagnosis) {
        *self.seen.entry(expected.to_owned()).or_default() += 1;
        let got = said(diagnosis);
        if got != expected {
            self.wrong.push(format!("{name}: expected {expected}, got {got}"));
        }
    }

    pub(super) fn finish(self) {
        assert!(self.wrong.is_empty(), "{} wrong:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}
