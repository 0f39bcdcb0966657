//! A request to WeChat Pay that was refused: what its signer did wrong (reference 2, 15.1).

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use super::body;
use super::cause::Cause;
use super::header::Header;
use super::json::Document;
use super::key_file::{KeyFile, Material};
use super::opened::{Opened, hex};
use super::search::{Found, Lines, Plan, Variant, search, search_right};
use super::signature_form::{self, Form};
use super::url::{Sent, percent_decode};
use super::verdict::{Bench, Certainty, Diagnosis};
use crate::keys::Certificate;
use crate::time::Timestamp;
use crate::verify::FRESH_SECONDS;

/// What was sent, and whose signature it should be.
#[derive(Debug, Clone, Copy)]
pub struct RequestInput<'a> {
    /// The verb, in any letter case.
    pub method: &'a str,
    /// The URL, byte for byte: absolute, or path with query.
    pub url: &'a str,
    /// The header's value.
    pub authorization: &'a str,
    /// The body's bytes, empty for none.
    pub body: &'a [u8],
    /// The merchant's certificate or private key.
    pub key: KeyFile<'a>,
    /// The APIv3 key file; proves an HMAC signature.
    pub api_v3_key: Option<&'a [u8]>,
    /// When it was sent; without it nothing about time is judged.
    pub now: Option<Timestamp>,
}

/// Finds out what is wrong with a request's signature, if anything is.
pub fn request(input: &RequestInput<'_>) -> Diagnosis {
    let sent = Sent::parse(input.url);
    let header = Header::read(input.authorization);
    let signed_body = SignedBody::of(input.body);
    let method = input.method.trim().to_ascii_uppercase();

    let times = Times::of(header.timestamp.as_deref().unwrap_or_default());
    let nonce = header.nonce.as_deref().unwrap_or_default();
    let fields = |time: &str, nonce: &str| {
        [method.as_bytes(), sent.target.as_bytes(), time.as_bytes(), nonce.as_bytes(), signed_body.right]
            .map(<[u8]>::to_vec)
            .to_vec()
    };
    let right = Plan { fields: fields(times.right(), nonce.trim()), variants: vec![], lines: vec![] }.right_text();
    let mut bench = Bench::new(Cause::REQUEST, &right);

    // What can be seen without opening anything.
    let mut visible = header.faults.clone();
    visible.extend(times.milliseconds.then_some(Cause::TimestampMilliseconds));
    // A timestamp that is no number has no cause of its own: the header isn't in the form of the rules.
    visible.extend((header.timestamp.is_some() && times.seconds.is_none()).then_some(Cause::AuthorizationFormatWrong));
    visible.extend(nonce_fault(&header));
    let stale = input.now.filter(|now| times.is_stale(*now)).map(|_| Cause::TimestampStale);
    let upload = signed_body.hash_differs.then_some(Cause::UploadMetaHashWrong);
    let mchid = mchid_differs(&header, &sent, signed_body.right).then_some(Cause::MchidMismatch);
    let others: Vec<Cause> = [stale, upload, mchid].into_iter().flatten().collect();

    let material = input.key.read();
    let mut blocked: Vec<Cause> = material.as_ref().err().copied().into_iter().collect();
    if header.is_hopeless() {
        blocked.extend(visible);
        return bench.likely(blocked, others);
    }
    let size = material.as_ref().map_or(256, |m| m.key.size());
    let (bytes, disguises) = match signature_form::read(header.signature.as_deref().unwrap_or_default(), size) {
        Form::Bytes { bytes, faults } => (bytes, faults),
        Form::Truncated => {
            blocked.push(Cause::SignatureTruncated);
            return bench.likely(blocked, visible.into_iter().chain(others).collect());
        }
        Form::Symmetric(value) => {
            bench.tried = 1;
            let proved = input.api_v3_key.is_some_and(|key| hmac_fits(key, &right, &value));
            if proved && blocked.is_empty() {
                visible.extend(others);
                visible.push(Cause::SymmetricSignature);
                return bench.explained(&Found { ways: vec![vec![]], tried: 1 }, visible);
            }
            blocked.push(Cause::SymmetricSignature);
            return bench.likely(blocked, visible.into_iter().chain(others).collect());
        }
        Form::Garbage => {
            blocked.push(Cause::KeyMismatch);
            return bench.likely(blocked, visible.into_iter().chain(others).collect());
        }
    };
    visible.extend(disguises);
    let Ok(Material { key, certificate }) = material else {
        return bench.likely(blocked, visible.into_iter().chain(others).collect());
    };

    let opened = Opened::with(&key, &bytes);
    let mut plans = Vec::new();
    for time in times.readings() {
        for nonce in with_and_without_blanks(nonce) {
            plans.push(Plan { fields: fields(&time, nonce), variants: vec![], lines: vec![] });
        }
    }
    let mut found = search_right(&opened, &plans);
    if found.ways.is_empty() && opened.is_open() {
        let variants = vec![
            (0, methods(&method)),
            (1, sent.variants()),
            (2, times.variants()),
            (4, signed_body.variants(sent.query())),
        ];
        for plan in &mut plans {
            plan.variants.clone_from(&variants);
            plan.lines = Lines::common(5, signed_body.right.is_empty());
        }
        found = found.or(search(&opened, &plans));
    }
    bench.tried = found.tried;
    let identity = identity_faults(&header, certificate.as_ref(), input.now);
    if found.ways.is_empty() {
        let why = if opened.is_proper() { Cause::SignStringUnexplained } else { Cause::KeyMismatch };
        visible.push(why);
        return bench.likely(visible, others.into_iter().chain(identity).collect());
    }
    visible.extend(others);
    visible.extend(identity);
    bench.explained_with(&found, visible, Certainty::Proved)
}

/// What is signed of a body: the body, or the part `meta` of an upload.
struct SignedBody<'a> {
    right: &'a [u8],
    /// The whole multipart body of an upload.
    multipart: Option<&'a [u8]>,
    hash_differs: bool,
}

impl<'a> SignedBody<'a> {
    fn of(body: &'a [u8]) -> Self {
        let plain = SignedBody { right: body, multipart: None, hash_differs: false };
        let Some(parts) = multipart(body) else { return plain };
        let Some((_, meta)) = parts.iter().find(|(name, _)| name == "meta") else { return plain };
        let stated = body::document(meta).and_then(|document| document.member("sha256").and_then(|node| node.text()));
        let file = parts.iter().find(|(name, _)| name != "meta").map(|(_, content)| hex(&Sha256::digest(content)));
        let hash_differs = match (stated, file) {
            (Some(stated), Some(file)) => !stated.eq_ignore_ascii_case(&file),
            _ => false,
        };
        SignedBody { right: meta, multipart: Some(body), hash_differs }
    }

    fn variants(&self, query: Option<&str>) -> Vec<Variant> {
        let mut all = body::signed_variants(self.right, query);
        all.extend(self.multipart.map(|whole| Variant::new(Cause::UploadMultipartSigned, whole.to_vec())));
        all
    }
}

/// The parts of a multipart body, name and content.
fn multipart(body: &[u8]) -> Option<Vec<(String, &[u8])>> {
    let first = body.iter().position(|b| *b == b'\n')?;
    let boundary = body.get(..first)?.trim_ascii_end();
    if boundary.len() < 3 || !boundary.starts_with(b"--") {
        return None;
    }
    let find = |from: usize, wanted: &[u8]| {
        body.get(from..)?.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
    };
    let mut parts = Vec::new();
    let mut at = first + 1;
    while let Some(end) = find(at, boundary) {
        let part = body.get(at..end)?;
        let part = part.strip_suffix(b"\r\n").or_else(|| part.strip_suffix(b"\n")).unwrap_or(part);
        let split = |mark: &[u8]| part.windows(mark.len()).position(|w| w == mark).map(|i| (i, i + mark.len()));
        if let Some((head, content)) = split(b"\r\n\r\n").or_else(|| split(b"\n\n")) {
            let head = String::from_utf8_lossy(part.get(..head)?);
            let name = head.split(';').find_map(|piece| {
                let piece = piece.trim().lines().next().unwrap_or_default();
                piece.strip_prefix("name=").map(|name| name.trim_matches('"').to_owned())
            });
            parts.push((name.unwrap_or_default(), part.get(content..)?));
        }
        at = find(end, b"\n")? + 1;
    }
    Some(parts)
}

fn methods(sent: &str) -> Vec<Variant> {
    let mut all = Vec::new();
    for verb in [sent, "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"] {
        let lower = verb.to_ascii_lowercase();
        let capital: String = verb.chars().take(1).chain(lower.chars().skip(1)).collect();
        for text in [verb.to_owned(), lower, capital] {
            let variant = Variant::new(Cause::MethodDiffers, text.into_bytes());
            if variant.bytes != sent.as_bytes() && !all.iter().any(|v: &Variant| v.bytes == variant.bytes) {
                all.push(variant);
            }
        }
    }
    // The verb in any mixture of cases; of the long verbs, which nobody sends, there are too many to pair them all.
    for mixture in 0_u32..1 << sent.len().min(7) {
        let mixed = sent.char_indices().map(|(at, c)| if mixture >> at & 1 == 1 { c.to_ascii_lowercase() } else { c });
        let variant = Variant::new(Cause::MethodDiffers, mixed.collect::<String>().into_bytes());
        if variant.bytes != sent.as_bytes() && !all.iter().any(|v: &Variant| v.bytes == variant.bytes) {
            all.push(if sent.len() > 5 { variant.late() } else { variant });
        }
    }
    all
}

/// A sent timestamp and what it may mean.
pub(super) struct Times {
    raw: String,
    seconds: Option<i64>,
    text: String,
    pub(super) milliseconds: bool,
}

impl Times {
    pub(super) fn of(raw: &str) -> Times {
        let trimmed = raw.trim();
        let digits = !trimmed.is_empty() && trimmed.len() <= 16 && trimmed.bytes().all(|b| b.is_ascii_digit());
        let number = trimmed.parse::<i64>().ok().filter(|_| digits);
        let milliseconds = number.is_some() && trimmed.len() == 13;
        let seconds = number.map(|n| if milliseconds { n / 1000 } else { n });
        let text = if milliseconds { seconds.unwrap_or_default().to_string() } else { trimmed.to_owned() };
        Times { raw: raw.to_owned(), seconds, text, milliseconds }
    }

    /// As it should have been sent.
    pub(super) fn right(&self) -> &str {
        &self.text
    }

    /// What may have been signed, given only what is visibly wrong with it.
    pub(super) fn readings(&self) -> Vec<String> {
        let mut all = vec![self.text.clone(), self.raw.clone(), self.raw.trim().to_owned()];
        if self.milliseconds {
            all.extend(self.seconds.map(|s| (s + 1).to_string()));
        }
        let mut kept: Vec<String> = Vec::new();
        for text in all {
            if !kept.contains(&text) {
                kept.push(text);
            }
        }
        kept
    }

    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        self.seconds.is_some_and(|s| now.as_second().saturating_sub(s).unsigned_abs() > FRESH_SECONDS)
    }

    /// What else may have been signed: seconds around it, and the thousand milliseconds in it.
    pub(super) fn variants(&self) -> Vec<Variant> {
        let Some(seconds) = self.seconds.filter(|_| !self.milliseconds) else { return Vec::new() };
        let mut all: Vec<Variant> = (1..=10)
            .flat_map(|off| [seconds.saturating_add(off), seconds.saturating_sub(off)])
            .map(|other| Variant::new(Cause::TimestampDiffers, other.to_string().into_bytes()))
            .collect();
        for thousandth in 0..1000 {
            if let Some(number) = seconds.checked_mul(1000).and_then(|ms| ms.checked_add(thousandth)) {
                let variant = Variant::new(Cause::TimestampMilliseconds, number.to_string().into_bytes());
                all.push(if thousandth == 0 { variant } else { variant.late() });
            }
        }
        all
    }
}

fn with_and_without_blanks(text: &str) -> Vec<&str> {
    if text.trim() == text { vec![text] } else { vec![text.trim(), text] }
}

fn nonce_fault(header: &Header) -> Option<Cause> {
    let nonce = header.nonce.as_deref()?.trim();
    let bad = nonce.is_empty() || nonce.chars().count() > 32 || !nonce.bytes().all(|b| b.is_ascii_graphic());
    bad.then_some(Cause::NonceMalformed)
}

fn hmac_fits(key_file: &[u8], text: &[u8], value: &[u8]) -> bool {
    let key = without_line_end(key_file);
    Hmac::<Sha256>::new_from_slice(key).is_ok_and(|mac| mac.chain_update(text).verify_slice(value).is_ok())
}

/// A key file's bytes without the one line end that editors put there.
pub(super) fn without_line_end(file: &[u8]) -> &[u8] {
    file.strip_suffix(b"\r\n").or_else(|| file.strip_suffix(b"\n")).unwrap_or(file)
}

fn mchid_differs(header: &Header, sent: &Sent, body: &[u8]) -> bool {
    let Some(mchid) = header.mchid.as_deref().map(str::trim) else { return false };
    let stated =
        body::document(body).and_then(|document: Document| document.member("mchid").and_then(|node| node.text()));
    let queried = sent.query().and_then(|query| query.split('&').find_map(|part| part.strip_prefix("mchid=")));
    let queried = queried.map(|value| String::from_utf8_lossy(&percent_decode(value.as_bytes(), true)).into_owned());
    [stated, queried].into_iter().flatten().any(|other| other != mchid)
}

/// What the header's serial and the certificate's dates say against a signature that checks out.
fn identity_faults(header: &Header, certificate: Option<&Certificate>, now: Option<Timestamp>) -> Vec<Cause> {
    let mut faults = Vec::new();
    if let Some(serial) = header.serial.as_deref().map(str::trim) {
        faults.extend(serial_fault(serial, certificate.map(|c| c.serial().as_str())));
    }
    if let (Some(certificate), Some(now)) = (certificate, now)
        && !(certificate.not_before() <= now && now <= certificate.not_after())
    {
        faults.push(Cause::CertificateExpired);
    }
    faults
}

fn serial_fault(sent: &str, right: Option<&str>) -> Option<Cause> {
    if sent.to_ascii_uppercase().starts_with("PUB_KEY_ID_") {
        return Some(Cause::SerialIsPublicKeyId);
    }
    let right = right?;
    if sent.eq_ignore_ascii_case(right) {
        return None;
    }
    let bare: String = sent.chars().filter(|c| !matches!(c, ':' | '-') && !c.is_whitespace()).collect();
    let bare = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")).unwrap_or(&bare);
    let number = rsa::BigUint::parse_bytes(right.as_bytes(), 16)?;
    let same_hex = !bare.is_empty() && rsa::BigUint::parse_bytes(bare.as_bytes(), 16).is_some_and(|n| n == number);
    let same_decimal = rsa::BigUint::parse_bytes(sent.as_bytes(), 10).is_some_and(|n| n == number);
    Some(if same_hex || same_decimal { Cause::SerialFormatWrong } else { Cause::SerialMismatch })
}
