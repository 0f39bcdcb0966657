//! The merchant's own `notify_url` while a tunnel's stands in its place: kept aside in the transaction that replaces it and
//! forgotten in the one that puts it back, so that no kill between two writes loses it.

use crate::console::Console;
use crate::merchants::MerchantPatch;
use crate::store::{MerchantRow, StoreError, Tx};
use crate::wire::Problem;
use serde::{Deserialize, Serialize};

/// The setting that keeps it. Settings of this prefix are the desk's own: `settings_set` refuses them.
const LENT: &str = "tunnel.before";

/// What was there before a tunnel, and what the tunnel wrote.
#[derive(Debug, Serialize, Deserialize)]
struct Lent {
    merchant: String,
    notify_url: Option<String>,
    ours: String,
}

impl Lent {
    fn among(settings: Vec<(String, String)>) -> Option<Lent> {
        let (_, kept) = settings.into_iter().find(|(key, _)| key == LENT)?;
        serde_json::from_str(&kept).ok()
    }

    /// Is the tunnel's address what the merchant has? Else somebody changed it since, and theirs stays.
    fn stands(&self, merchant: &str, notify_url: Option<&str>) -> bool {
        self.merchant == merchant && notify_url == Some(&self.ours)
    }
}

/// Keeps aside what the merchant has, in the transaction that gives it `ours`. An address of the same tunnel from before
/// is not the merchant's own.
fn keep_aside(tx: &Tx<'_>, was: &MerchantRow, ours: &str) -> Result<(), StoreError> {
    let before = Lent::among(tx.settings()?).filter(|kept| kept.stands(&was.name, was.notify_url.as_deref()));
    let notify_url = before.map_or_else(|| was.notify_url.clone(), |kept| kept.notify_url);
    let kept = Lent { merchant: was.name.clone(), notify_url, ours: ours.to_owned() };
    let text = serde_json::to_string(&kept).map_err(|error| StoreError::Other(error.to_string()))?;
    tx.setting_set(LENT, Some(&text))
}

impl Console {
    /// Gives a merchant the tunnel's address; with `for_now`, what it had is kept for [`Console::tunnel_put_back`].
    pub(super) async fn tunnel_address(&self, merchant: &str, ours: &str, for_now: bool) -> Result<(), Problem> {
        let patch = MerchantPatch { notify_url: Some(ours.to_owned()), ..MerchantPatch::default() };
        if !for_now {
            return self.merchant_update(merchant, patch).await.map(drop);
        }
        let ours = ours.to_owned();
        self.merchant_update_with(merchant, patch, move |tx, was| Ok(keep_aside(tx, was, &ours)?)).await.map(drop)
    }

    /// Puts back what was a merchant's `notify_url` before a tunnel for now took its place, unless somebody changed it
    /// since: after the tunnel, and after a program that was killed with one.
    ///
    /// # Errors
    /// The vault's and the store's; then it is still kept.
    pub async fn tunnel_put_back(&self) -> Result<(), Problem> {
        // asked of the writer: a tunnel that was ended just now may have an address on its way to it
        let settings = self.desk.store.write(|tx| tx.settings()).await?;
        let Some(lent) = Lent::among(settings) else { return Ok(()) };
        let now = match self.merchant_show(Some(&lent.merchant)).await {
            Ok(merchant) => merchant.notify_url,
            Err(problem) if problem.code == "MERCHANT_NOT_FOUND" => None,
            Err(problem) => return Err(problem),
        };
        if !lent.stands(&lent.merchant, now.as_deref()) {
            return Ok(self.desk.store.write(|tx| tx.setting_set(LENT, None)).await?);
        }
        let patch = MerchantPatch { notify_url: Some(lent.notify_url.unwrap_or_default()), ..MerchantPatch::default() };
        self.merchant_update_with(&lent.merchant, patch, |tx, _| Ok(tx.setting_set(LENT, None)?)).await.map(drop)
    }
}
