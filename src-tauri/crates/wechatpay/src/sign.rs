//! Signing what a merchant sends: requests and pay params. Time and nonce come from outside.

use serde::Serialize;

use crate::ids::{Appid, Mchid, PrepayId, SerialNo};
use crate::keys::PrivateKey;
use crate::message;

/// The scheme of the `Authorization` header and of `Wechatpay-Signature-Type`.
pub const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// A merchant's hand: who signs, under which certificate serial, with which key.
#[derive(Debug, Clone)]
pub struct Signer {
    /// Merchant number.
    pub mchid: Mchid,
    /// Serial of the *merchant* certificate; never a platform serial or a `PUB_KEY_ID_…`.
    pub serial_no: SerialNo,
    /// The key that belongs to it.
    pub key: PrivateKey,
}

/// A signed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The bytes that were signed.
    pub message: Vec<u8>,
    /// Base64, one line.
    pub signature: String,
    /// The value of the `Authorization` header.
    pub authorization: String,
}

/// What `wx.requestPayment` takes; the JSAPI bridge takes `appId` too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PayParams {
    /// In the signed text in any case; given to `getBrandWCPayRequest`, not to `wx.requestPayment`.
    #[serde(rename = "appId", skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
    /// Unix seconds, as a string.
    pub time_stamp: String,
    /// At most 32 characters.
    pub nonce_str: String,
    /// `prepay_id=…`.
    pub package: String,
    /// `RSA`; must be passed, the parameter's own default is MD5.
    pub sign_type: String,
    /// Base64.
    pub pay_sign: String,
}

/// What the App SDKs take (Android spells `package` `packageValue`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppPayParams {
    /// App.
    pub app_id: String,
    /// Merchant number.
    pub partner_id: String,
    /// Bare.
    pub prepay_id: String,
    /// `Sign=WXPay`.
    pub package_value: String,
    /// At most 32 characters.
    pub nonce_str: String,
    /// Unix seconds, as a string.
    pub time_stamp: String,
    /// Base64.
    pub sign: String,
}

impl Signer {
    /// Signs a request. `target` is path and query exactly as they go on the request line, `timestamp` Unix seconds,
    /// `nonce` at most 32 characters.
    pub fn authorization(&self, method: &str, target: &str, body: &[u8], timestamp: i64, nonce: &str) -> Signed {
        let message = message::request(method, target, timestamp, nonce, body);
        let signature = self.key.sign(&message);
        let authorization = format!(
            "{SCHEME} mchid=\"{}\",nonce_str=\"{nonce}\",signature=\"{signature}\",timestamp=\"{timestamp}\",serial_no=\"{}\"",
            self.mchid, self.serial_no
        );
        Signed { message, signature, authorization }
    }

    /// Pay params for a mini-program or the JSAPI bridge.
    pub fn pay_params_jsapi(&self, appid: &Appid, prepay_id: &PrepayId, timestamp: i64, nonce: &str) -> PayParams {
        let time_stamp = timestamp.to_string();
        let package = format!("prepay_id={prepay_id}");
        let pay_sign = self.key.sign(&message::jsapi(appid.as_str(), &time_stamp, nonce, &package));
        PayParams {
            app_id: Some(appid.as_str().to_owned()),
            time_stamp,
            nonce_str: nonce.to_owned(),
            package,
            sign_type: "RSA".to_owned(),
            pay_sign,
        }
    }

    /// Pay params for the merchant's own app.
    pub fn pay_params_app(&self, appid: &Appid, prepay_id: &PrepayId, timestamp: i64, nonce: &str) -> AppPayParams {
        let time_stamp = timestamp.to_string();
        let sign = self.key.sign(&message::app(appid.as_str(), &time_stamp, nonce, prepay_id.as_str()));
        AppPayParams {
            app_id: appid.as_str().to_owned(),
            partner_id: self.mchid.as_str().to_owned(),
            prepay_id: prepay_id.as_str().to_owned(),
            package_value: "Sign=WXPay".to_owned(),
            nonce_str: nonce.to_owned(),
            time_stamp,
            sign,
        }
    }
}
