//! WeChat Pay APIv3 (微信支付) for direct merchants: keys, signing, verification, sealing, and each call as plain data.
//!
//! The crate is pure: it opens no socket or file, reads no clock and writes no log. Time, nonces and random sources are
//! arguments, so that every edge of a time window is a table test; bring your own HTTP client. Amounts are [`money::Fen`]
//! everywhere (0.01 yuan), instants are [`time::Timestamp`], identifiers are checked when they are parsed ([`ids`]).
//! "Reference" in these pages is the protocol reference that the crate was written from.
//!
//! # A prepay
//!
//! ```
//! use wechatpay::api::prepay::{Prepaid, Prepay, Product};
//! use wechatpay::api::{Answer, GATEWAY, VerifiedAnswer};
//! use wechatpay::ids::{Appid, Mchid, NotifyUrl, Openid, OutTradeNo, SerialNo};
//! use wechatpay::keys::{PrivateKey, TrustedKeys};
//! use wechatpay::{money::Fen, sign::Signer, time::Timestamp};
//!
//! fn prepay(
//!     apiclient_key: &[u8],
//!     trusted: &TrustedKeys,
//!     now: Timestamp,
//!     nonce: &str,
//!     send: impl Fn(&str, &str, &[u8], &str) -> Answer, // your HTTP client: method, URL, body, Authorization
//! ) -> Result<Prepaid, Box<dyn std::error::Error>> {
//!     let signer = Signer {
//!         mchid: Mchid::parse("1900007291")?,
//!         serial_no: SerialNo::parse("408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB")?,
//!         key: PrivateKey::from_pem(apiclient_key)?,
//!     };
//!     let prepay = Prepay::new(
//!         Product::Jsapi,
//!         Appid::parse("wxd678efh567hg6787")?,
//!         signer.mchid.clone(),
//!         OutTradeNo::parse("1217752501201407033233368018")?,
//!         "Image形象店-深圳腾大-QQ公仔",
//!         NotifyUrl::parse("https://www.weixin.qq.com/wxpay/pay.php")?,
//!         Fen::new(100),
//!     )
//!     .openid(Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")?);
//!
//!     // Every field rule is checked here, before anything is sent.
//!     let request = prepay.request()?;
//!     let signed = signer.authorization(request.method, &request.target, &request.body, now.as_second(), nonce);
//!     let url = format!("{GATEWAY}{}", request.target);
//!     let answer = send(request.method, &url, &request.body, &signed.authorization);
//!
//!     // A 2xx without a valid signature is an error; a refusal carries code, meaning and advice.
//!     let verified = VerifiedAnswer::check(answer, trusted, now)?;
//!     Ok(prepay.answer(&verified)?)
//! }
//! ```
//!
//! # A notification
//!
//! ```
//! use wechatpay::keys::{ApiV3Key, TrustedKeys};
//! use wechatpay::notification::{self, Event, RawCallback, Refusal};
//! use wechatpay::time::Timestamp;
//!
//! /// Gives the status to answer with, within 5 seconds; anything but 200 or 204 makes it come again.
//! fn notified(raw: &RawCallback, trusted: &TrustedKeys, key: &ApiV3Key, now: Timestamp) -> u16 {
//!     let opened = notification::open(raw, trusted, std::slice::from_ref(key), now);
//!     match opened.result {
//!         Ok(notification) => match notification.event() {
//!             // Compare mchid, appid and amount with your own order, apply it once, keep it, then answer.
//!             Event::Payment(transaction) => {
//!                 let _ = (&transaction.out_trade_no, &transaction.amount);
//!                 204
//!             }
//!             Event::Refund(_) | Event::Combined(_) => 204,
//!         },
//!         Err(Refusal::NotGenuine(why)) if why.malformed() => 400,
//!         Err(Refusal::NotGenuine(_)) => 401,
//!         // Mend the APIv3 key: it comes again.
//!         Err(Refusal::Undecryptable { .. }) => 500,
//!         // Genuine: keep it for a person.
//!         Err(Refusal::NotUnderstood { .. }) => 204,
//!     }
//! }
//! ```

#![forbid(unsafe_code)]

pub mod api;
pub mod authorization;
pub mod doctor;
pub mod error;
pub mod ids;
pub mod json;
pub mod keys;
pub mod message;
pub mod money;
pub mod notification;
pub mod seal;
pub mod sign;
pub mod time;
pub mod verify;

pub use error::{ApiError, FieldError};
