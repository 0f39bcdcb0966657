//! Calls to WeChat Pay: sent, verified, tried again where that is right, and kept byte for byte. reqwest is named in
//! this folder only.
//!
//! Nothing is stored here, and no order's state is known here. Which keys are trusted is `trust`'s matter.

mod outcome;
mod record;
mod transport;

pub(crate) use outcome::{GatewayError, Unknown};
pub(crate) use record::{ExchangeRecord, text as signed_text};
pub(crate) use transport::{Lost, Patience, Sending, Transport, is_loopback, words};

use crate::merchants::Profile;
use crate::problem;
use crate::trust::Trust;
use crate::wire::Problem;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wechatpay::api::login::{Jscode2Session, LOGIN_HOST, Session};
use wechatpay::api::{Answer, AnswerError, BACKUP_GATEWAY, GATEWAY, Request, VerifiedAnswer};
use wechatpay::error::Advice;
use wechatpay::verify::Rejection;
use zeroize::Zeroizing;

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The last attempt.
    pub(crate) record: ExchangeRecord,
    /// The attempts before it and downloads of certificates in between, oldest first.
    pub(crate) earlier: Vec<ExchangeRecord>,
    /// What may be believed.
    pub(crate) outcome: Result<VerifiedAnswer, GatewayError>,
}

/// A login: what is kept of it, and who it is.
#[derive(Debug)]
pub(crate) struct Login {
    /// Without app secret and session key.
    pub(crate) record: ExchangeRecord,
    /// The session; its key must not leave the server.
    pub(crate) outcome: Result<Session, GatewayError>,
}

/// The way to WeChat Pay. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gateway {
    transport: Transport,
    trust: Trust,
}

impl Gateway {
    /// Sends over the same wire as `trust`, which gives the keys that answers are judged by.
    pub(crate) fn new(trust: Trust) -> Self {
        Gateway { transport: trust.transport().clone(), trust }
    }

    /// How far this machine's clock is ahead of the gateway's; `None` before the first answer.
    pub(crate) fn clock_skew_ms(&self) -> Option<i64> {
        self.transport.clock_skew_ms()
    }

    /// Makes a call. The same bytes are sent again, freshly signed, after 429 and 5xx and when the answer got lost,
    /// with growing pauses and within a budget; after a signature probe once; at the backup host when the real one
    /// can't be connected to. An unknown serial has the certificates downloaded once.
    pub(crate) async fn send(&self, profile: &Arc<Profile>, request: &Request) -> Sent {
        let mut call = Call { profile: profile.clone(), earlier: Vec::new(), refreshed: false, probed: false };
        let patience = self.transport.patience();
        let began = Instant::now();
        let mut base_url = profile.base_url.clone();
        let mut attempt = 1;
        loop {
            let (record, outcome) = self.attempt(&mut call, request, &base_url).await;
            let again = match &outcome {
                Ok(_) => None,
                Err(error) => call.again(error, attempt, patience, &mut base_url),
            };
            match again {
                Some(pause)
                    if attempt < patience.attempts && began.elapsed().saturating_add(pause) < patience.budget =>
                {
                    call.earlier.push(record);
                    tokio::time::sleep(self.jittered(pause)).await;
                    attempt += 1;
                }
                _ => return Sent { record, earlier: call.earlier, outcome },
            }
        }
    }

    /// Asks WeChat who a mini-program's login code belongs to.
    ///
    /// # Errors
    /// `NO_APP_SECRET`: the merchant has none. What WeChat says is in the outcome.
    pub(crate) async fn login(&self, profile: &Arc<Profile>, js_code: &str) -> Result<Login, Problem> {
        let secret = profile.app_secret.as_ref().and_then(|secret| secret.trimmed());
        let secret = secret.map(|text| Zeroizing::new(text.to_owned())).ok_or_else(|| {
            problem::new(
                "NO_APP_SECRET",
                format!("商户 {} 没有 AppSecret，不能用 js_code 换取 openid。", profile.name),
                format!(
                    "The merchant {} has no app secret, so a js_code can't be exchanged for an openid.",
                    profile.name
                ),
                "用 guitai merchant update 加上 --app-secret-file。",
                "Add it with guitai merchant update … --app-secret-file.",
            )
            .at_field("app_secret")
        })?;
        let call = Jscode2Session { appid: profile.appid.clone(), secret, js_code: js_code.to_owned() };
        let request = call.request();
        let base_url = if profile.sandbox { &profile.base_url } else { LOGIN_HOST };
        // a code is good once: an attempt whose answer got lost is not repeated
        let (mut record, result) =
            self.transport.exchange(&Sending { profile, request: &request, base_url, sign: false }).await;
        let outcome = match result {
            Err(lost) => Err(GatewayError::lost(lost, base_url)),
            Ok(answer) => {
                let body = answer.body.clone();
                VerifiedAnswer::unsigned(answer, &request)
                    .and_then(|answer| call.answer(&answer))
                    .map_err(|error| GatewayError::of(error, body))
            }
        };
        record.outcome = GatewayError::word(&outcome);
        if let Err(GatewayError::Refused { error, .. }) = &outcome {
            record.code = Some(error.code.clone());
        }
        Ok(Login { record, outcome })
    }

    async fn attempt(
        &self,
        call: &mut Call,
        request: &Request,
        base_url: &str,
    ) -> (ExchangeRecord, Result<VerifiedAnswer, GatewayError>) {
        let profile = call.profile.clone();
        let (mut record, result) =
            self.transport.exchange(&Sending { profile: &profile, request, base_url, sign: true }).await;
        let outcome = match result {
            Err(lost) => Err(GatewayError::lost(lost, base_url)),
            Ok(answer) => {
                let judged = self.judge(call, request, &answer).await;
                if request.wants_signature {
                    record.verified(&answer, &call.profile.trusted);
                }
                judged
            }
        };
        record.outcome = GatewayError::word(&outcome);
        (record, outcome)
    }

    async fn judge(&self, call: &mut Call, request: &Request, answer: &Answer) -> Result<VerifiedAnswer, GatewayError> {
        let refuse = |error: AnswerError| GatewayError::of_answer(error, answer);
        if !request.wants_signature {
            return VerifiedAnswer::unsigned(answer.clone(), request).map_err(refuse);
        }
        let now = self.transport.outside().now();
        let first = VerifiedAnswer::check(answer.clone(), &call.profile.trusted, now);
        match first {
            Err(AnswerError::NotGenuine { why: Rejection::SerialUnknown(_), .. }) if !call.refreshed => {
                call.refreshed = true;
                let (records, refreshed) = self.trust.refresh(&call.profile).await;
                call.earlier.extend(records);
                if let Ok(profile) = &refreshed {
                    call.profile = profile.clone();
                }
                let again = VerifiedAnswer::check(answer.clone(), &call.profile.trusted, now);
                match (again, refreshed) {
                    // the keys could not be had: that is the reason, not the unknown serial
                    (Err(AnswerError::NotGenuine { .. }), Err(error @ GatewayError::KeyDoesNotOpen { .. })) => {
                        Err(error)
                    }
                    (again, _) => again.map_err(refuse),
                }
            }
            other => other.map_err(refuse),
        }
    }

    /// Half of the pause, and up to as much again by chance: many desks must not come back in step.
    fn jittered(&self, pause: Duration) -> Duration {
        let mut chance = [0_u8; 2];
        self.transport.outside().fill(&mut chance);
        let share = f64::from(u16::from_be_bytes(chance)) / f64::from(u16::MAX);
        pause.mul_f64(0.5 + share)
    }
}

/// What a call has done so far.
struct Call {
    profile: Arc<Profile>,
    earlier: Vec<ExchangeRecord>,
    refreshed: bool,
    probed: bool,
}

impl Call {
    /// After which pause to try again, if at all; turns to the backup host where that is the way.
    fn again(
        &mut self,
        error: &GatewayError,
        attempt: u32,
        patience: Patience,
        base_url: &mut String,
    ) -> Option<Duration> {
        let pause = patience.pause.saturating_mul(1 << attempt.saturating_sub(1).min(8));
        match error {
            GatewayError::Unreachable { .. } if self.profile.sandbox => None,
            GatewayError::Unreachable { .. } if base_url.as_str() == GATEWAY => {
                BACKUP_GATEWAY.clone_into(base_url);
                Some(Duration::ZERO)
            }
            GatewayError::Unreachable { .. } => {
                if base_url.as_str() == BACKUP_GATEWAY {
                    GATEWAY.clone_into(base_url);
                }
                Some(pause)
            }
            GatewayError::UnknownOutcome { reason: Unknown::Timeout(_) | Unknown::Cut(_) } => Some(pause),
            GatewayError::Refused { error, .. } => {
                let passes = error.status == 429 || error.status >= 500;
                (passes && error.advice() == Advice::RetryAsIs).then_some(pause)
            }
            // probes are never repeated by WeChat Pay for the repeated call (reference 3.5)
            GatewayError::Unverified { rejection: Rejection::Probe, .. } if !self.probed => {
                self.probed = true;
                Some(Duration::ZERO)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod stand;
#[cfg(test)]
mod tests;
