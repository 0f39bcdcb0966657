//! The signature doctor's word on a request whose signature was refused: the slug of what its signer did wrong.

use guitai_door::Request;
use wechatpay::doctor::{self, KeyFile, RequestInput};
use wechatpay::time::Timestamp;

use crate::clock::Clock;
use crate::gateway::{Refused, Trace};
use crate::office::Office;

/// What the doctor found, if the request was refused for its signature. The search takes the processor for a while, so it
/// runs where it holds up nobody.
pub(crate) async fn of(office: &Office, request: &Request, refused: &Refused, trace: &Trace) -> Option<String> {
    if refused.code != "SIGN_ERROR" {
        return None;
    }
    let authorization = request.header("Authorization")?.to_owned();
    let named = trace.mchid.as_deref().and_then(|mchid| office.keyring.by_mchid(mchid));
    // A header that can't be read names nobody; with one merchant there is no doubt whose it is.
    let merchant = named.or_else(|| office.keyring.all().first().filter(|_| office.keyring.all().len() == 1))?.clone();
    let (method, url, body) = (request.method.clone(), request.target.clone(), request.body.clone());
    let now = Timestamp::try_from(request.received_at).unwrap_or_else(|_| Clock::wall());
    let found = tokio::task::spawn_blocking(move || {
        doctor::request(&RequestInput {
            method: &method,
            url: &url,
            authorization: &authorization,
            body: &body,
            key: KeyFile::Certificate(merchant.certificate_pem.as_bytes()),
            api_v3_key: Some(merchant.api_v3_key_text.as_bytes()),
            now: Some(now),
        })
    });
    found.await.ok()?.cause.map(|cause| cause.slug().to_owned())
}
