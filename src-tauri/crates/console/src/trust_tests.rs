//! Bootstrap, rotation, one download for many askers, and the five minutes that strangers have to wait.

use super::*;
use crate::gateway::stand::*;
use crate::merchants::{MerchantInput, MerchantPatch};
use crate::secret::Secret;
use guitai_door::Answer as Reply;
use std::sync::atomic::AtomicBool;

const PATH: &str = "/v3/certificates";

fn serials(profile: &Profile) -> Vec<String> {
    let mut all: Vec<_> = profile.trusted.certificates().iter().map(|found| found.serial().to_string()).collect();
    all.sort();
    all
}

fn of(list: &[By]) -> Vec<String> {
    let mut all: Vec<_> = list.iter().map(|one| one.serial()).collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_merchant_without_any_key_bootstraps_by_its_api_v3_key() {
    let stand =
        Stand::open(|_, _, clock| certificate_list(clock, By::Platform2, &[By::Platform2], &api_v3_key())).await;
    let bare = MerchantInput {
        platform_certificates: Vec::new(),
        appid: "wx0000000000000001".to_owned(),
        ..stand.input("bare")
    };
    stand.merchants.add(bare).await.expect("added");
    let profile = stand.merchants.get(Some("bare")).await.expect("the merchant");
    assert!(profile.trusted.is_empty());
    let (records, fresh) = stand.trust.refresh(&profile).await;
    assert_eq!(serials(&fresh.expect("fresh")), of(&[By::Platform2]));
    assert_eq!((records.len(), records[0].outcome), (1, "ok"));
    assert_eq!(records[0].verified.as_ref().and_then(|text| text.ok), Some(true));
}

#[tokio::test]
async fn the_set_follows_the_list_and_other_processes_see_it() {
    let only_new = Arc::new(AtomicBool::new(false));
    let switch = only_new.clone();
    let stand = Stand::open(move |_, _, clock| {
        let list: &[By] = if switch.load(Ordering::SeqCst) { &[By::Platform2] } else { &[By::Platform, By::Platform2] };
        certificate_list(clock, By::Platform2, list, &api_v3_key())
    })
    .await;
    let news = stand.trust.refreshed();
    let (_, both) = stand.trust.refresh(&stand.profile().await).await;
    assert_eq!(serials(&both.expect("both")), of(&[By::Platform, By::Platform2]));
    assert!(news.has_changed().expect("open"));
    only_new.store(true, Ordering::SeqCst);
    let (_, one) = stand.trust.refresh(&stand.profile().await).await;
    assert_eq!(serials(&one.expect("one")), of(&[By::Platform2]), "the old one is trusted no longer");
    let other = Store::open(stand.folder.path()).expect("a second process");
    let rows = other.read_now::<_, StoreError>(|view| view.platform_certificates(1)).expect("rows");
    assert_eq!(rows.into_iter().map(|row| row.serial_no).collect::<Vec<_>>(), of(&[By::Platform2]));
}

#[tokio::test]
async fn what_can_not_be_believed_changes_nothing() {
    type Make = fn(&Outside) -> Reply;
    let cases: [(&str, Make); 5] = [
        ("KeyDoesNotOpen", |clock| certificate_list(clock, By::Platform, &[By::Platform2], OTHER_API_V3_KEY)),
        ("Unverified", |clock| certificate_list(clock, By::Forger, &[By::Platform2], &api_v3_key())),
        ("Unverified", |clock| match certificate_list(clock, By::Platform, &[By::Platform2], &api_v3_key()) {
            Reply::Full { status, body, .. } => Reply::Full { status, headers: Vec::new(), body },
            other => other,
        }),
        ("Refused", |_| with_headers(404, r#"{"code":"RESOURCE_NOT_EXISTS","message":"无可用的平台证书"}"#, &[])),
        ("Unreadable", |clock| signed(clock, By::Platform, 200, "[]")),
    ];
    for (name, make) in cases {
        let stand = Stand::open(move |_, _, clock| make(clock)).await;
        let (records, fresh) = stand.trust.refresh(&stand.profile().await).await;
        let error = format!("{:?}", fresh.expect_err(name));
        assert!(error.starts_with(name), "{name}: {error}");
        assert_ne!(records[0].outcome, "ok", "{name}");
        assert_eq!(serials(&*stand.profile().await), of(&[By::Platform]), "{name}");
    }
}

#[tokio::test]
async fn the_key_before_still_opens_on_the_first_day() {
    let stand = Stand::open(|_, _, clock| certificate_list(clock, By::Platform, &[By::Platform], &api_v3_key())).await;
    let new_key = Some(Secret::from(OTHER_API_V3_KEY.to_owned()));
    let profile = stand.change(MerchantPatch { api_v3_key: new_key, ..Default::default() }).await;
    assert!(stand.trust.refresh(&profile).await.1.is_ok());
    stand.outside.advance(24 * 3_600 + 1);
    let (_, later) = stand.trust.refresh(&stand.profile().await).await;
    assert!(matches!(later, Err(GatewayError::KeyDoesNotOpen { .. })), "{later:?}");
}

#[tokio::test]
async fn many_askers_share_one_download() {
    let stand =
        Stand::open(|_, _, clock| certificate_list(clock, By::Platform, &[By::Platform, By::Platform2], &api_v3_key()))
            .await;
    let profile = stand.profile().await;
    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (trust, profile) = (stand.trust.clone(), profile.clone());
        askers.spawn(async move { trust.refresh(&profile).await });
    }
    let mut records = 0;
    while let Some(asked) = askers.join_next().await {
        let (kept, fresh) = asked.expect("asked");
        records += kept.len();
        assert_eq!(serials(&fresh.expect("fresh")), of(&[By::Platform, By::Platform2]));
    }
    assert_eq!((records, stand.calls(PATH).len()), (1, 1));
}

#[tokio::test]
async fn strangers_cause_one_download_in_five_minutes() {
    let stand = Stand::open(|_, _, clock| certificate_list(clock, By::Platform, &[By::Platform], &api_v3_key())).await;
    let profile = stand.profile().await;
    let mut news = stand.trust.refreshed();
    let begun = (0..1_000).filter(|_| stand.trust.strangers_serial(&profile)).count();
    assert_eq!(begun, 1);
    news.changed().await.expect("a download");
    for (seconds, allowed) in [(299, false), (1, true), (299, false), (2, true)] {
        stand.outside.advance(seconds);
        assert_eq!(stand.trust.strangers_serial(&profile), allowed, "{seconds} s later");
        if allowed {
            news.changed().await.expect("a download");
        }
    }
    assert_eq!(stand.calls(PATH).len(), 3);
}

#[tokio::test]
async fn the_patrol_looks_again_after_twelve_hours() {
    let stand =
        Stand::open(|_, _, clock| certificate_list(clock, By::Platform, &[By::Platform, By::Platform2], &api_v3_key()))
            .await;
    for (seconds, calls) in [(0, 0), (12 * 3_600 - 1, 0), (1, 1), (600, 1), (12 * 3_600, 2)] {
        stand.outside.advance(seconds);
        stand.trust.patrol().await.expect("patrolled");
        assert_eq!(stand.calls(PATH).len(), calls, "after {seconds} s more");
    }
}

#[tokio::test]
async fn a_merchant_with_a_public_key_only_is_left_alone_by_the_patrol() {
    let stand = Stand::open(|_, _, _| Reply::empty(500)).await;
    let input = MerchantInput {
        platform_certificates: Vec::new(),
        appid: "wx0000000000000001".to_owned(),
        public_key_id: Some(PUBLIC_KEY_ID.to_owned()),
        public_key: Some(text(fixture!("pub_key.pem"))),
        ..stand.input("modern")
    };
    stand.merchants.add(input).await.expect("added");
    stand.merchants.remove("shop").await.expect("removed");
    stand.outside.advance(100 * 3_600);
    stand.trust.patrol().await.expect("patrolled");
    assert!(stand.calls(PATH).is_empty());
}
