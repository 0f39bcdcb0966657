//! The change to the WeChat Pay public key rehearsed at the sandbox, and a refused signature laid beside the gateway's.

use guitai_console::wire::Via;
use guitai_console::{KeySetup, MerchantInput, MigrationStep, OrderInput, Secret};
use guitai_tests::command::get;
use guitai_tests::house::{House, SHOP};
use wechatpay::money::Fen;

/// The sandbox's merchant with this private key, and no key of WeChat Pay.
fn without_public_key(house: &House, name: &str, private_key: Vec<u8>) -> MerchantInput {
    let text = |name: &str| house.ready[name].as_str().expect("a text").to_owned();
    MerchantInput {
        name: name.to_owned(),
        mchid: text("mchid"),
        appid: text("appid"),
        also_appids: Vec::new(),
        serial_no: Some(text("merchant_serial_no")),
        private_key: Secret::from_bytes(private_key),
        certificate: None,
        api_v3_key: Secret::from_bytes(text("api_v3_key").into_bytes()),
        app_secret: None,
        platform_certificates: Vec::new(),
        public_key_id: None,
        public_key: None,
        base_url: Some(text("base_url")),
        notify_url: Some(house.notify_url()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_breaks_what_the_real_one_breaks() {
    use KeySetup::{Both, Certificates, PublicKey};
    use MigrationStep::{Apply, Mixed, Retire, Switch};
    let house = House::open().await;
    let switches = format!("{}/_sandbox/switches", house.ready["base_url"].as_str().expect("an address"));
    let before = get(&switches).await;
    let played = house.desk.merchant_rehearse(Some(SHOP)).await.expect("a rehearsal");
    assert_eq!((played.yours, played.ok), (Some(Both), true), "{played:#?}");
    let mut broken = Vec::new();
    for step in &played.steps {
        for setup in &step.setups {
            assert_eq!(setup.yours, setup.setup == Both);
            let names: Vec<&str> = setup.checks.iter().filter(|it| !it.ok).map(|it| it.name.as_str()).collect();
            assert!(setup.checks.iter().filter(|it| !it.ok).all(|it| it.why.is_some()), "{setup:?}");
            if !names.is_empty() {
                broken.push((step.step, setup.setup, names.join(" ")));
            }
        }
    }
    let expected = [
        (Apply, PublicKey, "prepay query notification"),
        (Mixed, Certificates, "notification"),
        (Retire, Certificates, "prepay query notification certificates"),
    ];
    assert_eq!(broken, expected.map(|(step, setup, names)| (step, setup, names.to_owned())));
    assert!(played.steps.iter().any(|step| step.step == Switch));
    // the way back: as it was, and the desk knows of no order
    assert_eq!(get(&switches).await, before);
    assert!(house.desk.order_list(Some(SHOP), Default::default()).await.expect("orders").items.is_empty());

    // A merchant that has not got the key yet.
    house.desk.merchant_remove(SHOP).await.expect("gone");
    let key = std::fs::read(house.ready["merchant_private_key"].as_str().expect("a path")).expect("a key");
    house.desk.merchant_add(without_public_key(&house, "old", key)).await.expect("a profile");
    let old = house.desk.merchant_rehearse(Some("old")).await.expect("a rehearsal");
    assert_eq!((old.yours, old.ok), (Some(Certificates), false));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_signature_lies_beside_the_gateways_and_is_found_by_its_request_id() {
    let house = House::open().await;
    house.desk.merchant_remove(SHOP).await.expect("gone");
    let wrong_key = without_public_key(&house, "wrong", include_bytes!("../keys/other_key.pem").to_vec());
    house.desk.merchant_add(wrong_key).await.expect("a profile");
    let input = OrderInput { amount: Fen::new(100), description: "热美式".to_owned(), ..OrderInput::default() };
    let order = house.desk.order_create(Some("wrong"), input).await.expect("an order");
    let refused = house.desk.order_prepay(Some("wrong"), &order.out_trade_no, Via::Native).await.expect_err("refused");
    assert_eq!(refused.code, "SIGN_ERROR");
    let row = house.desk.exchange_list(Some("wrong"), 10, None).await.expect("calls").items.remove(0);
    let call = house.desk.exchange_show(&row.id).await.expect("the call");
    let beside = call.beside.clone().expect("both texts");
    assert_eq!((beside.parts_at.as_deref(), beside.lines.len()), (None, 5), "{beside:?}");
    assert_eq!(beside.ours_length, beside.theirs_length);
    assert!(beside.said.en.contains("key or the serial"), "{}", beside.said.en);
    for said in [row.request_id.clone().expect("a Request-ID"), format!("\n{}\n", call.response_body)] {
        let found = house.desk.exchange_find(Some("wrong"), &said).await.expect("looked for");
        assert_eq!(found.map(|it| it.summary.id), Some(row.id.clone()), "{said}");
    }
    for said in ["", "08E6D3B2B10610A8031894D0", "{}"] {
        assert!(house.desk.exchange_find(Some("wrong"), said).await.expect("looked for").is_none(), "{said}");
    }
    house.close().await;
}
