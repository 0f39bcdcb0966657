//! A tunnel takes the place of the merchant's own `notify_url` for a while: whatever is written and whenever the program is
//! killed, the merchant's own comes back.

use guitai_console::{MerchantPatch, TunnelEvent, TunnelOptions, TunnelPreset};
use guitai_tests::house::{House, SHOP};
use rusqlite::Connection;
use std::time::Duration;

const OWN: &str = "https://shop.example/notify";

/// A tunnel for now whose program says these addresses; the last piece of news about an address. The tunnel is dropped then,
/// as a kill would.
async fn tunnelled(house: &House, addresses: &[&str]) -> Option<bool> {
    let said: Vec<_> = addresses.iter().map(|address| format!("echo {address};")).collect();
    let options = TunnelOptions {
        preset: TunnelPreset::Custom,
        port: 8787,
        command: Some(format!("sh -c '{} exec sleep 600'", said.concat())),
        for_now: true,
        ..TunnelOptions::default()
    };
    let mut tunnel = house.desk.tunnel_start(Some(SHOP), options).await.expect("sh starts");
    let wanted = format!("{}/notify/{SHOP}", addresses.last().expect("an address"));
    loop {
        let news = tokio::time::timeout(Duration::from_secs(60), tunnel.next()).await.expect("in time")?;
        if let TunnelEvent::Address { notify_url, notify_url_set, .. } = news
            && notify_url == wanted
        {
            return Some(notify_url_set);
        }
    }
}

async fn notify_url(house: &House) -> Option<String> {
    house.desk.merchant_show(Some(SHOP)).await.expect("the merchant").notify_url
}

async fn give(house: &House, url: &str) {
    let patch = MerchantPatch { notify_url: Some(url.to_owned()), ..MerchantPatch::default() };
    house.desk.merchant_update(SHOP, patch).await.expect("the merchant takes it");
}

async fn kept(house: &House) -> Option<String> {
    house.desk.settings_get().await.expect("settings").remove("tunnel.before")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_merchants_own_address_comes_back_whenever_the_program_ends() {
    let mut house = House::open().await;
    give(&house, OWN).await;

    // a kill between two writes is a write that never came: neither is there without the other
    let store = Connection::open(house.data_dir().join("guitai.db")).expect("the store");
    for refused in ["INSERT ON settings WHEN new.key = 'tunnel.before'", "UPDATE ON merchants"] {
        let trigger = format!("CREATE TRIGGER cut BEFORE {refused} BEGIN SELECT raise(ABORT, 'cut'); END");
        store.execute_batch(&trigger).expect("a trigger");
        assert_eq!(tunnelled(&house, &["https://a.example"]).await, Some(false), "{refused}");
        assert_eq!((notify_url(&house).await.as_deref(), kept(&house).await), (Some(OWN), None), "{refused}");
        store.execute_batch("DROP TRIGGER cut").expect("gone");
    }

    // one program, several addresses; killed; the next start puts back what was there before the first of them
    assert_eq!(tunnelled(&house, &["https://a.example", "https://b.example"]).await, Some(true));
    house.reopen_desk().await;
    assert_eq!(notify_url(&house).await.as_deref(), Some("https://b.example/notify/shop"));
    // killed again before it could: another tunnel's address is not the merchant's own either
    assert_eq!(tunnelled(&house, &["https://c.example"]).await, Some(true));
    for _ in 0..2 {
        house.desk.tunnel_put_back().await.expect("put back");
        assert_eq!((notify_url(&house).await.as_deref(), kept(&house).await), (Some(OWN), None));
    }

    // neither does putting back do half of it
    assert_eq!(tunnelled(&house, &["https://a.example"]).await, Some(true));
    let trigger = "CREATE TRIGGER cut BEFORE DELETE ON settings BEGIN SELECT raise(ABORT, 'cut'); END";
    store.execute_batch(trigger).expect("a trigger");
    house.desk.tunnel_put_back().await.expect_err("the store refused");
    assert_eq!(notify_url(&house).await.as_deref(), Some("https://a.example/notify/shop"));
    store.execute_batch("DROP TRIGGER cut").expect("gone");

    // what somebody wrote meanwhile stays
    give(&house, "https://new.example/notify").await;
    house.desk.tunnel_put_back().await.expect("nothing to put back");
    assert_eq!((notify_url(&house).await.as_deref(), kept(&house).await), (Some("https://new.example/notify"), None));

    // the page of the window may not say what is put back
    let refused = house.desk.settings_set("tunnel.before", "{}").await.expect_err("the desk's own");
    assert_eq!(refused.code, "INVALID_FIELD");
    house.close().await;
}
