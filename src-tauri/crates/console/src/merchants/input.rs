//! What a person hands in to add or change a merchant: contents of files and typed texts, nothing judged yet.

use crate::secret::Secret;
use serde::Deserialize;
use specta::Type;

/// A new merchant. `Debug` shows no secret.
#[derive(Debug, Clone, Default, Deserialize, Type)]
#[serde(deny_unknown_fields)]
pub struct MerchantInput {
    /// Profile name, `[A-Za-z0-9_-]{1,64}`: it becomes a part of the callback path.
    pub name: String,
    /// Merchant number.
    pub mchid: String,
    /// App.
    pub appid: String,
    /// More appids that the merchant number is bound to; orders may name one of them.
    #[serde(default)]
    pub also_appids: Vec<String>,
    /// Serial of the merchant certificate; may be left out where the certificate is given (a `.p12` holds it).
    #[serde(default)]
    pub serial_no: Option<String>,
    /// `apiclient_key.pem`'s content, or `apiclient_cert.p12`'s (bytes, or base64 of them; its password is the mchid).
    pub private_key: Secret,
    /// `apiclient_cert.pem`'s content.
    #[serde(default)]
    pub certificate: Option<String>,
    /// The APIv3 key, 32 characters; line ends around it are ignored.
    pub api_v3_key: Secret,
    /// The mini-program's app secret, for login.
    #[serde(default)]
    pub app_secret: Option<Secret>,
    /// Platform certificates, PEM each.
    #[serde(default)]
    pub platform_certificates: Vec<String>,
    /// `PUB_KEY_ID_…`; only together with `public_key`.
    #[serde(default)]
    pub public_key_id: Option<String>,
    /// `pub_key.pem`'s content.
    #[serde(default)]
    pub public_key: Option<String>,
    /// The gateway; WeChat Pay's own if left out.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Where notifications of new orders go, unless an order says otherwise.
    #[serde(default)]
    pub notify_url: Option<String>,
}

/// Changes to a merchant; what is left out stays. `Debug` shows no secret.
#[derive(Debug, Clone, Default, Deserialize, Type)]
#[serde(deny_unknown_fields, default)]
pub struct MerchantPatch {
    /// Merchant number.
    pub mchid: Option<String>,
    /// App.
    pub appid: Option<String>,
    /// All the appids beside the default one; an empty list takes them away.
    pub also_appids: Option<Vec<String>>,
    /// Serial of the merchant certificate.
    pub serial_no: Option<String>,
    /// As in [`MerchantInput::private_key`].
    pub private_key: Option<Secret>,
    /// As in [`MerchantInput::certificate`].
    pub certificate: Option<String>,
    /// A new APIv3 key; the one before still opens callbacks for 24 h.
    pub api_v3_key: Option<Secret>,
    /// The mini-program's app secret.
    pub app_secret: Option<Secret>,
    /// More platform certificates, PEM each.
    pub platform_certificates: Vec<String>,
    /// `PUB_KEY_ID_…`.
    pub public_key_id: Option<String>,
    /// `pub_key.pem`'s content.
    pub public_key: Option<String>,
    /// The gateway.
    pub base_url: Option<String>,
    /// Where notifications of new orders go; an empty text takes it away.
    pub notify_url: Option<String>,
    /// Lets a live merchant prepay, close and refund.
    pub live_enabled: Option<bool>,
}
