//! What leaves the desk: the JSON that the command prints and the window draws, one set of types for both.
//!
//! Field names are WeChat Pay's own wherever WeChat Pay has one; amounts are integers in fen; times are RFC 3339
//! with an offset. Nothing here holds a secret. No logic lives here: the verbs of `Console` fill these in.

use serde::{Deserialize, Serialize};
use specta::Type;
use wechatpay::money::Fen;

use crate::secret::Secret;

pub use crate::merchants::{MerchantInput, MerchantPatch};
pub use crate::vault::VaultStatus;

/// A text for people in both languages; the host picks one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Bilingual {
    /// Simplified Chinese, the first language.
    pub zh: String,
    /// English.
    pub en: String,
}

/// One page of a list; `next` is the cursor for the page after, or null at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Page<T> {
    /// The rows, newest first unless asked otherwise.
    pub items: Vec<T>,
    /// Opaque cursor for `--after`; null when this is the last page.
    pub next: Option<String>,
}

/// WeChat Pay's `amount` object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Amount {
    /// Fen.
    #[specta(type = u32)]
    pub total: i64,
    /// `CNY`.
    pub currency: String,
}

/// WeChat Pay's `payer` object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Payer {
    /// The payer's id under the order's appid.
    pub openid: String,
}

/// By which product an order is (to be) paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Type)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// Official account or mini-program.
    Jsapi,
    /// The payer scans a QR code.
    Native,
    /// The merchant's own app.
    App,
    /// A mobile browser outside WeChat.
    H5,
}

/// How the desk learnt that an order is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// A verified payment notification.
    Callback,
    /// A verified answer to a query (by hand or by the patrol).
    Query,
}

/// One order as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Order {
    /// The merchant's number.
    pub out_trade_no: String,
    /// `CREATED` (no prepay yet) or WeChat Pay's `trade_state`.
    pub state: String,
    /// Goods description.
    pub description: String,
    /// What is to be paid.
    pub amount: Amount,
    /// Sum of refunds accepted or done, fen.
    #[specta(type = u32)]
    pub refunded: i64,
    /// Merchant data that comes back with the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach: Option<String>,
    /// Who pays, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer: Option<Payer>,
    /// The product of the last prepay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// WeChat Pay's number, once paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// From a JSAPI or App prepay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepay_id: Option<String>,
    /// From a Native prepay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_url: Option<String>,
    /// From an H5 prepay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub h5_url: Option<String>,
    /// Until when the prepay_id, code_url or h5_url can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_expires_at: Option<String>,
    /// Profile name.
    pub merchant: String,
    /// Merchant number.
    pub mchid: String,
    /// App the order belongs to.
    pub appid: String,
    /// Where the payment notification goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_url: Option<String>,
    /// When the order was made here.
    pub created_at: String,
    /// When WeChat Pay says it was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_time: Option<String>,
    /// How we learnt it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_by: Option<FoundBy>,
    /// Verdict of the newest callback for this order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_verdict: Option<Verdict>,
    /// The outcome of the last call is unknown (timeout, lost answer): query before anything else.
    pub outcome_unknown: bool,
    /// The combined order that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub combine_out_trade_no: Option<String>,
    /// The optional fields of its prepay under WeChat Pay's names, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<serde_json::Value>,
}

/// One order with everything that happened to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Dossier {
    /// The order itself.
    #[serde(flatten)]
    pub order: Order,
    /// Oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// Oldest first.
    pub refunds: Vec<Refund>,
    /// Oldest first.
    pub callbacks: Vec<Callback>,
    /// Calls to the gateway, oldest first.
    pub exchanges: Vec<ExchangeSummary>,
}

/// One thing that happened to an order. `kind` is one of `created`, `prepay`, `prepay_refused`, `prepay_unknown`,
/// `pay_params`, `paid`, `callback`, `query`, `asked` (a call that no other entry tells of; `detail` is its purpose),
/// `closed`, `refund`, `refund_refused`, `refund_settled`, `held`, `bill`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct TimelineEntry {
    /// When.
    pub at: String,
    /// What.
    pub kind: String,
    /// The order's state after it, where it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Money that this step is about, fen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[specta(type = Option<u32>)]
    pub amount: Option<i64>,
    /// Ids, codes or reasons that belong to it; no prose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The gateway call behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange_id: Option<String>,
    /// The delivery behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_id: Option<String>,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Refund {
    /// The merchant's number of the refund.
    pub out_refund_no: String,
    /// WeChat Pay's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
    /// The order.
    pub out_trade_no: String,
    /// `UNKNOWN` (asked, no answer yet), `REFUSED` (may be asked again under this number), `PROCESSING`, `SUCCESS`, `CLOSED`, `ABNORMAL`.
    pub status: String,
    /// `refund` and `total` in fen.
    pub amount: RefundAmount,
    /// Shown to the payer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: String,
    /// When it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_time: Option<String>,
    /// Where the money went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_received_account: Option<String>,
}

/// WeChat Pay's `amount` of a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct RefundAmount {
    /// This refund, fen.
    #[specta(type = u32)]
    pub refund: i64,
    /// The order's total, fen.
    #[specta(type = u32)]
    pub total: i64,
    /// `CNY`.
    pub currency: String,
}

/// What the desk made of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Type)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Genuine, and it changed the order.
    Applied,
    /// Genuine, seen before.
    Duplicate,
    /// Genuine, not applied: a person decides.
    Held,
    /// Not genuine.
    Rejected,
    /// Our own failure; WeChat Pay will send it again.
    Failed,
}

/// One delivery as lists show it; also the line that `guitai listen` prints (with `merchant`, `reason`, `latency_ms`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Callback {
    /// Our id of this delivery.
    pub id: String,
    /// The notification's own id, the same over all attempts.
    pub notification_id: Option<String>,
    /// From the decrypted content.
    pub out_trade_no: Option<String>,
    /// `TRANSACTION.SUCCESS`, `REFUND.…`.
    pub event_type: Option<String>,
    /// When its last byte came in.
    pub received_at: String,
    /// What came of it.
    pub verdict: Verdict,
    /// What we answered.
    pub http_status: u16,
    /// Profile whose path it came to.
    pub merchant: String,
    /// Slug of the reason where the verdict needs one, e.g. `signature_valid`, `amount_matches`, `probe`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// From the last byte in to the answer.
    pub latency_ms: u32,
    /// Money in it, fen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[specta(type = Option<u32>)]
    pub amount: Option<i64>,
    /// The first delivery of the same notification or payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_id: Option<String>,
    /// In a folded list: how many duplicates of it are left out; 100 means 100 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u32>,
}

/// The deliveries of one order; or of one notification whose order isn't known; or, with neither, those without a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct CallbackLane {
    /// The order.
    pub out_trade_no: Option<String>,
    /// The notification, where the order isn't known.
    pub notification_id: Option<String>,
    /// Oldest first; the newest 100.
    pub deliveries: Vec<Callback>,
    /// There are older ones that are left out.
    pub more: bool,
}

/// How many deliveries came to one end, and what that end means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct CallbackCause {
    /// The end.
    pub verdict: Verdict,
    /// Slug of the reason, where there is one.
    pub reason: Option<String>,
    /// How many. Of rejected ones the newest 1,000 are kept and counted.
    pub deliveries: u32,
    /// The newest of them (it may be gone from the quarantine).
    pub newest_id: String,
    /// Why, for people.
    pub why: Option<Bilingual>,
    /// What to do, for people.
    pub fix: Option<Bilingual>,
}

/// As what a delivery is copied out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "lowercase")]
pub enum CallbackForm {
    /// A `curl` command for a POSIX shell.
    Curl,
    /// An HTTP archive 1.2 with this one exchange.
    Har,
    /// The request as it stood on the wire.
    Http,
    /// A JSON fixture for a test: the request, what to expect of it, and when it was fresh.
    Fixture,
}

/// A delivery in the form that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CallbackCopy {
    /// A name for the file.
    pub file_name: String,
    /// What it is.
    pub media_type: String,
    /// As text; bytes that are no UTF-8 are U+FFFD.
    pub text: String,
    /// The exact bytes.
    pub base64: String,
}

/// One delivery with all that was received, checked and found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct CallbackDossier {
    /// The row.
    #[serde(flatten)]
    pub callback: Callback,
    /// As received, in order.
    pub headers: Vec<(String, String)>,
    /// As received; bytes that are no UTF-8 are shown as U+FFFD.
    pub body: String,
    /// The exact bytes of the body.
    pub body_base64: String,
    /// The request target with its query.
    pub target: String,
    /// Where it came from.
    pub source: String,
    /// The ladder: `headers_present`, `timestamp_fresh`, `serial_known`, `signature_valid`, `body_is_json`,
    /// `resource_decrypts`, `merchant_matches`, `order_known`, `amount_matches`, `state_allows`. After the first that
    /// fails the rest are absent.
    pub checks: Vec<Check>,
    /// The decrypted resource.
    pub decrypted: Option<serde_json::Value>,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Bilingual>,
    /// What to do, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Bilingual>,
    /// What it changed, journal lines.
    pub changed: Vec<String>,
    /// The text that the signature should be over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedText>,
}

/// One rung of the ladder of checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Check {
    /// Slug.
    pub name: String,
    /// Did it hold.
    pub ok: bool,
    /// What was compared.
    pub detail: String,
}

/// A call to the gateway as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct ExchangeSummary {
    /// Our id.
    pub id: String,
    /// When it was sent.
    pub at: String,
    /// `prepay`, `query`, `close`, `refund`, `refund_query`, `certificates`, `jscode2session`, `bill`, …
    pub purpose: String,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Null: no answer came.
    pub status: Option<u16>,
    /// WeChat Pay's error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `ok`, `refused`, `unverified`, `unknown` (no answer: the outcome is not known), `pending`.
    pub outcome: String,
    /// Until the answer was whole.
    pub latency_ms: u32,
    /// For support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The order it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_trade_no: Option<String>,
}

/// A call to the gateway, byte for byte.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Exchange {
    /// The row.
    #[serde(flatten)]
    pub summary: ExchangeSummary,
    /// Scheme and host it went to.
    pub base_url: String,
    /// As sent.
    pub request_headers: Vec<(String, String)>,
    /// As sent.
    pub request_body: String,
    /// As received.
    pub response_headers: Vec<(String, String)>,
    /// As received.
    pub response_body: String,
    /// The text that we signed.
    pub signed: Option<SignedText>,
    /// The text that the gateway signed, and whether it checked out.
    pub verified: Option<SignedText>,
    /// Where the gateway refused our signature and says what it verified: both texts beside each other.
    pub beside: Option<Beside>,
}

/// What we signed beside what the gateway says that it verified (`sign_information`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Beside {
    /// The five lines; of the body its beginning.
    pub lines: Vec<BesideLine>,
    /// Bytes of our text.
    pub ours_length: u32,
    /// Bytes of the gateway's.
    pub theirs_length: u32,
    /// The first line that differs.
    pub parts_at: Option<String>,
    /// Where they part, in words.
    pub said: Bilingual,
}

/// One line of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct BesideLine {
    /// `method`, `url`, `timestamp`, `nonce`, `body`.
    pub field: String,
    /// As we signed it.
    pub ours: String,
    /// As the gateway has it.
    pub theirs: String,
    /// The same, as far as is shown.
    pub same: bool,
}

/// A string to sign, line by line, with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct SignedText {
    /// Each line without its LF, with the field it came from.
    pub lines: Vec<SignedLine>,
    /// The whole text.
    pub text: String,
    /// Its length in bytes.
    pub bytes: u32,
    /// SHA-256 of it, hex.
    pub sha256: String,
    /// Base64.
    pub signature: String,
    /// Serial of the key that made it.
    pub serial_no: String,
    /// Whose key: `merchant`, `platform_certificate`, `wechatpay_public_key`, `unknown`.
    pub signer: String,
    /// Does it check out; null where nothing was checked.
    pub ok: Option<bool>,
}

/// One line of a string to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct SignedLine {
    /// `method`, `url`, `timestamp`, `nonce`, `body`, `appid`, `package`, `prepay_id`.
    pub field: String,
    /// Without its LF.
    pub text: String,
}

/// A merchant profile; secrets only as set or not set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Merchant {
    /// Profile name.
    pub name: String,
    /// Merchant number.
    pub mchid: String,
    /// App.
    pub appid: String,
    /// More appids that orders may name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_appids: Vec<String>,
    /// Serial of the merchant certificate.
    pub serial_no: String,
    /// `https://api.mch.weixin.qq.com` unless told otherwise.
    pub base_url: String,
    /// Default notify_url of new orders.
    pub notify_url: Option<String>,
    /// A sandbox's merchant.
    pub sandbox: bool,
    /// The one used when none is named.
    pub current: bool,
    /// `set` or `not set`.
    pub private_key: String,
    /// `set` or `not set`.
    pub api_v3_key: String,
    /// `set` or `not set`.
    pub app_secret: String,
    /// `PUB_KEY_ID_…`.
    pub public_key_id: Option<String>,
    /// Platform certificates known.
    pub platform_certificates: Vec<CertificateInfo>,
    /// Live merchants are read-only until switched on.
    pub live_enabled: bool,
    /// When it was added.
    pub created_at: String,
}

/// A certificate as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CertificateInfo {
    /// Hex.
    pub serial_no: String,
    /// From.
    pub not_before: String,
    /// Until.
    pub not_after: String,
}

/// Do a merchant's pieces belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct MerchantCheck {
    /// Profile.
    pub name: String,
    /// All hold.
    pub ok: bool,
    /// `private_key_readable`, `certificate_matches_key`, `serial_matches_certificate`, `api_v3_key_decrypts`,
    /// `public_key_usable`, `clock_skew`, `certificate_expiry`, `gateway_reachable`.
    pub checks: Vec<MerchantCheckItem>,
}

/// One check of a merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct MerchantCheckItem {
    /// Slug.
    pub name: String,
    /// Null: could not be judged.
    pub ok: Option<bool>,
    /// What was found.
    pub detail: Bilingual,
}

/// What went wrong, for people: what, why, what next, and the gateway's own words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Problem {
    /// Stable code: WeChat Pay's where it has one, else `SNAKE_CASE` of ours.
    pub code: String,
    /// What happened, to which thing.
    pub message: Bilingual,
    /// Why.
    pub why: Option<Bilingual>,
    /// What to do next.
    pub hint: Bilingual,
    /// The field that is wrong, under its wire name.
    pub field: Option<String>,
    /// The gateway's answer, if there was one.
    pub gateway: Option<GatewayRefusal>,
}

/// The gateway's own words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct GatewayRefusal {
    /// HTTP status; null when no answer came.
    pub status: Option<u16>,
    /// `code`.
    pub code: Option<String>,
    /// `message`.
    pub message: Option<String>,
    /// Request-ID, for support.
    pub request_id: Option<String>,
    /// What the number at the end of the Request-ID means.
    pub request_id_meaning: Option<Bilingual>,
    /// `retry_as_is`, `query_first`, `mend_and_retry`, `give_up`.
    pub advice: String,
    /// The answer's body as it came.
    pub body: String,
    /// The exchange to open.
    pub exchange_id: Option<String>,
}

/// What the Overview shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Overview {
    /// Fen taken today (paid), local day.
    #[specta(type = u32)]
    pub taken_today: i64,
    /// Payments today.
    pub payments_today: u32,
    /// Fen refunded today.
    #[specta(type = u32)]
    pub refunded_today: i64,
    /// Refunds today.
    pub refunds_today: u32,
    /// Orders waiting to be paid.
    pub unpaid: u32,
    /// Of those, whose QR code or prepay_id ends within a quarter of an hour; 1,000 at most are counted.
    pub expiring: u32,
    /// Orders and refunds that the patrol is due to ask WeChat Pay about; 1,000 at most are counted. Few for a moment while
    /// it is at work; more where nothing can be asked.
    pub due: u32,
    /// Held callbacks that nobody has looked at.
    pub held: u32,
    /// The last 30 days, oldest first.
    pub days: Vec<Day>,
    /// What was paid by which product in these days, the largest sum first.
    pub channels: Vec<ChannelTakings>,
    /// The newest payments.
    pub latest: Vec<Order>,
}

/// What was paid by one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ChannelTakings {
    /// Null: the payment came without a prepay from here.
    pub via: Option<Via>,
    /// Payments.
    pub payments: u32,
    /// Fen.
    #[specta(type = u32)]
    pub amount: i64,
}

/// One day of the chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Day {
    /// `YYYY-MM-DD`, Beijing time.
    pub date: String,
    /// Payments.
    pub payments: u32,
    /// Fen.
    #[specta(type = u32)]
    pub amount: i64,
    /// Refunds that succeeded.
    pub refunds: u32,
    /// Fen refunded.
    #[specta(type = u32)]
    pub refunded: i64,
    /// Orders made on that day.
    pub made: u32,
    /// Of those, paid by now: their share is the day's success rate.
    pub paid: u32,
}

/// Something changed; whoever shows it asks again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// An order or one of its refunds changed.
    OrderChanged {
        /// Profile.
        merchant: String,
        /// Which.
        out_trade_no: String,
        /// The state it has now.
        state: String,
    },
    /// A payment was verified and recorded just now (for the bell, never for anything unverified).
    PaymentReceived {
        /// Profile.
        merchant: String,
        /// Which.
        out_trade_no: String,
        /// Fen.
        #[specta(type = u32)]
        amount: i64,
        /// How we learnt it.
        found_by: FoundBy,
    },
    /// A delivery was answered.
    CallbackReceived {
        /// Profile.
        merchant: String,
        /// Which.
        id: String,
        /// What came of it.
        verdict: Verdict,
    },
    /// Profiles changed.
    MerchantsChanged,
    /// The listener started, stopped or failed.
    ListenerChanged,
}

/// A new order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Type)]
pub struct OrderInput {
    /// Fen; 1 to 1,000,000,000.
    #[specta(type = u32)]
    pub amount: Fen,
    /// Goods description, 1 to 127 characters.
    pub description: String,
    /// Who pays; needed for a JSAPI prepay.
    #[serde(default)]
    pub openid: Option<String>,
    /// The number; made up when left out.
    #[serde(default)]
    pub out_trade_no: Option<String>,
    /// Merchant data that comes back with the payment, at most 128 characters.
    #[serde(default)]
    pub attach: Option<String>,
    /// The profile's when left out.
    #[serde(default)]
    pub notify_url: Option<String>,
    /// Any other field of a prepay under WeChat Pay's names: `goods_tag`, `time_expire`, `detail`, `scene_info`, …
    #[serde(default)]
    pub fields: Option<serde_json::Value>,
    /// One of the merchant's appids; its default one when left out.
    #[serde(default)]
    pub appid: Option<String>,
}

/// A new combined order: several orders behind one payment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Type)]
#[serde(default)]
pub struct CombineInput {
    /// `out_trade_no` of 2 to 10 orders of one appid, made here and not sent yet.
    pub orders: Vec<String>,
    /// The number of the whole; made up when left out.
    pub combine_out_trade_no: Option<String>,
    /// Who pays; the first order's when left out.
    pub openid: Option<String>,
    /// The first order's when left out.
    pub notify_url: Option<String>,
    /// `scene_info` and `time_expire` of the whole, under WeChat Pay's names.
    pub fields: Option<serde_json::Value>,
}

/// A combined order with its orders, which are paid together or not at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Combined {
    /// The number of the whole.
    pub combine_out_trade_no: String,
    /// Merchant number.
    pub combine_mchid: String,
    /// App.
    pub combine_appid: String,
    /// Profile name.
    pub merchant: String,
    /// The sum of all.
    pub amount: Amount,
    /// The product of the last prepay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// JSAPI and App.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepay_id: Option<String>,
    /// Native.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_url: Option<String>,
    /// H5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub h5_url: Option<String>,
    /// Until when they can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_expires_at: Option<String>,
    /// Where the notification goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_url: Option<String>,
    /// Its own optional fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<serde_json::Value>,
    /// The outcome of the last call is unknown.
    pub outcome_unknown: bool,
    /// When it was made here.
    pub created_at: String,
    /// In the order in which they were made, each with its own state.
    pub sub_orders: Vec<Order>,
}

/// How the money of an abnormal refund shall be settled.
#[derive(Debug, Clone, Deserialize, Type)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum AbnormalInput {
    /// To the merchant's own settlement account; the merchant gives it to the payer another way.
    #[serde(rename = "MERCHANT_BANK_CARD")]
    MerchantBankCard,
    /// To a bank card of the payer. Account and name are encrypted on their way.
    #[serde(rename = "USER_BANK_CARD")]
    UserBankCard {
        /// `ICBC_DEBIT`, …
        bank_type: String,
        /// Digits.
        bank_account: Secret,
        /// The holder.
        real_name: Secret,
    },
}

/// A sensitive field that was encrypted with WeChat Pay's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct SensitiveField {
    /// Base64; different each time.
    pub ciphertext: String,
    /// The key's serial, to be sent as `Wechatpay-Serial`.
    pub wechatpay_serial: String,
}

/// What is known only when an order is prepaid. It stays with the order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Type)]
#[serde(default)]
pub struct PrepayInput {
    /// As in [`OrderInput::fields`]; `scene_info.payer_client_ip` is needed for H5 with a live merchant.
    pub fields: Option<serde_json::Value>,
    /// Another of the merchant's appids than the order was made for.
    pub appid: Option<String>,
}

/// Which orders, and in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(default)]
pub struct OrderFilter {
    /// Any of these: `CREATED` or a `trade_state`. Empty: all.
    pub states: Vec<String>,
    /// The product of the last prepay is any of these. Empty: all, those never prepaid too.
    pub vias: Vec<Via>,
    /// The newest callback's verdict is any of these. Empty: all.
    pub callbacks: Vec<Lamp>,
    /// A number, its beginning or its last six characters, a transaction_id's beginning, an openid, yuan, or words of
    /// description and attach.
    pub search: Option<String>,
    /// Made at or after: RFC 3339, or `YYYY-MM-DD` (Beijing).
    pub since: Option<String>,
    /// Made before: RFC 3339, or `YYYY-MM-DD` (Beijing; that day is still in).
    pub until: Option<String>,
    /// At least so much, fen.
    #[specta(type = Option<u32>)]
    pub amount_from: Option<i64>,
    /// At most so much, fen.
    #[specta(type = Option<u32>)]
    pub amount_to: Option<i64>,
    /// Newest first unless asked otherwise.
    pub sort: OrderSort,
    /// Rows of a page: 1 to 500; 0 means 50.
    pub limit: u32,
    /// `next` of the page before, under the same filters and sorting.
    pub after: Option<String>,
}

/// What a list of orders is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "lowercase")]
pub enum OrderSort {
    /// Made last comes first.
    #[default]
    Newest,
    /// Made first comes first.
    Oldest,
    /// The highest amount first.
    Largest,
    /// The lowest amount first.
    Smallest,
}

/// What an order's newest callback came to, as lists are filtered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "lowercase")]
pub enum Lamp {
    /// No callback came yet.
    None,
    /// [`Verdict::Applied`].
    Applied,
    /// [`Verdict::Duplicate`].
    Duplicate,
    /// [`Verdict::Held`].
    Held,
    /// [`Verdict::Rejected`].
    Rejected,
    /// [`Verdict::Failed`].
    Failed,
}

/// Number and sum of the orders that a filter lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct OrderTotals {
    /// So many orders.
    #[specta(type = u32)]
    pub orders: i64,
    /// Their amounts, fen.
    #[specta(type = u32)]
    pub amount: i64,
    /// False: at least so many, and so much; counting all of them would take too long.
    pub exact: bool,
}

/// Which deliveries, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CallbackFilter {
    /// Only of these verdicts; empty: of all.
    #[serde(default)]
    pub verdicts: Vec<Verdict>,
    /// Only for these reasons (slugs); empty: for any and none.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Only of this kind, such as `REFUND.SUCCESS`.
    #[serde(default)]
    pub event_type: Option<String>,
    /// Only of this order.
    #[serde(default)]
    pub out_trade_no: Option<String>,
    /// Only from this address.
    #[serde(default)]
    pub source: Option<String>,
    /// Received at or after: RFC 3339, or a day in Beijing time.
    #[serde(default)]
    pub since: Option<String>,
    /// Received before: RFC 3339, or to the end of a day in Beijing time.
    #[serde(default)]
    pub until: Option<String>,
    /// Words of the decrypted content; or a number of order, transaction or notification, or its beginning.
    #[serde(default)]
    pub search: Option<String>,
    /// Duplicates are left out; the first of them says how many there are.
    #[serde(default)]
    pub folded: bool,
    /// Rows of a page: 1 to 500; 0 means 50.
    #[serde(default)]
    pub limit: u32,
    /// `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
}

/// A refund to ask for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Type)]
pub struct RefundInput {
    /// Fen; what remains of the order when left out.
    #[serde(default)]
    #[specta(type = Option<u32>)]
    pub amount: Option<Fen>,
    /// Shown to the payer, at most 80 characters.
    #[serde(default)]
    pub reason: Option<String>,
    /// Made up when left out; an earlier one to ask for that refund again.
    #[serde(default)]
    pub out_refund_no: Option<String>,
}

/// What a prepay gave: one of the three, and the order as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct Prepaid {
    /// JSAPI and App.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepay_id: Option<String>,
    /// Native.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_url: Option<String>,
    /// H5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub h5_url: Option<String>,
    /// The order.
    pub order: Order,
}

/// How the desk is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct DeskStatus {
    /// Where the store and the keys are.
    pub data_dir: String,
    /// Bytes of the store on disk.
    #[specta(type = u32)]
    pub store_bytes: u64,
    /// When the newest kept delivery came, of any merchant and by any process.
    pub last_callback_at: Option<String>,
    /// This machine's clock minus WeChat Pay's; null before the first answer.
    #[specta(type = Option<i32>)]
    pub clock_skew_ms: Option<i64>,
}
