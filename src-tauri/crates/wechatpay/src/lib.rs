//! WeChat Pay APIv3 (微信支付) for direct merchants: keys, signing, verification, sealing, and each call as plain data.
//!
//! The crate is pure: it opens no socket or file, reads no clock and writes no log. Time, nonces and random sources are
//! arguments, so that every edge of a time window is a table test; bring your own HTTP client.
//!
//! # A prepay
//!
//! ```
//! # use wechatpay::{api::prepay::{Prepay, Product}, ids::*, keys::PrivateKey, money::Fen, sign::Signer};
//! # fn demo(pem: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! let signer = Signer {
//!     mchid: Mchid::parse("1900007291")?,
//!     serial_no: SerialNo::parse("408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB")?,
//!     key: PrivateKey::from_pem(pem)?,
//! };
//! let prepay = Prepay::new(
//!     Product::Jsapi,
//!     Appid::parse("wxd678efh567hg6787")?,
//!     signer.mchid.clone(),
//!     OutTradeNo::parse("1217752501201407033233368018")?,
//!     "Image形象店-深圳腾大-QQ公仔",
//!     NotifyUrl::parse("https://www.weixin.qq.com/wxpay/pay.php")?,
//!     Fen::new(100),
//! )
//! .openid(Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")?);
//! let request = prepay.request()?; // every field rule is checked here, before anything is sent
//! let signed = signer.authorization(request.method, &request.target, &request.body, 1_554_208_460, "593BEC0C930BF1AFEB40B4A08C8FB242");
//! // Send request.body to https://api.mch.weixin.qq.com + request.target with the header Authorization: signed.authorization,
//! // then: VerifiedAnswer::check(answer, &trusted, now)? and prepay.answer(&verified)?.
//! # let _ = signed; Ok(()) }
//! ```
//!
//! # A notification
//!
//! ```
//! # use wechatpay::{keys::{ApiV3Key, TrustedKeys}, notification::{self, Event, RawCallback}, time::Timestamp};
//! # fn demo(headers: Vec<(String, String)>, body: Vec<u8>, trusted: &TrustedKeys, key: ApiV3Key, now: Timestamp) -> u16 {
//! let opened = notification::open(&RawCallback { headers, body }, trusted, &[key], now);
//! match opened.result {
//!     Ok(notification) => match notification.event() {
//!         // Compare mchid, appid and amount with your own order, apply it once, then answer.
//!         Event::Payment(transaction) => { let _ = &transaction.out_trade_no; 204 }
//!         Event::Refund(_) | Event::Combined(_) => 204,
//!     },
//!     Err(_refusal) => 401,
//! }
//! # }
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
