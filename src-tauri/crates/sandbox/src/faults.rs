//! Misbehaviour on demand: of the gateway towards API calls, and of notifications on their way.

use serde::{Deserialize, Serialize};
use specta::Type;

/// Rules at once, of each kind; more are refused.
pub(crate) const MOST_RULES: usize = 100;

/// Which requests a fault is for; what is absent matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(deny_unknown_fields)]
pub struct FaultMatch {
    /// The HTTP method, in any letter case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path, without the query; a `*` at its end matches any rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl FaultMatch {
    fn fits(&self, method: &str, path: &str) -> bool {
        let method_fits = self.method.as_ref().is_none_or(|m| m.eq_ignore_ascii_case(method));
        let path_fits = self.path.as_ref().is_none_or(|wanted| match wanted.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => wanted == path,
        });
        method_fits && path_fits
    }
}

/// What the gateway does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
pub enum ApiFaultKind {
    /// 500 without a body; the request has no effect.
    #[serde(rename = "http_500")]
    Http500,
    /// The request takes effect, the answer never comes.
    #[serde(rename = "timeout")]
    Timeout,
    /// The request takes effect, the connection is reset.
    #[serde(rename = "connection_reset")]
    ConnectionReset,
    /// 429; the request has no effect.
    #[serde(rename = "FREQUENCY_LIMITED")]
    FrequencyLimited,
    /// 500 with the code; the request has no effect.
    #[serde(rename = "SYSTEM_ERROR")]
    SystemError,
    /// The right answer without `Wechatpay-*` headers.
    #[serde(rename = "unsigned_response")]
    UnsignedResponse,
    /// The right answer under a signature that does not fit.
    #[serde(rename = "wrong_signature")]
    WrongSignature,
}

/// A fault for API calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(deny_unknown_fields)]
pub struct ApiFault {
    /// For which requests.
    #[serde(default, rename = "match")]
    pub matches: FaultMatch,
    /// How many times it still strikes.
    pub times: u32,
    /// What happens; absent: only the latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<ApiFaultKind>,
    /// The answer is held back this long, 30,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u32>,
}

/// What is wrong with a notification that is sent on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum RedeliverFault {
    /// A valid-looking signature by another key.
    BadSignature,
    /// Validly signed, ten minutes old.
    StaleTimestamp,
    /// One byte of the ciphertext flipped, then validly signed.
    TamperedCiphertext,
    /// Validly signed, under a serial that nobody knows.
    WrongSerial,
    /// `WECHATPAY/SIGNTEST/…`
    SignatureProbe,
    /// Delivered twice at once.
    Duplicate,
}

/// A fault for notifications that the ladder sends: the next so many, a share of all, or those of one order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(deny_unknown_fields)]
pub struct CallbackFault {
    /// What is wrong with them.
    pub fault: RedeliverFault,
    /// Only the next so many attempts; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// A share (0 to 1) of the attempts, chosen by `seed`; absent: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// The same seed chooses the same attempts in the same order.
    #[serde(default)]
    #[specta(type = u32)]
    pub seed: u64,
    /// Only notifications of this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_trade_no: Option<String>,
    /// How many attempts the rule has looked at; counts up by itself.
    #[serde(default)]
    #[specta(type = u32)]
    pub seen: u64,
}

/// The faults that are switched on.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    api: Vec<ApiFault>,
    callbacks: Vec<CallbackFault>,
}

/// A fault that strikes an API call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) fault: Option<ApiFaultKind>,
    pub(crate) latency_ms: u32,
}

impl Faults {
    pub(crate) fn api(&self) -> &[ApiFault] {
        &self.api
    }

    pub(crate) fn callbacks(&self) -> &[CallbackFault] {
        &self.callbacks
    }

    pub(crate) fn set_api(&mut self, faults: Vec<ApiFault>) -> Result<(), String> {
        if faults.len() > MOST_RULES {
            return Err(format!("{} faults at most", MOST_RULES));
        }
        if faults.iter().any(|f| f.latency_ms.is_some_and(|ms| ms > 30_000)) {
            return Err("latency_ms is at most 30000".to_owned());
        }
        self.api = faults;
        Ok(())
    }

    pub(crate) fn set_callbacks(&mut self, faults: Vec<CallbackFault>) -> Result<(), String> {
        if faults.len() > MOST_RULES {
            return Err(format!("{} faults at most", MOST_RULES));
        }
        if faults.iter().any(|f| f.share.is_some_and(|s| !(0.0..=1.0).contains(&s))) {
            return Err("share is a number from 0 to 1".to_owned());
        }
        self.callbacks = faults;
        Ok(())
    }

    /// The first rule that fits strikes and is used up by one.
    pub(crate) fn strike_api(&mut self, method: &str, path: &str) -> Strike {
        let Some(rule) = self.api.iter_mut().find(|f| f.times > 0 && f.matches.fits(method, path)) else {
            return Strike::default();
        };
        rule.times -= 1;
        let strike = Strike { fault: rule.fault, latency_ms: rule.latency_ms.unwrap_or(0) };
        self.api.retain(|f| f.times > 0);
        strike
    }

    /// What is wrong with this attempt, if anything.
    pub(crate) fn strike_callback(&mut self, out_trade_no: &str) -> Option<RedeliverFault> {
        let mut struck = None;
        for rule in &mut self.callbacks {
            if rule.times == Some(0) || rule.out_trade_no.as_deref().is_some_and(|no| no != out_trade_no) {
                continue;
            }
            let chosen = rule.share.is_none_or(|share| chance(rule.seed, rule.seen) < share);
            rule.seen = rule.seen.wrapping_add(1);
            if chosen {
                rule.times = rule.times.map(|n| n.saturating_sub(1));
                struck = Some(rule.fault);
                break;
            }
        }
        self.callbacks.retain(|rule| rule.times != Some(0));
        struck
    }
}

/// A number in [0, 1) that depends on nothing but the seed and the count (splitmix64).
pub(crate) fn chance(seed: u64, count: u64) -> f64 {
    let mut z = seed.wrapping_add(count.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_it_was_told() {
        let mut faults = Faults::default();
        let rule = r#"[{"match":{"method":"post","path":"/v3/pay/*"},"times":2,"fault":"http_500","latency_ms":5}]"#;
        faults.set_api(serde_json::from_str(rule).unwrap()).unwrap();
        assert_eq!(faults.strike_api("GET", "/v3/pay/x"), Strike::default());
        assert_eq!(faults.strike_api("POST", "/v3/certificates"), Strike::default());
        for _ in 0..2 {
            assert_eq!(faults.strike_api("POST", "/v3/pay/x").fault, Some(ApiFaultKind::Http500));
        }
        assert_eq!(faults.strike_api("POST", "/v3/pay/x"), Strike::default());
        assert!(faults.api().is_empty());
    }

    #[test]
    fn a_share_is_chosen_by_the_seed_alone() {
        let run = |seed| {
            let mut faults = Faults::default();
            let rule = CallbackFault {
                fault: RedeliverFault::BadSignature,
                times: None,
                share: Some(0.3),
                seed,
                out_trade_no: None,
                seen: 0,
            };
            faults.set_callbacks(vec![rule]).unwrap();
            (0..1_000).map(|_| faults.strike_callback("A").is_some()).collect::<Vec<_>>()
        };
        let struck = run(7).iter().filter(|s| **s).count();
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        assert!((230..370).contains(&struck), "{struck}");
    }

    #[test]
    fn a_rule_for_one_order_spares_the_others() {
        let mut faults = Faults::default();
        let rule = CallbackFault {
            fault: RedeliverFault::WrongSerial,
            times: Some(1),
            share: None,
            seed: 0,
            out_trade_no: Some("A".into()),
            seen: 0,
        };
        faults.set_callbacks(vec![rule]).unwrap();
        assert_eq!(faults.strike_callback("B"), None);
        assert_eq!(faults.strike_callback("A"), Some(RedeliverFault::WrongSerial));
        assert_eq!(faults.strike_callback("A"), None);
    }
}
