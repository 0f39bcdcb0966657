//! A notification or an answer that did not verify or decrypt: what was done to it on the way (reference 3, 4, 15.2, 15.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::BadInput;
use super::body::{self, BOM};
use super::cause::Cause;
use super::json::{Document, Node, NotJson};
use super::opened::Opened;
use super::request::{Times, without_line_end};
use super::search::{Found, Plan, Variant, search, search_right};
use super::signature_form::{self, Form, unhex};
use super::verdict::{Bench, Certainty, Diagnosis};
use crate::keys::{ApiV3Key, Certificate, PublicKey};
use crate::seal;
use crate::time::Timestamp;
use crate::verify::PROBE_PREFIX;

/// What was received, and whom it should be from.
#[derive(Debug, Clone, Copy)]
pub struct NotificationInput<'a> {
    /// Name and value, in any letter case and order; [`parse_headers`] reads a file of them.
    pub headers: &'a [(String, String)],
    /// The body's bytes as they are held.
    pub body: &'a [u8],
    /// Platform certificates, PEM.
    pub platform_certificates: &'a [&'a [u8]],
    /// The WeChat Pay public key: its id and its PEM.
    pub public_key: Option<(&'a str, &'a [u8])>,
    /// The merchant's own certificate, PEM: shows when it was taken for a platform certificate.
    pub certificate: Option<&'a [u8]>,
    /// The APIv3 key file.
    pub api_v3_key: Option<&'a [u8]>,
    /// When it was received; without it nothing about time is judged.
    pub now: Option<Timestamp>,
}

/// The headers of a file: a JSON object, a JSON array of pairs, or raw lines.
///
/// # Errors
/// JSON that is neither, or no header line at all.
pub fn parse_headers(file: &[u8]) -> Result<Vec<(String, String)>, BadInput> {
    let bad = |why: &str| BadInput { what: "headers", why: why.to_owned() };
    let text = std::str::from_utf8(file.strip_prefix(BOM).unwrap_or(file)).map_err(|_| bad("not UTF-8"))?;
    let pair = |name: &str, value: &str| (name.trim().to_owned(), value.trim().to_owned());
    if text.trim_start().starts_with(['{', '[']) {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|e| bad(&e.to_string()))?;
        let text_of = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Array(several) => several.first().and_then(|v| v.as_str()).map(str::to_owned),
            serde_json::Value::Number(number) => Some(number.to_string()),
            serde_json::Value::Null => Some(String::new()),
            _ => None,
        };
        let read = match &value {
            serde_json::Value::Object(map) => map.iter().map(|(name, v)| Some(pair(name, &text_of(v)?))).collect(),
            serde_json::Value::Array(list) => list
                .iter()
                .map(|item| match item.as_array().map(Vec::as_slice) {
                    Some([name, value]) => Some(pair(name.as_str()?, &text_of(value)?)),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        return Option::<Vec<_>>::ok_or(read, bad("expected an object of strings, or an array of [name, value] pairs"));
    }
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            if found.is_empty() {
                continue;
            }
            break;
        }
        let is_start = at == 0
            && (line.starts_with("HTTP/")
                || line.trim_end().rsplit(' ').next().is_some_and(|v| v.starts_with("HTTP/")));
        if is_start {
            continue;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad("expected lines of the form Name: value"))?;
        found.push(pair(name, value));
    }
    if found.is_empty() { Err(bad("there is no header in it")) } else { Ok(found) }
}

/// The four values that a signature needs.
#[derive(Clone)]
struct Four {
    timestamp: String,
    nonce: String,
    serial: String,
    signature: String,
}

impl Four {
    fn read(headers: &[(String, String)]) -> Four {
        let find = |wanted: &str| {
            headers
                .iter()
                .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        Four {
            timestamp: find("Wechatpay-Timestamp"),
            nonce: find("Wechatpay-Nonce"),
            serial: find("Wechatpay-Serial"),
            signature: find("Wechatpay-Signature"),
        }
    }

    fn is_whole(&self) -> bool {
        [&self.timestamp, &self.nonce, &self.serial, &self.signature].iter().all(|value| !value.is_empty())
    }

    /// With each two of the four exchanged.
    fn swapped(&self) -> Vec<Four> {
        let values = [&self.timestamp, &self.nonce, &self.serial, &self.signature];
        let mut all = Vec::new();
        for one in 0..values.len() {
            for two in one + 1..values.len() {
                let mut moved = values;
                moved.swap(one, two);
                let [timestamp, nonce, serial, signature] = moved.map(Clone::clone);
                all.push(Four { timestamp, nonce, serial, signature });
            }
        }
        all
    }

    fn fields(&self, body: &[u8]) -> Vec<Vec<u8>> {
        vec![self.timestamp.as_bytes().to_vec(), self.nonce.as_bytes().to_vec(), body.to_vec()]
    }

    fn plan(&self, body: &[u8]) -> Plan {
        Plan { fields: self.fields(body), variants: vec![], lines: vec![] }
    }
}

/// A key that was given, and the serial that names it.
struct Given {
    serial: String,
    key: PublicKey,
    certificate: Option<Certificate>,
}

impl Given {
    fn all(input: &NotificationInput<'_>) -> Result<Vec<Given>, BadInput> {
        let bad = |what: &'static str| move |why: crate::keys::KeyError| BadInput { what, why: why.to_string() };
        let mut all = Vec::new();
        for pem in input.platform_certificates {
            let certificate = Certificate::from_pem(pem).map_err(bad("platform certificate"))?;
            let serial = certificate.serial().as_str().to_owned();
            all.push(Given { serial, key: certificate.public_key().clone(), certificate: Some(certificate) });
        }
        if let Some((id, pem)) = input.public_key {
            let key = PublicKey::from_pem(pem).map_err(bad("public key"))?;
            all.push(Given { serial: id.trim().to_owned(), key, certificate: None });
        }
        Ok(all)
    }

    fn is_named(&self, serial: &str) -> bool {
        self.serial.eq_ignore_ascii_case(serial)
    }
}

/// Finds out what is wrong with a notification or an answer, if anything is.
///
/// # Errors
/// A certificate or public key that is none.
pub fn notification(input: &NotificationInput<'_>) -> Result<Diagnosis, BadInput> {
    let keys = Given::all(input)?;
    let own = input.certificate.map(Certificate::from_pem).transpose();
    let own = own.map_err(|why| BadInput { what: "certificate", why: why.to_string() })?;
    let four = Four::read(input.headers);
    let mut bench = Bench::new(Cause::NOTIFICATION, &four.plan(input.body).right_text());
    let stale =
        |four: &Four| input.now.filter(|now| Times::of(&four.timestamp).is_stale(*now)).map(|_| Cause::TimestampStale);

    if body::is_xml(input.body) {
        let missing = (!four.is_whole()).then_some(Cause::HeaderMissing);
        return Ok(bench.likely(vec![Cause::BodyV2Xml], missing.into_iter().collect()));
    }
    if !four.is_whole() {
        return Ok(bench.likely(vec![Cause::HeaderMissing], stale(&four).into_iter().collect()));
    }
    if four.signature.starts_with(PROBE_PREFIX) {
        return Ok(bench.likely(vec![Cause::SignatureProbe], stale(&four).into_iter().collect()));
    }

    // As received; and if nothing comes of it, with two values exchanged.
    let plain = examine(&four, input.body, &keys, true);
    bench.tried = plain.tried;
    if let Some(fit) = plain.fit {
        return Ok(conclude(bench, input, &four, fit, vec![]));
    }
    for other in four.swapped() {
        let looked = examine(&other, input.body, &keys, false);
        bench.tried += looked.tried;
        if let Some(fit) = looked.fit {
            return Ok(conclude(bench, input, &other, fit, vec![Cause::HeadersMixedUp]));
        }
    }

    let others: Vec<Cause> = stale(&four).into_iter().collect();
    if plain.truncated {
        return Ok(bench.likely(vec![Cause::SignatureTruncated], others));
    }
    let cause = if plain.opened { why_no_text(input.body) } else { why_no_key(&four, &keys, own.as_ref(), input) };
    let causes = plain.disguises.into_iter().chain([cause]).collect();
    Ok(bench.likely(causes, others))
}

/// A text that a given key signed.
struct Fit<'a> {
    key: &'a Given,
    found: Found,
    disguises: Vec<Cause>,
    /// The body as WeChat Pay sent it.
    genuine: Vec<u8>,
}

/// What one reading of the four values came to.
struct Looked<'a> {
    fit: Option<Fit<'a>>,
    /// Whether a given key opens the signature.
    opened: bool,
    truncated: bool,
    disguises: Vec<Cause>,
    tried: u64,
}

fn examine<'a>(four: &Four, received: &[u8], keys: &'a [Given], guess: bool) -> Looked<'a> {
    let mut looked = Looked { fit: None, opened: false, truncated: false, disguises: vec![], tried: 0 };
    // A key that the serial names goes first: one that fits and is named is enough.
    let named = |wanted: bool| keys.iter().filter(move |given| given.is_named(&four.serial) == wanted);
    for given in named(true).chain(named(false)) {
        let (bytes, disguises) = match signature_form::read(&four.signature, given.key.size()) {
            Form::Bytes { bytes, faults } => (bytes, faults),
            Form::Truncated => {
                looked.truncated = true;
                continue;
            }
            _ => continue,
        };
        looked.disguises.clone_from(&disguises);
        let opened = Opened::with(&given.key, &bytes);
        if !opened.is_proper() {
            continue;
        }
        looked.opened = true;
        let mut whole = search_right(&opened, &[four.plan(received)]);
        let mut variants = vec![];
        if whole.ways.is_empty() && guess {
            variants = body::sent_variants(received);
            let plan = Plan { variants: vec![(2, variants.clone())], ..four.plan(received) };
            whole = whole.or(search(&opened, &[plan]));
        }
        if whole.ways.is_empty() {
            whole = whole.or(deeper(&opened, four, &variants));
        }
        looked.tried += whole.tried;
        // WeChat Pay signs in one way only; another digest is no proof of anything here.
        if whole.ways.is_empty() || whole.ways.iter().flatten().any(|cause| !Cause::NOTIFICATION.contains(cause)) {
            continue;
        }
        let fits = |body: &[u8]| matches!(opened.fits(&four.plan(body).right_text()), Some(None));
        let genuine =
            std::iter::once(received).chain(variants.iter().map(|v| v.bytes.as_slice())).find(|body| fits(body));
        let genuine = genuine.unwrap_or(received).to_vec();
        looked.fit = Some(Fit { key: given, found: whole, disguises, genuine });
        return looked;
    }
    looked
}

/// Three and four habits of a framework at once.
fn deeper(opened: &Opened, four: &Four, variants: &[Variant]) -> Found {
    let (mut ways, mut tried) = (Vec::new(), 0);
    for variant in variants.iter().filter(|v| v.causes.len() > 2) {
        tried += 1;
        if matches!(opened.fits(&four.plan(&variant.bytes).right_text()), Some(None)) {
            ways.push(variant.causes.clone());
        }
    }
    Found { ways, tried }
}

fn conclude(
    mut bench: Bench,
    input: &NotificationInput<'_>,
    four: &Four,
    fit: Fit<'_>,
    assumed: Vec<Cause>,
) -> Diagnosis {
    bench.sign_string = String::from_utf8_lossy(&four.plan(&fit.genuine).right_text()).into_owned();
    let mut visible = assumed;
    visible.extend(fit.disguises);
    if let Some(now) = input.now {
        visible.extend(Times::of(&four.timestamp).is_stale(now).then_some(Cause::TimestampStale));
        let outside = |c: &Certificate| now < c.not_before() || now > c.not_after();
        visible.extend(fit.key.certificate.as_ref().is_some_and(outside).then_some(Cause::CertificateExpired));
    }
    if !fit.key.is_named(&four.serial) {
        let is_key = fit.key.certificate.is_none();
        visible.push(if is_key { Cause::PublicKeyIdWrong } else { Cause::SerialMismatch });
    }
    let mut certainty = Certainty::Proved;
    if let Some((cause, proved)) = input.api_v3_key.and_then(|key| ciphertext(&fit.genuine, key)) {
        visible.push(cause);
        certainty = if proved { Certainty::Proved } else { Certainty::Likely };
    }
    bench.explained_with(&fit.found, visible, certainty)
}

fn why_no_key(four: &Four, keys: &[Given], own: Option<&Certificate>, input: &NotificationInput<'_>) -> Cause {
    let is_id = four.serial.to_ascii_uppercase().starts_with("PUB_KEY_ID_");
    let mine = |given: &Given| given.certificate.is_some() && own.is_some_and(|own| *own.public_key() == given.key);
    if keys.iter().any(mine) {
        Cause::MerchantCertificateUsed
    } else if (is_id && input.public_key.is_none())
        || (!is_id && input.platform_certificates.is_empty() && input.public_key.is_some())
    {
        Cause::PublicKeyModeMismatch
    } else if !keys.iter().any(|given| given.is_named(&four.serial)) {
        Cause::SerialUnknown
    } else {
        Cause::KeyMismatch
    }
}

fn why_no_text(received: &[u8]) -> Cause {
    let bare = received.strip_prefix(BOM).unwrap_or(received);
    if bare.trim_ascii().is_empty() {
        return Cause::BodyEmpty;
    }
    // A cut in the middle of a character leaves bytes that are no text.
    let text = match std::str::from_utf8(bare) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            bare.get(..error.valid_up_to()).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
        }
        Err(_) => return Cause::SignStringUnexplained,
    };
    if text.trim_start().starts_with(['{', '[']) && Document::parse(text) == Err(NotJson::CutOff) {
        return Cause::BodyTruncated;
    }
    Cause::SignStringUnexplained
}

/// What is wrong with the ciphertext of a genuine body, and whether that is proved.
fn ciphertext(genuine: &[u8], key_file: &[u8]) -> Option<(Cause, bool)> {
    let file = without_line_end(key_file);
    let key = std::str::from_utf8(file).ok().and_then(|text| ApiV3Key::parse(text).ok());
    let document = std::str::from_utf8(genuine).ok().and_then(|text| Document::parse(text).ok());
    let resource = document.as_ref().and_then(|d| d.member("resource"));
    // 32 bytes that are no text are a key as good as any wrong one.
    let wrong = file.len() == 32 && key.is_none();
    let Some(resource) = resource else {
        // Nothing to decrypt; the length of the key is wrong all the same.
        return (key.is_none() && !wrong).then_some((Cause::ApiV3KeyMalformed, false));
    };
    let text =
        |name: &str| resource.member(name).filter(|node| node.is_string()).and_then(Node::text).unwrap_or_default();
    let (nonce, aad, sealed) = (text("nonce"), text("associated_data"), text("ciphertext"));
    let opens = |key: &ApiV3Key, aad: &str| seal::open(key, nonce.as_bytes(), aad.as_bytes(), &sealed).is_ok();
    let Some(key) = key else {
        if wrong {
            return Some((Cause::ApiV3KeyWrong, false));
        }
        let meant = meant_keys(file);
        return Some((Cause::ApiV3KeyMalformed, meant.iter().any(|key| opens(key, &aad))));
    };
    let bytes = STANDARD.decode(&sealed).unwrap_or_default();
    if nonce.len() != 12 || bytes.len() < 17 {
        return Some((Cause::ResourceMalformed, false));
    }
    if opens(&key, &aad) {
        return None;
    }
    let others: &[&str] = if aad.is_empty() { &["transaction", "refund"] } else { &[""] };
    if others.iter().any(|aad| opens(&key, aad)) {
        return Some((Cause::ResourceAadWrong, true));
    }
    Some((Cause::ApiV3KeyWrong, false))
}

/// The keys that a file of another length may stand for: hex, base64, blanks around it.
fn meant_keys(file: &[u8]) -> Vec<ApiV3Key> {
    let trimmed = file.trim_ascii();
    let unmarked = trimmed.strip_prefix(BOM).unwrap_or(trimmed);
    let text = std::str::from_utf8(unmarked).unwrap_or_default().trim();
    let quoted = text.trim_matches(['"', '\'']);
    let candidates =
        [Some(text.as_bytes().to_vec()), unhex(text), STANDARD.decode(text).ok(), Some(quoted.as_bytes().to_vec())];
    let key = |bytes: Vec<u8>| std::str::from_utf8(&bytes).ok().and_then(|text| ApiV3Key::parse(text).ok());
    candidates.into_iter().flatten().filter_map(key).collect()
}
