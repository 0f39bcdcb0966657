//! `/sns/jscode2session` of another WeChat host: a login code for an openid and a session key (reference 12.1). Errors are
//! 200 with `errcode`.

use std::collections::{HashSet, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use guitai_door::Request;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Books, Granted, Refused, query_value};
use crate::clock;
use crate::keyring::Merchant;

/// Said of a user who logs in too often.
const QUOTA: &str = "api minute-quota reach limit mustslower retry next minute";
/// Codes remembered as used.
const MOST_USED: usize = 10_000;

/// Codes that the sandbox hands out look like real ones: `0` and 31 letters or digits. Each is good once.
#[derive(Debug, Default)]
pub(crate) struct LoginCodes {
    used: HashSet<String>,
    by_age: VecDeque<String>,
}

impl LoginCodes {
    /// A fresh code, for a payer by chance.
    pub(crate) fn hand_out() -> String {
        format!("0{}", clock::alphanumeric(31))
    }

    fn use_up(&mut self, code: &str) -> bool {
        if !self.used.insert(code.to_owned()) {
            return false;
        }
        self.by_age.push_back(code.to_owned());
        if self.by_age.len() > MOST_USED
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.used.remove(&oldest);
        }
        true
    }
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

fn text(bytes: &[u8], length: usize) -> String {
    URL_SAFE_NO_PAD.encode(bytes).chars().take(length).collect()
}

/// The openid of a name under a merchant's appid: always the same, and provably one of ours, so nothing has to be kept.
pub(crate) fn openid_for(merchant: &Merchant, name: &str) -> String {
    let who = text(&digest(&["openid", &merchant.appid, name]), 16);
    let proof = text(&digest(&["proof", &merchant.appid, &merchant.appsecret, &who]), 11);
    format!("o{who}{proof}")
}

/// Was this openid given out under this merchant's appid?
pub(super) fn gave_out(merchant: &Merchant, openid: &str) -> bool {
    let Some((who, proof)) = openid.strip_prefix('o').and_then(|rest| rest.split_at_checked(16)) else { return false };
    text(&digest(&["proof", &merchant.appid, &merchant.appsecret, who]), 11) == proof
}

/// Trades a code.
pub(super) fn jscode2session(request: &Request, books: &mut Books<'_>) -> Granted {
    Granted::Plain(answer(request, books).unwrap_or_else(|error| error).to_string().into_bytes())
}

/// The same, struck by a fault: 200 with the number of that mishap.
pub(super) fn struck(refused: Refused) -> Result<Vec<u8>, Refused> {
    let (code, text) = match refused.code {
        "SYSTEM_ERROR" => (-1, "system error"),
        "FREQUENCY_LIMITED" => (45_011, QUOTA),
        "RULE_LIMIT" => (40_226, "code blocked"),
        _ => return Err(refused),
    };
    Ok(json!({ "errcode": code, "errmsg": text }).to_string().into_bytes())
}

fn answer(request: &Request, books: &mut Books<'_>) -> Result<Value, Value> {
    let no = |code: i64, text: &str| json!({ "errcode": code, "errmsg": text });
    let rid = || format!("{}-{}-{}", clock::hex(8), clock::hex(8), clock::hex(8));
    let value = |name: &str| query_value(request, name).filter(|v| !v.is_empty());
    let appid = value("appid").ok_or_else(|| no(41_002, "appid missing"))?;
    let secret = value("secret").ok_or_else(|| no(41_004, "appsecret missing"))?;
    let code = value("js_code").ok_or_else(|| no(41_008, "missing code"))?;
    if value("grant_type").is_some_and(|kind| kind != "authorization_code") {
        return Err(no(40_002, &format!("invalid grant_type, rid: {}", rid())));
    }
    let merchant = books
        .keyring
        .all()
        .iter()
        .find(|m| m.appid == appid)
        .ok_or_else(|| no(40_013, &format!("invalid appid, rid: {}", rid())))?;
    if !bool::from(subtle::ConstantTimeEq::ct_eq(merchant.appsecret.as_bytes(), secret.as_bytes())) {
        return Err(no(40_125, "invalid appsecret"));
    }
    let invalid = || no(40_029, &format!("invalid code, hints: [ req_id: {} ]", clock::alphanumeric(12)));
    let name = match code.strip_prefix("sandbox-") {
        Some(name) if !name.is_empty() && name.chars().count() <= 64 => name.to_owned(),
        Some(_) => return Err(invalid()),
        None if code.len() == 32 && code.starts_with('0') && code.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            if !books.logins.use_up(&code) {
                return Err(no(40_163, &format!("code been used, rid: {}", rid())));
            }
            format!("code {code}")
        }
        None => return Err(invalid()),
    };
    let openid = openid_for(merchant, &name);
    if books.switches.rate_limits && !books.traffic.may_log_in(&openid, books.now.div_euclid(60_000)) {
        return Err(no(45_011, QUOTA));
    }
    let mut session = digest(&["session", &merchant.appsecret, &code, &clock::hex(16)]).to_vec();
    session.truncate(16);
    Ok(json!({ "session_key": STANDARD.encode(session), "openid": openid }))
}
