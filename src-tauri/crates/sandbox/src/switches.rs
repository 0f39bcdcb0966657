//! What a user may choose where the real gateway has two forms, or where it is stricter than a developer's machine allows.
//! The first value of each is the default.

use serde::{Deserialize, Serialize};
use specta::Type;

/// Which of WeChat Pay's keys signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum KeyMode {
    /// Migration: the public key where the request's `Wechatpay-Serial` names it, else the certificate.
    #[default]
    Mixed,
    /// The certificate always, whatever the request names.
    Certificate,
    /// The public key always; `/v3/certificates` has nothing to give.
    PublicKey,
}

/// What the same `out_trade_no` with other parameters gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Type)]
pub enum ChangedParameters {
    /// 400, as seen live in 2026.
    #[default]
    #[serde(rename = "INVALID_REQUEST")]
    InvalidRequest,
    /// 403, as documented.
    #[serde(rename = "OUT_TRADE_NO_USED")]
    OutTradeNoUsed,
}

/// How refunds end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundOutcome {
    /// The money is back.
    #[default]
    Success,
    /// Not refunded after all.
    Closed,
    /// The payer's account can't take it.
    Abnormal,
}

/// What `/v3/certificates` says when there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum NoCertificates {
    /// 404 `RESOURCE_NOT_EXISTS`.
    #[default]
    NotFound,
    /// 200 with an empty list, as some merchants reported.
    EmptyList,
}

/// What the gateway makes of the certificate whose key signs the merchant's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum MerchantCertificate {
    /// It is good.
    #[default]
    Valid,
    /// The merchant never applied for one.
    None,
    /// It has expired.
    Expired,
    /// It was revoked.
    Revoked,
    /// Another one took its place.
    Replaced,
}

/// Every switch of the sandbox: `GET|POST /_sandbox/switches`. A POST names only what changes; unknown names are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Which key signs answers and notifications.
    pub mode: KeyMode,
    /// In `mixed` mode: the share (0 to 1) of the notifications that the certificate would sign which the public key
    /// signs, as in the days of the real migration. Which ones is decided by their id, so all attempts agree.
    pub public_key_share: f64,
    /// The same number with other parameters.
    pub changed_parameters: ChangedParameters,
    /// How refunds end.
    pub refund_outcome: RefundOutcome,
    /// What a list without certificates looks like.
    pub no_certificates: NoCertificates,
    /// `notify_url` must be https and public.
    pub strict_notify_url: bool,
    /// Take any well-formed openid, not only those that `jscode2session` gave out.
    pub any_openid: bool,
    /// Take a `Wechatpay-Serial` that names no key of WeChat Pay for none, instead of refusing it: SDKs (gopay's first download
    /// of certificates) and programs name the merchant's own certificate there. Sealed fields have to open all the same.
    pub any_platform_serial: bool,
    /// Refuse unknown fields and JSON null in requests.
    pub strict_fields: bool,
    /// Refuse a nonce used twice within five minutes.
    pub strict_nonce: bool,
    /// Refuse more requests a second than the real gateway takes (prepay 500, refunds 150 and 6 that fail, refund queries
    /// 300, certificates 1,000, fund-flow bills 3, a merchant each), and more than 100 logins a minute of one user.
    pub rate_limits: bool,
    /// Two partial refunds of an order need a minute between them.
    pub refund_interval: bool,
    /// The merchant's balance is too small for refunds: 403 `NOT_ENOUGH`.
    pub not_enough: bool,
    /// Codes as they were spelt before 2024 (`ORDERNOTEXIST`, `SYSTEMERROR`, …).
    pub old_codes: bool,
    /// The merchant's API certificate as the gateway sees it.
    pub merchant_certificate: MerchantCertificate,
    /// Identifiers (prepay_id, transaction_id, refund_id, notification ids, Request-IDs) and the shares of faults come from
    /// this number instead of chance: the same orders get the same ones again.
    #[specta(type = Option<u32>)]
    pub seed: Option<u64>,
    /// The merchant never set an APIv3 key: every request is refused, and no notification is sent.
    pub api_v3_key_unset: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Switches {
            mode: KeyMode::default(),
            public_key_share: 0.0,
            changed_parameters: ChangedParameters::default(),
            refund_outcome: RefundOutcome::default(),
            no_certificates: NoCertificates::default(),
            strict_notify_url: false,
            any_openid: false,
            any_platform_serial: false,
            strict_fields: false,
            strict_nonce: false,
            rate_limits: false,
            refund_interval: false,
            not_enough: false,
            old_codes: false,
            merchant_certificate: MerchantCertificate::default(),
            seed: None,
            api_v3_key_unset: false,
        }
    }
}

impl Switches {
    /// These switches with the named ones changed.
    ///
    /// # Errors
    /// An unknown name, a value of another kind, or a share outside 0 to 1.
    pub(crate) fn changed_by(&self, patch: &serde_json::Value) -> Result<Switches, String> {
        let patch = patch.as_object().ok_or("the switches are a JSON object")?;
        let mut all = serde_json::to_value(self).map_err(|e| e.to_string())?;
        if let Some(map) = all.as_object_mut() {
            map.extend(patch.clone());
        }
        let changed: Switches = serde_json::from_value(all).map_err(|e| e.to_string())?;
        if (0.0..=1.0).contains(&changed.public_key_share) {
            Ok(changed)
        } else {
            Err("public_key_share is a number from 0 to 1".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let changed = Switches::default().changed_by(&json!({"mode":"public_key","public_key_share":0.5})).unwrap();
        assert_eq!(changed.mode, KeyMode::PublicKey);
        assert_eq!(Switches { mode: KeyMode::Mixed, public_key_share: 0.0, ..changed }, Switches::default());
        for wrong in [json!({"mod":"mixed"}), json!({"mode":"x"}), json!({"public_key_share":2}), json!([])] {
            assert!(Switches::default().changed_by(&wrong).is_err(), "{wrong}");
        }
    }
}
