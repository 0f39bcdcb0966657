//! Which keys of WeChat Pay a merchant trusts, and how they are kept fresh: platform certificates are downloaded,
//! opened with the APIv3 key (which proves their origin), the answer is verified with what was just opened, and the
//! set in the store is replaced. Several askers share one download. Judging signatures is not done here.

use crate::gateway::{ExchangeRecord, GatewayError, Patience, Sending, Transport};
use crate::merchants::{Merchants, Profile};
use crate::outside::Outside;
use crate::store::{PlatformRow, Store, StoreError};
use crate::wire::Problem;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wechatpay::api::AnswerError;
use wechatpay::api::certificates::{Certificates, CertificatesError};
use wechatpay::keys::{ApiV3Key, Certificate};
use wechatpay::time::Timestamp;

/// A stranger's unknown serial causes a download at most once in so many seconds per merchant.
const STRANGERS: i64 = 5 * 60;
/// Platform certificates are looked at again after so many seconds …
const ROTATION: i64 = 12 * 3_600;
/// … and after so many when the newest ends within the day.
const ROTATION_LATE: i64 = 3_600;
const DAY: i64 = 24 * 3_600;

/// The trust of one store's merchants. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Trust {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    merchants: Merchants,
    transport: Transport,
    outside: Outside,
    flights: Mutex<HashMap<i64, Arc<Flight>>>,
    refreshed: tokio::sync::watch::Sender<u64>,
}

/// Downloads of one merchant: one at a time, its outcome shared by all who waited.
#[derive(Default)]
struct Flight {
    gate: tokio::sync::Mutex<Option<Result<(), GatewayError>>>,
    landed: AtomicU64,
    stranger_at: Mutex<Option<Timestamp>>,
    /// The last try of the patrol, so that a gateway without certificates isn't asked at each round.
    tried_at: Mutex<Option<Timestamp>>,
}

impl Trust {
    /// Trust for the merchants of `store`; connects to nothing yet.
    pub(crate) fn new(store: Store, merchants: Merchants, outside: Outside) -> Self {
        Self::with_patience(store, merchants, outside, Patience::default())
    }

    pub(crate) fn with_patience(store: Store, merchants: Merchants, outside: Outside, patience: Patience) -> Self {
        let transport = Transport::new(outside.clone(), patience);
        let (refreshed, _) = tokio::sync::watch::channel(0);
        let flights = Mutex::new(HashMap::new());
        Trust { inner: Arc::new(Inner { store, merchants, transport, outside, flights, refreshed }) }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.inner.transport
    }

    /// Changes each time that a merchant's set of certificates was brought up to date. The listener needs no word of
    /// it: the next profile that anybody asks for has the new set.
    #[cfg(test)]
    pub(crate) fn refreshed(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.refreshed.subscribe()
    }

    /// Downloads the certificates of a merchant now; whoever asks while a download is on its way gets its outcome.
    /// Returns what was exchanged (empty for those who only waited) and the profile with the fresh keys.
    pub(crate) async fn refresh(
        &self,
        profile: &Arc<Profile>,
    ) -> (Vec<ExchangeRecord>, Result<Arc<Profile>, GatewayError>) {
        let flight = self.flight(profile.id);
        let seen = flight.landed.load(Ordering::SeqCst);
        let mut last = flight.gate.lock().await;
        let (records, outcome) = match &*last {
            Some(outcome) if flight.landed.load(Ordering::SeqCst) != seen => (Vec::new(), outcome.clone()),
            _ => {
                let (record, outcome) = self.download(profile).await;
                *last = Some(outcome.clone());
                flight.landed.fetch_add(1, Ordering::SeqCst);
                (vec![record], outcome)
            }
        };
        drop(last);
        let fresh = match outcome {
            Err(error) => Err(error),
            Ok(()) => {
                let found = self.inner.merchants.get(Some(&profile.name)).await;
                found.map_err(|problem| GatewayError::BadRequest { reason: problem.message.en })
            }
        };
        (records, fresh)
    }

    /// A callback named a serial that nobody knows: downloads on its own, away from the callback's path, unless one
    /// was caused so in the last 5 minutes. Returns whether a download was begun.
    pub(crate) fn strangers_serial(&self, profile: &Arc<Profile>) -> bool {
        let flight = self.flight(profile.id);
        let now = self.inner.outside.now();
        {
            let mut last = flight.stranger_at.lock().unwrap_or_else(PoisonError::into_inner);
            let recent =
                last.is_some_and(|at| (0..STRANGERS).contains(&now.as_second().saturating_sub(at.as_second())));
            if recent {
                return false;
            }
            *last = Some(now);
        }
        let (trust, profile) = (self.clone(), profile.clone());
        tokio::spawn(async move {
            let (_, outcome) = trust.refresh(&profile).await;
            if let Err(error) = outcome {
                tracing::warn!(merchant = %profile.name, %error, "the platform certificates could not be downloaded");
            }
        });
        true
    }

    /// Downloads for every merchant whose certificates are due: not looked at for 12 h, or ending. Merchants in
    /// public-key mode have none and are left alone.
    ///
    /// # Errors
    /// The store's; a download that fails is left to the next round.
    pub(crate) async fn patrol(&self) -> Result<(), Problem> {
        for name in self.inner.merchants.names().await? {
            let Ok(profile) = self.inner.merchants.get(Some(&name)).await else { continue };
            let now = self.inner.outside.now();
            let flight = self.flight(profile.id);
            let due = {
                let mut tried = flight.tried_at.lock().unwrap_or_else(PoisonError::into_inner);
                let due = is_due(&profile, *tried, now);
                if due {
                    *tried = Some(now);
                }
                due
            };
            if due {
                let (_, outcome) = self.refresh(&profile).await;
                if let Err(error) = outcome {
                    tracing::warn!(merchant = %name, %error, "the platform certificates could not be rotated");
                }
            }
        }
        Ok(())
    }

    fn flight(&self, merchant: i64) -> Arc<Flight> {
        let mut flights = self.inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.entry(merchant).or_default().clone()
    }

    async fn download(&self, profile: &Arc<Profile>) -> (ExchangeRecord, Result<(), GatewayError>) {
        let request = Certificates.request();
        let sending = Sending { profile, request: &request, base_url: &profile.base_url, sign: true };
        let (mut record, result) = self.inner.transport.exchange(&sending).await;
        let answer = match result {
            Ok(answer) => answer,
            Err(lost) => return (record, Err(GatewayError::lost(lost, &profile.base_url))),
        };
        let now = self.inner.outside.now();
        let opened = open(&answer, profile, now);
        let mut trusted = profile.trusted.clone();
        for certificate in opened.iter().flatten() {
            trusted.add_certificate(certificate.clone());
        }
        record.verified(&answer, &trusted);
        record.outcome = GatewayError::word(&opened);
        let outcome = match opened {
            Ok(found) => self.keep(profile, &found, now).await,
            Err(error) => Err(error),
        };
        (record, outcome)
    }

    /// The list is whole: what it doesn't name is trusted no longer. An empty one (public-key mode) says nothing.
    async fn keep(&self, profile: &Arc<Profile>, found: &[Certificate], now: Timestamp) -> Result<(), GatewayError> {
        if found.is_empty() {
            return Ok(());
        }
        let known = profile.trusted.certificates().iter();
        let gone: Vec<String> = known
            .filter(|known| !found.iter().any(|found| found.serial() == known.serial()))
            .map(|known| known.serial().as_str().to_owned())
            .collect();
        let rows: Vec<PlatformRow> = found
            .iter()
            .map(|certificate| PlatformRow {
                serial_no: certificate.serial().as_str().to_owned(),
                pem: certificate.to_pem().to_owned(),
                seen_at: now,
            })
            .collect();
        let id = profile.id;
        let kept = self.inner.store.write(move |tx| tx.certificates_refreshed(id, &rows, &gone)).await;
        kept.map_err(|error: StoreError| GatewayError::BadRequest { reason: error.to_string() })?;
        self.inner.merchants.forget();
        self.inner.refreshed.send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }
}

/// Opens the list with the current APIv3 key; on the first day after a change also with the one before.
fn open(answer: &wechatpay::api::Answer, profile: &Profile, now: Timestamp) -> Result<Vec<Certificate>, GatewayError> {
    let with = |key: &ApiV3Key| Certificates.answer(answer.clone(), key, &profile.trusted, now);
    let mut last = None;
    for key in &profile.api_v3_keys {
        match with(key) {
            Ok(found) => return Ok(found),
            Err(error @ CertificatesError::Sealed { .. }) => last = last.or(Some(error)),
            Err(error) => {
                last = Some(error);
                break;
            }
        }
    }
    Err(match last {
        Some(CertificatesError::Answer(error)) => GatewayError::of_answer(error, answer),
        Some(CertificatesError::Sealed { serial_no, .. }) => GatewayError::KeyDoesNotOpen { serial_no },
        Some(CertificatesError::Certificate { serial_no, why }) => {
            GatewayError::Unreadable { reason: format!("certificate {serial_no}: {why}") }
        }
        None => GatewayError::of_answer(AnswerError::NotUnderstood("no APIv3 key".to_owned()), answer),
    })
}

fn is_due(profile: &Profile, tried: Option<Timestamp>, now: Timestamp) -> bool {
    if profile.trusted.certificates().is_empty() && profile.public_key_id.is_some() {
        return false;
    }
    let since = |at: Option<Timestamp>| at.map_or(i64::MAX, |at| now.as_second().saturating_sub(at.as_second()).abs());
    let ends = profile.trusted.newest_certificate().map(|newest| newest.not_after());
    let late = ends.is_none_or(|end| end.as_second().saturating_sub(now.as_second()) < DAY);
    let every = if late { ROTATION_LATE } else { ROTATION };
    since(profile.certificates_seen_at) >= every && since(tried) >= ROTATION_LATE.min(every)
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
