//! What single functions of `wechatpay` take: signing, verifying, opening a notification, the doctor. `make bench` compares
//! signing and verifying with what `openssl speed` says in the same run.
//!
//! criterion samples; what it measures is CPU time of the thread, so that what else the machine does is not in it.

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, SamplingMode};
use guitai_tests::house::read_key;
use guitai_tests::measure::{Figures, thread_cpu};
use serde_json::{Value, json};
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;
use wechatpay::doctor::{self, KeyFile, RequestInput};
use wechatpay::ids::{Mchid, PublicKeyId, SerialNo};
use wechatpay::keys::{ApiV3Key, TrustedKeys};
use wechatpay::notification::{self, Envelope, RawCallback};
use wechatpay::sign::Signer;
use wechatpay::time::Timestamp;
use wechatpay::{message, seal};

/// Seconds since 1970 at which all of it happens.
const NOW: i64 = 1_795_500_000;
const NONCE_12: &[u8; 12] = b"fdasfjihihih";
const NONCE: &str = "0123456789abcdef0123456789abcdef";
const TARGET: &str = "/v3/pay/transactions/jsapi";
const ID: &str = "PUB_KEY_ID_0119000000012026112400000001";

/// Samples of each function, and how long they take together.
const SAMPLES: usize = 20;
const SPAN: Duration = Duration::from_millis(1_600);

/// CPU time of this thread.
struct OwnTime;

impl Measurement for OwnTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        thread_cpu()
    }

    fn end(&self, began: Duration) -> Duration {
        thread_cpu().saturating_sub(began)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_secs_f64() * 1e9
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// A function with its name in the figures.
type Timed<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// Microseconds of CPU for each function: the median of its samples, and between which it lies with 95 %.
fn measured(all: Vec<Timed<'_>>) -> Vec<(&'static str, [f64; 3])> {
    let folder = tempfile::tempdir().expect("a folder for the samples");
    let mut criterion = Criterion::default().with_measurement(OwnTime).output_directory(folder.path()).without_plots();
    let mut group = criterion.benchmark_group("cpu");
    group.sampling_mode(SamplingMode::Flat).sample_size(SAMPLES).measurement_time(SPAN);
    group.warm_up_time(Duration::from_millis(300));
    let names: Vec<_> = all
        .into_iter()
        .map(|(name, mut run)| {
            group.bench_function(name, |bencher| bencher.iter(&mut run));
            name
        })
        .collect();
    group.finish();
    let found = names.into_iter().map(|name| {
        let file = folder.path().join("cpu").join(name).join("new/estimates.json");
        let estimates: Value =
            serde_json::from_slice(&std::fs::read(file).expect("criterion's estimates")).expect("JSON");
        let median = &estimates["median"];
        let interval = &median["confidence_interval"];
        let nanos = [&median["point_estimate"], &interval["lower_bound"], &interval["upper_bound"]];
        (name, nanos.map(|value| value.as_f64().expect("a number") / 1e3))
    });
    found.collect()
}

fn main() {
    let keys_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys");
    let read = |name: &str| read_key(&keys_folder.join(name));
    let (merchant, platform) = (read("merchant_key.pem"), read("pub_key_private.pem"));
    let text = vec![b'x'; 900];
    let (public, signature) = (merchant.public_key(), {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(merchant.sign(&text)).expect("base64")
    });
    let key = ApiV3Key::parse("0123456789abcdef0123456789abcdef").expect("32 characters");
    let paid = json!({
        "mchid": "1900000001", "appid": "wx0000000000000001", "out_trade_no": "GT20261124000042", "attach": "",
        "transaction_id": "4200001234202611240011223344", "trade_type": "JSAPI", "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功", "bank_type": "OTHERS", "success_time": "2026-11-24T18:00:00+08:00",
        "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
        "amount": { "total": 1250, "payer_total": 1250, "currency": "CNY", "payer_currency": "CNY" },
    })
    .to_string();
    let sealed = seal::seal(&key, NONCE_12, b"transaction", paid.as_bytes());
    let mut trusted = TrustedKeys::new();
    trusted.add_public_key(PublicKeyId::parse(ID).expect("an id"), platform.public_key());
    let envelope = Envelope {
        id: "4c5a8f6e-0000-4000-a000-000000000042",
        create_time: "2026-11-24T18:00:00+08:00",
        event_type: "TRANSACTION.SUCCESS",
        summary: "支付成功",
        original_type: "transaction",
    };
    let body = notification::write(envelope, &key, NONCE_12, paid.as_bytes());
    let headers = [
        ("Wechatpay-Timestamp", NOW.to_string()),
        ("Wechatpay-Nonce", NONCE.to_owned()),
        ("Wechatpay-Serial", ID.to_owned()),
        ("Wechatpay-Signature", platform.sign(&message::answer(&NOW.to_string(), NONCE, &body))),
    ];
    let raw = RawCallback { headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(), body };
    let (now, keys) = (Timestamp::from_second(NOW).expect("an instant"), [key]);
    let order = json!({ "appid": "wx0000000000000001", "mchid": "1900000001", "description": "火锅双人套餐",
        "out_trade_no": "GT20261124000042", "notify_url": "https://shop.example/notify", "amount": { "total": 1250 } });
    let order = order.to_string();
    let signer = Signer {
        mchid: Mchid::parse("1900000001").expect("a merchant number"),
        serial_no: SerialNo::parse("5157F09EFDC096DE15EBE81A47057A7232F1B8E1").expect("a serial"),
        key: merchant,
    };
    // the commonest mistake: what was signed is not what was sent
    let sent = order.replace("1250", "1251");
    let authorization = signer.authorization("POST", TARGET, order.as_bytes(), NOW, NONCE).authorization;
    let url = format!("https://api.mch.weixin.qq.com{TARGET}");
    let certificate = std::fs::read(keys_folder.join("merchant_cert.pem")).expect("a certificate");
    let mistaken = RequestInput {
        method: "POST",
        url: &url,
        body: sent.as_bytes(),
        authorization: &authorization,
        key: KeyFile::Certificate(&certificate),
        api_v3_key: None,
        now: None,
    };
    let found = measured(vec![
        ("sign", Box::new(|| drop(black_box(signer.key.sign(black_box(&text)))))),
        ("verify", Box::new(|| assert!(public.verify(black_box(&text), &signature)))),
        ("open", Box::new(|| drop(seal::open(&keys[0], NONCE_12, b"transaction", black_box(&sealed)).expect("opens")))),
        (
            "notification",
            Box::new(|| assert!(notification::open(black_box(&raw), &trusted, &keys, now).result.is_ok())),
        ),
        (
            "sign_string",
            Box::new(|| drop(black_box(message::request("POST", TARGET, black_box(NOW), NONCE, order.as_bytes())))),
        ),
        ("doctor", Box::new(|| drop(black_box(doctor::request(black_box(&mistaken)))))),
    ]);
    let figures = Figures::open();
    for (name, [micros, least, most]) in found {
        let pace = 1e6 / micros;
        println!("{name:<18} {micros:>8.2} µs ({least:.2} to {most:.2}), {pace:>8.0} a second (median of {SAMPLES})");
        figures.keep(&format!("{name}.micros"), micros);
    }
}
