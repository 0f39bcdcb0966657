//! Login tokens: JWTs of one form only (HS256, a key of the desk's own), made and read here. A token says who logged in,
//! under which merchant and app, until when. Nothing else is in it, least of all the session_key.

use crate::outside::Outside;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// How long a token holds, in seconds.
pub(super) const LIFETIME: i64 = 7_200;
/// Bytes of a token that are looked at; ours have some 300.
const LONGEST: usize = 1_024;
/// `{"alg":"HS256","typ":"JWT"}`. A token with any other header is not ours, so `alg` is never chosen by its sender.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Who logged in where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// openid.
    pub(super) sub: String,
    pub(super) mchid: String,
    pub(super) appid: String,
    /// Unix seconds.
    pub(super) iat: i64,
    /// Unix seconds; from then on it no longer holds.
    pub(super) exp: i64,
}

/// The key of the tokens: 32 bytes, used for nothing else.
#[derive(Clone)]
pub(super) struct TokenKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(***)")
    }
}

impl TokenKey {
    pub(super) fn fresh(outside: &Outside) -> Self {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        outside.fill(bytes.as_mut_slice());
        TokenKey(bytes)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(TokenKey(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// For sealing it.
    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The token that says so; `None` only if claims could not be written, which plain text and numbers always can.
    pub(super) fn write(&self, claims: &Claims) -> Option<String> {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).ok()?);
        let signed = format!("{HEADER}.{payload}");
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&signed)?.finalize().into_bytes());
        Some(format!("{signed}.{signature}"))
    }

    /// What a token says, if it is ours and still holds at `now` (Unix seconds). The comparison takes the same time
    /// wherever it differs.
    pub(super) fn read(&self, token: &str, now: i64) -> Option<Claims> {
        if token.len() > LONGEST {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let payload = signed.strip_prefix(HEADER)?.strip_prefix('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(signed)?.verify_slice(&signature).ok()?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        (now < claims.exp).then_some(claims)
    }

    fn mac(&self, text: &str) -> Option<Hmac<Sha256>> {
        // any length is a key for HMAC, so this never is none
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).ok()?;
        mac.update(text.as_bytes());
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wechatpay::time::Timestamp;

    fn key(seed: u64) -> TokenKey {
        TokenKey::fresh(&Outside::fixed(Timestamp::UNIX_EPOCH, seed))
    }

    fn claims() -> Claims {
        Claims {
            sub: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned(),
            mchid: "1900000001".to_owned(),
            appid: "wxd678efh567hg6787".to_owned(),
            iat: 1_000,
            exp: 1_000 + LIFETIME,
        }
    }

    #[test]
    fn a_token_is_read_until_its_last_second_and_only_with_its_key() {
        let token = key(1).write(&claims()).expect("a token");
        assert_eq!(key(1).read(&token, 1_000 + LIFETIME - 1), Some(claims()));
        assert_eq!(key(1).read(&token, 1_000 + LIFETIME), None, "expired");
        assert_eq!(key(2).read(&token, 1_000), None, "another key");
        assert_eq!(format!("{:?}", key(1)), "TokenKey(***)");
    }

    #[test]
    fn nothing_but_our_own_form_is_read() {
        let key = key(1);
        let token = key.write(&claims()).expect("a token");
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts.as_slice() else { panic!("{token}") };
        let none = URL_SAFE_NO_PAD.encode(br#"{"alg":"none","typ":"JWT"}"#);
        let other =
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&Claims { sub: "oOther".to_owned(), ..claims() }).expect("json"));
        // signed rightly, but under a header of somebody else's choice
        let odd_header = URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"HS256"}"#);
        let odd = format!("{odd_header}.{payload}");
        let odd_signature = URL_SAFE_NO_PAD.encode(key.mac(&odd).expect("a mac").finalize().into_bytes());
        for bad in [
            String::new(),
            "..".to_owned(),
            format!("{header}.{payload}"),
            format!("{header}.{payload}."),
            format!("{none}.{payload}."),
            format!("{none}.{payload}.{signature}"),
            format!("{header}.{other}.{signature}"),
            format!("{header}.{payload}.{}A", &signature[1..]),
            format!("{token}="),
            format!("{token}.{signature}"),
            format!(" {token}"),
            format!("{odd}.{odd_signature}"),
            format!("{token}{}", "A".repeat(LONGEST)),
        ] {
            assert_eq!(key.read(&bad, 1_000), None, "{bad}");
        }
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'E' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ascii");
            assert_eq!(key.read(&changed, 1_000), None, "byte {at} changed");
        }
    }
}
