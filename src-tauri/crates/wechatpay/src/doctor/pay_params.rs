//! Pay parameters that WeChat's client refused: what their signer did wrong (reference 5.6, 15.4).

use super::BadInput;
use super::cause::Cause;
use super::json::{Document, Node};
use super::key_file::{KeyFile, Material};
use super::opened::Opened;
use super::request::Times;
use super::search::{Lines, Plan, Variant, search, search_right};
use super::signature_form::{self, Form};
use super::verdict::{Bench, Diagnosis};

/// Which client takes the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayParamsKind {
    /// `wx.requestPayment` and `getBrandWCPayRequest`.
    Jsapi,
    /// The App SDK.
    App,
}

/// The parameters, and whose signature it should be.
#[derive(Debug, Clone, Copy)]
pub struct PayParamsInput<'a> {
    /// A JSON object.
    pub params: &'a [u8],
    /// The appid that the order was made with.
    pub appid: &'a str,
    /// The client.
    pub kind: PayParamsKind,
    /// The merchant's certificate or private key.
    pub key: KeyFile<'a>,
}

const PREFIX: &str = "prepay_id=";
const APP_PACKAGE: &str = "Sign=WXPay";

/// Finds out what is wrong with pay parameters, if anything is.
///
/// # Errors
/// The parameters are no JSON object.
pub fn pay_params(input: &PayParamsInput<'_>) -> Result<Diagnosis, BadInput> {
    let bad = |why: &str| BadInput { what: "params", why: why.to_owned() };
    let text = std::str::from_utf8(input.params.strip_prefix(super::body::BOM).unwrap_or(input.params))
        .map_err(|_| bad("not UTF-8"))?;
    let document = Document::parse(text).map_err(|_| bad("not JSON"))?;
    if !matches!(document.root, Node::Object(..)) {
        return Err(bad("not a JSON object"));
    }
    let params = Params::read(&document, input.kind);
    let package = Package::of(&params, input.kind);
    let times = Times::of(params.timestamp.text.as_deref().unwrap_or_default());
    let nonce = params.nonce.text.clone().unwrap_or_default();
    let fields = |appid: &str, time: &str, package: &str| {
        [appid, time, &nonce, package].map(|field| field.as_bytes().to_vec()).to_vec()
    };
    let plan = |appid: &str, time: &str, package: &str| Plan {
        fields: fields(appid, time, package),
        variants: vec![],
        lines: vec![],
    };
    let mut bench = Bench::new(Cause::PAY_PARAMS, &plan(input.appid, times.right(), &package.right).right_text());

    let mut visible = params.faults(input.kind);
    visible.extend(package.faults.clone());
    visible.extend(times.milliseconds.then_some(Cause::TimestampMilliseconds));
    let theirs = params.appid.present.then(|| params.appid.text.as_deref().unwrap_or_default());
    let theirs = theirs.filter(|appid| *appid != input.appid);
    visible.extend(theirs.map(|_| Cause::AppidDiffers));

    let material = input.key.read();
    let mut blocked: Vec<Cause> = material.as_ref().err().copied().into_iter().collect();
    blocked.extend(params.is_hopeless(input.kind).then_some(Cause::ParamMissing));
    blocked.extend(package.is_hopeless.then_some(Cause::PackageWrong));
    let size = material.as_ref().map_or(256, |m| m.key.size());
    let form = params.sign.text.as_deref().map(|sign| signature_form::read(sign, size));
    let (bytes, disguises) = match form {
        Some(Form::Bytes { bytes, faults }) => (bytes, faults),
        Some(Form::Truncated) => {
            blocked.push(Cause::SignatureTruncated);
            (vec![], vec![])
        }
        Some(Form::Symmetric(_)) => {
            blocked.push(Cause::SymmetricSignature);
            (vec![], vec![])
        }
        Some(Form::Garbage) if blocked.is_empty() => {
            blocked.push(Cause::KeyMismatch);
            (vec![], vec![])
        }
        Some(Form::Garbage) | None => (vec![], vec![]),
    };
    let key = match material {
        Ok(Material { key, .. }) if blocked.is_empty() => key,
        _ => return Ok(bench.likely(blocked, visible)),
    };
    visible.extend(disguises);

    let opened = Opened::with(&key, &bytes);
    let mut plans = Vec::new();
    let mut guesses = Vec::new();
    for appid in std::iter::once(input.appid).chain(theirs) {
        for time in times.readings() {
            for (at, line) in package.readings.iter().enumerate() {
                plans.push(plan(appid, &time, line));
                let mut lines = Lines::common(4, false);
                if at == 0 {
                    lines.extend(params.v2_texts(appid, &time, line, input.kind));
                }
                let variants = vec![(0, appids(input.appid)), (1, times.variants()), (3, package.variants.clone())];
                guesses.push(Plan { variants, lines, ..plan(appid, &time, line) });
            }
        }
    }
    let mut found = search_right(&opened, &plans);
    if found.ways.is_empty() {
        found = found.or(search(&opened, &guesses));
    }
    bench.tried = found.tried;
    if found.ways.is_empty() {
        visible.push(if opened.is_proper() { Cause::SignStringUnexplained } else { Cause::KeyMismatch });
        return Ok(bench.likely(visible, vec![]));
    }
    Ok(bench.explained(&found, visible))
}

/// One parameter: what it holds, and how it is written.
#[derive(Default)]
struct Param {
    text: Option<String>,
    is_number: bool,
    /// It has a name that the client doesn't know.
    misnamed: bool,
    /// It is there, if only empty.
    present: bool,
}

struct Params {
    appid: Param,
    timestamp: Param,
    nonce: Param,
    package: Param,
    prepay_id: Param,
    partner_id: Param,
    sign_type: Param,
    sign: Param,
}

impl Params {
    fn read(document: &Document, kind: PayParamsKind) -> Params {
        // The names that the client takes, then others that people use for the same.
        let find = |jsapi: &[&str], app: &[&str], aliases: &[&str]| {
            let exact = if kind == PayParamsKind::Jsapi { jsapi } else { app };
            let right = exact.iter().find_map(|name| document.member(name));
            let read = |node: &Node, misnamed| Param {
                text: node.text().filter(|text| !text.is_empty()),
                is_number: !node.is_string(),
                misnamed,
                present: true,
            };
            match (right, &document.root) {
                (Some(node), _) => read(node, false),
                (None, Node::Object(members, _)) => members
                    .iter()
                    .find(|member| aliases.contains(&bare(&member.key).as_str()))
                    .map_or_else(Param::default, |member| read(&member.value, true)),
                _ => Param::default(),
            }
        };
        let mut params = Params {
            appid: find(&["appId"], &["appId", "appid"], &["appid"]),
            timestamp: find(&["timeStamp"], &["timeStamp", "timestamp"], &["timestamp", "time", "ts"]),
            nonce: find(&["nonceStr"], &["nonceStr", "noncestr"], &["noncestr", "nonce"]),
            package: find(
                &["package"],
                &["packageValue", "package", "packagevalue"],
                &["package", "packagevalue", "packagestr", "pkg"],
            ),
            prepay_id: find(&[], &["prepayId", "prepayid"], &["prepayid", "prepay"]),
            partner_id: find(&[], &["partnerId", "partnerid"], &["partnerid", "partner", "mchid"]),
            sign_type: find(&["signType"], &["signType", "signtype"], &["signtype"]),
            sign: find(&["paySign"], &["sign"], &["paysign", "sign", "signature"]),
        };
        // appId may be there or not, so another spelling of it is no missing parameter.
        params.appid.misnamed = false;
        params
    }

    fn needed(&self, kind: PayParamsKind) -> Vec<&Param> {
        match kind {
            PayParamsKind::Jsapi => vec![&self.timestamp, &self.nonce, &self.sign],
            PayParamsKind::App => {
                vec![&self.timestamp, &self.nonce, &self.prepay_id, &self.partner_id, &self.sign]
            }
        }
    }

    fn is_hopeless(&self, kind: PayParamsKind) -> bool {
        // An empty package has a cause of its own.
        self.needed(kind).iter().any(|param| param.text.is_none()) || !self.package.present
    }

    fn faults(&self, kind: PayParamsKind) -> Vec<Cause> {
        let mut faults = Vec::new();
        let jsapi = kind == PayParamsKind::Jsapi;
        let misnamed = self.needed(kind).into_iter().chain([&self.package]).any(|param| param.misnamed);
        if misnamed || (jsapi && self.sign_type.misnamed) {
            faults.push(Cause::ParamMissing);
        }
        if jsapi && self.sign_type.text.as_deref() != Some("RSA") {
            faults.push(Cause::SignTypeWrong);
        }
        if jsapi && self.timestamp.is_number && self.timestamp.text.is_some() {
            faults.push(Cause::TimestampTypeWrong);
        }
        faults
    }

    /// What was signed by those who follow the rules of API v2.
    fn v2_texts(&self, appid: &str, time: &str, package: &str, kind: PayParamsKind) -> Vec<Lines> {
        let nonce = self.nonce.text.as_deref().unwrap_or_default();
        let partner = self.partner_id.text.as_deref().unwrap_or_default();
        let mut texts = Vec::new();
        if kind == PayParamsKind::Jsapi {
            texts.push(format!("appId={appid}&nonceStr={nonce}&package={package}&signType=RSA&timeStamp={time}"));
            texts.push(format!("appId={appid}&timeStamp={time}&nonceStr={nonce}&package={package}&signType=RSA"));
        } else {
            texts.push(format!("appid={appid}&noncestr={nonce}&package={APP_PACKAGE}&partnerid={partner}&prepayid={package}&timestamp={time}"));
            texts.push(format!("appId={appid}&nonceStr={nonce}&package={APP_PACKAGE}&partnerId={partner}&prepayId={package}&timeStamp={time}"));
            for package in [APP_PACKAGE, package] {
                texts.push(format!("appId={appid}&nonceStr={nonce}&package={package}&signType=RSA&timeStamp={time}"));
            }
            texts.push(format!("appId={appid}&nonceStr={nonce}&packageValue={APP_PACKAGE}&partnerId={partner}&prepayId={package}&timeStamp={time}"));
        }
        texts.extend(texts.clone().into_iter().map(|text| text + "\n"));
        let lines = format!("{appid}\n{time}\n{nonce}\n{package}\nRSA");
        texts.extend([format!("{lines}\n"), lines]);
        texts.into_iter().map(|text| Lines::text(Cause::V2StyleString, text.into_bytes())).collect()
    }
}

/// A name without its quotes, case, `_` and `-`.
fn bare(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '_' | '-' | '"')).collect::<String>().to_ascii_lowercase()
}

/// The fourth line: the `package` of `jsapi`, the prepay id of `app`.
struct Package {
    right: String,
    readings: Vec<String>,
    variants: Vec<Variant>,
    faults: Vec<Cause>,
    is_hopeless: bool,
}

impl Package {
    fn of(params: &Params, kind: PayParamsKind) -> Package {
        let variant = |text: &str| vec![Variant::new(Cause::PrepayPrefixWrong, text.as_bytes().to_vec())];
        if kind == PayParamsKind::App {
            let given = params.prepay_id.text.clone().unwrap_or_default();
            let wrong_package = params.package.present && params.package.text.as_deref() != Some(APP_PACKAGE);
            let mut faults: Vec<Cause> = wrong_package.then_some(Cause::PackageWrong).into_iter().collect();
            return match given.strip_prefix(PREFIX) {
                Some(id) => {
                    faults.push(Cause::PrepayPrefixWrong);
                    let readings = vec![id.to_owned(), given.clone()];
                    Package { right: id.to_owned(), readings, variants: vec![], faults, is_hopeless: false }
                }
                None => {
                    let variants = variant(&format!("{PREFIX}{given}"));
                    Package { variants, right: given.clone(), readings: vec![given], faults, is_hopeless: false }
                }
            };
        }
        let given = params.package.text.clone().unwrap_or_default();
        match given.strip_prefix(PREFIX) {
            Some(id) if !id.is_empty() && id.trim() == id && !id.contains('=') => Package {
                variants: variant(id),
                right: given.clone(),
                readings: vec![given.clone()],
                faults: vec![],
                is_hopeless: false,
            },
            _ => {
                let id =
                    given.rsplit(['=', ':']).next().unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned();
                let right = format!("{PREFIX}{id}");
                let is_hopeless = id.is_empty() && params.package.present;
                let faults = if params.package.present { vec![Cause::PackageWrong] } else { vec![] };
                Package { readings: vec![right.clone(), given, id], right, variants: vec![], faults, is_hopeless }
            }
        }
    }
}

fn appids(right: &str) -> Vec<Variant> {
    let swapped: String = right
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    let capital: String = right.chars().take(1).flat_map(char::to_uppercase).chain(right.chars().skip(1)).collect();
    let mut all = vec![right.to_ascii_lowercase(), right.to_ascii_uppercase(), swapped, capital];
    all.extend(["", "undefined", "null", "None", "nil", "NULL"].map(str::to_owned));
    all.retain(|text| text != right);
    all.into_iter().map(|text| Variant::new(Cause::AppidDiffers, text.into_bytes())).collect()
}
