//! A store with very many orders, made in seconds: for the bench, and for looking at the window with a year of trade.

use guitai_console::{Console, MerchantInput, Options, Outside, Secret};
use rusqlite::{Connection, params};
use std::path::Path;

/// What is sold; the last is rare.
pub const DESCRIPTIONS: [&str; 20] = [
    "火锅双人套餐",
    "停车两小时",
    "热美式 Americano",
    "珍珠奶茶 大杯",
    "会员年卡",
    "牛肉面",
    "手冲咖啡豆 250 g",
    "洗车",
    "儿童乐园门票",
    "理发",
    "鲜花束",
    "打印 20 页",
    "充电桩 12 kWh",
    "健身课",
    "早餐豆浆油条",
    "水果拼盘",
    "图书《三体》",
    "手机壳",
    "干洗大衣",
    "榴莲千层",
];
/// A day in the middle of what is seeded, in Beijing.
pub const DAY: &str = "2026-06-01";
/// The first order's time, milliseconds: 2025-11-24 in Beijing.
const BEGIN: i64 = 1_763_913_600_000;
/// All orders lie in this span: a year.
const SPAN: i64 = 365 * 86_400_000;
/// The merchant's number.
pub const MCHID: &str = "1900000001";
/// Its app.
pub const APPID: &str = "wx0000000000000001";
/// Under which the desk trusts `keys/pub_key.pem`.
pub const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000012026112400000001";
/// What opens the desk's vault.
pub const PASSPHRASE: &str = "seed";
/// Fen of each order that [`unpaid`] puts in.
pub const UNPAID_TOTAL: i64 = 1_250;

/// The number of the order at `row`.
#[must_use]
pub fn number(row: usize) -> String {
    format!("GT{:010}{:06}", row, row * 7_919 % 999_983)
}

/// The openid of a payer.
#[must_use]
pub fn openid(payer: usize) -> String {
    format!("oUpF8uMuAJO_M2pxb1Q9zNj{payer:05}")
}

/// A desk with one merchant in `folder`.
///
/// # Panics
/// When it doesn't open.
pub async fn desk(folder: &Path) -> Console {
    desk_that(folder, |_| ()).await
}

/// A desk whose merchant trusts `keys/pub_key.pem`, and whose gateway is nobody: nothing of it is ever sent anywhere.
///
/// # Panics
/// When it doesn't open.
pub async fn desk_that_listens(folder: &Path) -> Console {
    let key = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/pub_key.pem")).expect("a key");
    desk_that(folder, |merchant| {
        merchant.public_key_id = Some(PUBLIC_KEY_ID.to_owned());
        merchant.public_key = Some(key);
        merchant.base_url = Some("http://127.0.0.1:9".to_owned());
    })
    .await
}

async fn desk_that(folder: &Path, change: impl FnOnce(&mut MerchantInput)) -> Console {
    let options = Options {
        data_dir: folder.to_owned(),
        passphrase: Some(Secret::from_bytes(PASSPHRASE.into())),
        interactive: false,
        outside: Outside::real(),
    };
    let console = Console::open(options).await.expect("the desk opens");
    let key = |name: &str| std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("keys").join(name)).expect("a key");
    let mut merchant = MerchantInput {
        name: "shop".to_owned(),
        mchid: MCHID.to_owned(),
        appid: APPID.to_owned(),
        private_key: Secret::from_bytes(key("merchant_key.pem")),
        certificate: Some(String::from_utf8(key("merchant_cert.pem")).expect("PEM is text")),
        api_v3_key: Secret::from_bytes(b"0123456789abcdef0123456789abcdef".to_vec()),
        ..MerchantInput::default()
    };
    change(&mut merchant);
    console.merchant_add(merchant).await.expect("the merchant is added");
    console
}

/// Puts `rows` orders of a year into the store in `folder`: nine in ten paid, a few of every other kind.
///
/// # Panics
/// When the store is not what this page thinks it is.
pub fn orders(folder: &Path, rows: usize) {
    let mut store = Connection::open(folder.join("guitai.db")).expect("the store");
    store.pragma_update(None, "synchronous", "OFF").expect("fast");
    store.pragma_update(None, "cache_size", -400_000).expect("fast");
    let writing = store.transaction().expect("begins");
    {
        let words: Vec<String> = DESCRIPTIONS.iter().map(|text| bigrams(text)).collect();
        let mut order = writing
            .prepare(
                "INSERT INTO orders (id, merchant, mchid, appid, out_trade_no, state, description, total, currency, openid,
                   via, callback_verdict, created_at)
                 VALUES (?1, 'shop', ?2, 'wx0000000000000001', ?3, ?4, ?5, ?6, 'CNY', ?7, ?8, ?9, ?10)",
            )
            .expect("orders");
        let mut paid = writing
            .prepare("UPDATE orders SET transaction_id = ?2, success_time = ?3, found_by = 'callback' WHERE id = ?1")
            .expect("payments");
        let mut index = writing.prepare("INSERT INTO order_words (rowid, words) VALUES (?1, ?2)").expect("words");
        let mut dice = 0x2545_f491_4f6c_dd1d_u64;
        for row in 0..rows {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            let roll = |sides: u64, shift: u32| usize::try_from((dice >> shift) % sides).unwrap_or(0);
            let state = ["CREATED", "NOTPAY", "CLOSED", "PAYERROR"].get(roll(40, 0)).copied().unwrap_or("SUCCESS");
            let goods = if roll(2_000, 8) == 0 { 19 } else { roll(19, 16) };
            let common = [3_800, 1_250, 990, 6_600].get(roll(12, 24)).copied();
            let total = common.unwrap_or(100 + i64::try_from(roll(999_900, 24)).unwrap_or(0));
            let via = match roll(1_000, 4) {
                _ if state == "CREATED" => None,
                0 => Some("h5"),
                1..30 => Some("app"),
                30..400 => Some("native"),
                _ => Some("jsapi"),
            };
            let lamp = match roll(5_000, 12) {
                _ if state != "SUCCESS" => None,
                0 => Some("held"),
                1..100 => Some("duplicate"),
                _ => Some("applied"),
            };
            let id = i64::try_from(row + 1).expect("a row");
            let created = BEGIN + SPAN / i64::try_from(rows).expect("rows") * (id - 1);
            let payer = (roll(4, 20) > 0).then(|| openid(roll(50_000, 28)));
            order
                .execute(params![id, MCHID, number(row), state, DESCRIPTIONS[goods], total, payer, via, lamp, created])
                .expect("an order");
            if state == "SUCCESS" {
                paid.execute(params![id, format!("42000000{row:020}"), created + 20_000]).expect("a payment");
            }
            index.execute(params![id, words[goods]]).expect("words");
        }
    }
    writing.commit().expect("commits");
    store
        .execute_batch("INSERT INTO order_words (order_words) VALUES ('optimize'); PRAGMA wal_checkpoint(TRUNCATE)")
        .expect("settles");
}

/// Puts orders that wait to be paid into the store in `folder`, numbered by their rows.
///
/// # Panics
/// When the store is not what this page thinks it is.
pub fn unpaid(folder: &Path, rows: std::ops::Range<usize>) {
    let mut store = Connection::open(folder.join("guitai.db")).expect("the store");
    let writing = store.transaction().expect("begins");
    {
        let mut order = writing
            .prepare(
                "INSERT INTO orders (merchant, mchid, appid, out_trade_no, state, description, total, currency, via, created_at)
                 VALUES ('shop', ?1, ?2, ?3, 'NOTPAY', ?4, ?5, 'CNY', 'jsapi', ?6)",
            )
            .expect("orders");
        let mut index = writing.prepare("INSERT INTO order_words (rowid, words) VALUES (?1, ?2)").expect("words");
        for row in rows {
            let goods = DESCRIPTIONS[row % DESCRIPTIONS.len()];
            let created = BEGIN + SPAN + i64::try_from(row).expect("a row");
            order.execute(params![MCHID, APPID, number(row), goods, UNPAID_TOTAL, created]).expect("an order");
            index.execute(params![writing.last_insert_rowid(), bigrams(goods)]).expect("words");
        }
    }
    writing.commit().expect("commits");
}

/// As the store writes them; the bench looks whether they are found.
fn bigrams(text: &str) -> String {
    let characters: Vec<char> = text.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let pairs = characters.windows(2).map(|pair| format!("{:x}x{:x}", u32::from(pair[0]), u32::from(pair[1])));
    pairs.collect::<Vec<_>>().join(" ")
}
