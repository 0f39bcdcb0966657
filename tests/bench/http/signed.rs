//! Requests made and signed beforehand, on all cores: callbacks as WeChat Pay sends them, prepays as a merchant does.

use guitai_tests::house::read_key;
use guitai_tests::load::Shots;
use guitai_tests::seed;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wechatpay::ids::{Mchid, SerialNo};
use wechatpay::keys::{ApiV3Key, PrivateKey};
use wechatpay::message;
use wechatpay::notification::{self, Envelope};
use wechatpay::sign::Signer;
use wechatpay::time::{Timestamp, beijing};

/// The APIv3 key of the merchant that callbacks are for.
pub const API_V3_KEY: &str = "0123456789abcdef0123456789abcdef";
/// Of ten callbacks one was sent before.
const RESENT: usize = 10;
/// Orders of a combined one: as many as a direct merchant may.
pub const PARTS: usize = 10;

/// A file of the test keys.
pub fn key_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("keys").join(name)
}

/// The key that pretends to be WeChat Pay's.
pub fn platform() -> PrivateKey {
    read_key(&key_file("pub_key_private.pem"))
}

/// Does `work` for each number, on all cores; results in order.
fn on_all_cores(numbers: std::ops::Range<usize>, work: impl Fn(usize) -> Vec<u8> + Sync) -> Vec<Vec<u8>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let numbers: Vec<usize> = numbers.collect();
    let (work, piece) = (&work, numbers.len().div_ceil(cores).max(1));
    std::thread::scope(|scope| {
        let threads: Vec<_> = numbers
            .chunks(piece)
            .map(|chunk| scope.spawn(move || chunk.iter().map(|number| work(*number)).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("signing doesn't fail")).collect()
    })
}

/// `count` callbacks that tell of the payment of the orders from row `first` on; which of them were not sent before.
pub fn callbacks(key: &PrivateKey, path: &str, first: usize, count: usize) -> (Shots, Vec<bool>) {
    let seal = ApiV3Key::parse(API_V3_KEY).expect("32 characters");
    let distinct = count - count / RESENT;
    let made = on_all_cores(first..first + distinct, |row| {
        let now = Timestamp::now();
        let paid = json!({
            "mchid": seed::MCHID, "appid": seed::APPID, "out_trade_no": seed::number(row),
            "transaction_id": format!("42000000{row:020}"), "trade_type": "JSAPI", "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功", "bank_type": "OTHERS", "attach": "", "success_time": beijing(now),
            "payer": { "openid": seed::openid(row % 50_000) },
            "amount": { "total": seed::UNPAID_TOTAL, "payer_total": seed::UNPAID_TOTAL, "currency": "CNY", "payer_currency": "CNY" },
        });
        let id = format!("{row:08x}-0000-4000-a000-{row:012x}");
        let nonce: [u8; 12] =
            std::array::from_fn(|at| b'a' + u8::try_from(row / 26_usize.pow(at as u32 % 6) % 26).unwrap_or(0));
        let envelope = Envelope {
            id: &id,
            create_time: &beijing(now),
            event_type: "TRANSACTION.SUCCESS",
            summary: "支付成功",
            original_type: "transaction",
        };
        let body = notification::write(envelope, &seal, &nonce, paid.to_string().as_bytes());
        let (stamp, nonce) = (now.as_second().to_string(), format!("{row:032x}"));
        let signature = key.sign(&message::answer(&stamp, &nonce, &body));
        let mut shot = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/4.0\r\nAccept: */*\r\n\
             Content-Type: application/json\r\nWechatpay-Nonce: {nonce}\r\nWechatpay-Serial: {}\r\n\
             Wechatpay-Signature: {signature}\r\nWechatpay-Signature-Type: WECHATPAY2-SHA256-RSA2048\r\n\
             Wechatpay-Timestamp: {stamp}\r\nContent-Length: {}\r\n\r\n",
            seed::PUBLIC_KEY_ID,
            body.len()
        )
        .into_bytes();
        shot.extend_from_slice(&body);
        shot
    });
    let (mut shots, mut new) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (at, shot) in made.into_iter().enumerate() {
        shots.push(shot);
        new.push(true);
        if (at + 1) % (RESENT - 1) == 0 && shots.len() < count {
            let again = shots[shots.len() - RESENT / 2].clone();
            shots.push(again);
            new.push(false);
        }
    }
    (Arc::new(shots), new)
}

/// What a prepay is made of.
pub struct Merchant {
    /// Who signs.
    pub signer: Signer,
    pub appid: String,
    /// The key that is to sign the answers.
    pub answers_by: String,
}

impl Merchant {
    /// The first merchant of a sandbox's ready line.
    pub fn of(ready: &serde_json::Value) -> Merchant {
        let text = |name: &str| ready[name].as_str().unwrap_or_else(|| panic!("{name} in the ready line"));
        Merchant {
            signer: Signer {
                mchid: Mchid::parse(text("mchid")).expect("a merchant number"),
                serial_no: SerialNo::parse(text("merchant_serial_no")).expect("a serial"),
                key: read_key(Path::new(text("merchant_private_key"))),
            },
            appid: text("appid").to_owned(),
            answers_by: text("public_key_id").to_owned(),
        }
    }

    /// Native prepays of the orders from row `first` on.
    pub fn prepays(&self, first: usize, count: usize) -> Shots {
        let target = "/v3/pay/transactions/native";
        let made = on_all_cores(first..first + count, |row| {
            let body = json!({
                "appid": self.appid, "mchid": self.signer.mchid.as_str(), "description": "双人火锅套餐",
                "out_trade_no": seed::number(row), "notify_url": "https://shop.example/notify",
                "amount": { "total": 100 + row % 10_000, "currency": "CNY" },
            });
            self.request(target, body.to_string().as_bytes(), row)
        });
        Arc::new(made)
    }

    /// Combined prepays of [`PARTS`] orders each, from row `first` on: ten orders for one signature.
    pub fn combined(&self, first: usize, count: usize) -> Shots {
        let target = "/v3/combine-transactions/native";
        let made = on_all_cores(first..first + count, |row| {
            let sub = |at: usize| {
                json!({
                    "mchid": self.signer.mchid.as_str(), "attach": "x", "description": "双人火锅套餐",
                    "out_trade_no": format!("S{row:09}{at:02}"), "amount": { "total_amount": 100, "currency": "CNY" },
                })
            };
            let body = json!({
                "combine_appid": self.appid, "combine_mchid": self.signer.mchid.as_str(),
                "combine_out_trade_no": format!("C{row:012}"), "notify_url": "https://shop.example/notify",
                "sub_orders": (0..PARTS).map(sub).collect::<Vec<_>>(),
            });
            self.request(target, body.to_string().as_bytes(), row)
        });
        Arc::new(made)
    }

    fn request(&self, target: &str, body: &[u8], row: usize) -> Vec<u8> {
        let signed =
            self.signer.authorization("POST", target, body, Timestamp::now().as_second(), &format!("{row:032x}"));
        let mut shot = format!(
            "POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: application/json\r\n\
             Content-Type: application/json\r\nAuthorization: {}\r\nWechatpay-Serial: {}\r\nContent-Length: {}\r\n\r\n",
            signed.authorization,
            self.answers_by,
            body.len()
        )
        .into_bytes();
        shot.extend_from_slice(body);
        shot
    }
}
