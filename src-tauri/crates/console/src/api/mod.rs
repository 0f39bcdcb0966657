//! The merchant API for mini-programs: login, order, pay params, state. Off unless `listen` is asked for it; then it is
//! on the listener's port, which a tunnel may show to the world, so everyone is a stranger until a token says who.
//!
//! Here: what the API holds while it runs, and where it is. `routes` is what each route does, `token` who asks,
//! `validate` what a body must be, `limit` how often, `answer` how refusals read. What an order, a prepay or a login is
//! lives with `orders` and `merchants`; the client is never believed about a price or about having paid.

mod answer;
mod limit;
mod routes;
mod token;
mod validate;

pub(crate) use routes::refusal_body;

use crate::console::Console;
use crate::merchants::Profile;
use crate::store::{StoreError, Tx};
use crate::vault::VaultError;
use crate::wire::Problem;
use limit::Limiter;
use std::sync::Arc;
use token::TokenKey;
use wechatpay::error::FieldError;

/// The notify path of the current merchant by another name.
pub(crate) const NOTIFY_ALIAS: &str = "/v1/payment/wx/success";
/// What every other path of the API begins with.
pub(crate) const ROOT: &str = "/v1/";
/// The setting that lists origins, apart by blanks or commas.
const ORIGINS: &str = "api_origins";
/// Where the token key is sealed: no merchant's.
const TOKEN_KEY: &str = "token_key";
/// A user may ask twice a second on average, 120 times at once; 10,000 users are told apart.
const PER_USER: (i64, i64) = (500, 120);
/// An address without a token may ask four times a second on average, 120 times at once.
const PER_ADDRESS: (i64, i64) = (250, 120);

/// How to serve the merchant API.
#[derive(Debug, Clone, Default)]
pub struct ApiOptions {
    /// Web pages of these origins (`https://shop.example`) may call it, beside those of the setting `api_origins`.
    /// A mini-program needs none.
    pub origins: Vec<String>,
}

/// The OpenAPI document that the API serves at `/v1/openapi.json`.
#[must_use]
pub fn document() -> &'static str {
    include_str!("openapi.json")
}

impl Console {
    /// Keeps which web pages may call the API, beside those that a listener was opened with; at once, for all listeners.
    ///
    /// # Errors
    /// `INVALID_FIELD` for what is no origin; the store's.
    pub async fn api_origins_set(&self, origins: &[String]) -> Result<(), Problem> {
        origins.iter().try_for_each(|origin| must_be_origin(origin))?;
        self.settings_set(ORIGINS, &origins.join(" ")).await
    }
}

/// The API of one listener.
pub(crate) struct Api {
    console: Console,
    /// The one merchant of the listener; `None`: whichever is current.
    merchant: Option<String>,
    key: TokenKey,
    origins: Vec<String>,
    users: Limiter,
    addresses: Limiter,
}

impl Api {
    /// Opens or makes the token key.
    ///
    /// # Errors
    /// `INVALID_FIELD` for what is no origin; `VAULT_…`; the store's.
    pub(crate) async fn open(console: &Console, merchant: Option<String>, options: ApiOptions) -> Result<Api, Problem> {
        options.origins.iter().try_for_each(|origin| must_be_origin(origin))?;
        Ok(Api {
            console: console.clone(),
            merchant,
            key: token_key(console).await?,
            origins: options.origins,
            users: Limiter::new(PER_USER.0, PER_USER.1),
            addresses: Limiter::new(PER_ADDRESS.0, PER_ADDRESS.1),
        })
    }

    /// The name of the merchant that it serves now.
    pub(crate) async fn merchant_name(&self) -> Option<String> {
        self.profile().await.ok().map(|profile| profile.name.clone())
    }

    async fn profile(&self) -> Result<Arc<Profile>, Problem> {
        self.console.desk.merchants.get(self.merchant.as_deref()).await
    }

    /// May pages of this origin call? Asked of the setting each time, so that a change needs no restart.
    async fn allows(&self, origin: &str) -> bool {
        if self.origins.iter().any(|listed| listed == origin) {
            return true;
        }
        let settings = self.console.desk.store.read(|view| view.settings()).await.unwrap_or_default();
        let listed = settings.iter().find(|(key, _)| key == ORIGINS).map_or("", |(_, value)| value.as_str());
        listed.split([' ', ',', '\n']).any(|listed| listed == origin && is_origin(listed))
    }
}

fn must_be_origin(origin: &str) -> Result<(), FieldError> {
    let (en, zh) = (
        "must be an origin like https://shop.example, without a path",
        "须为 https://shop.example 这样的来源，不带路径",
    );
    if is_origin(origin) { Ok(()) } else { Err(FieldError::new("api_origins", "origin", origin, en, zh)) }
}

/// A scheme, a host, perhaps a port, and nothing after it. `*` and `null` are none.
fn is_origin(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text)
}

/// The key of the tokens: the store's, opened by the vault, or a fresh one where there is none or none that opens
/// (the vault was made anew). Two processes on one store end up with the same.
async fn token_key(console: &Console) -> Result<TokenKey, Problem> {
    let desk = &console.desk;
    let vault = desk.merchants.vault();
    let (row, sealed) = desk.store.read(|view| Ok::<_, StoreError>((view.vault()?, view.token_key()?))).await?;
    let mut data_key = vault.key().await?;
    if row.is_some() && !data_key.opens(row.as_ref()) {
        vault.forget().await;
        data_key = vault.key().await?;
    }
    if let Some(opened) = sealed.as_deref().and_then(|sealed| data_key.open("", TOKEN_KEY, sealed).ok())
        && let Some(key) = TokenKey::from_bytes(&opened)
    {
        return Ok(key);
    }
    let fresh = TokenKey::fresh(&desk.outside);
    let new = data_key.seal(&desk.outside, "", TOKEN_KEY, fresh.expose())?;
    let now = desk.outside.now();
    let kept = desk.store.write(move |tx: &Tx<'_>| tx.token_key_keep(&new, sealed.as_deref(), now)).await?;
    let opened = data_key.open("", TOKEN_KEY, &kept)?;
    TokenKey::from_bytes(&opened).ok_or_else(|| VaultError::Damaged(TOKEN_KEY.to_owned()).into())
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
