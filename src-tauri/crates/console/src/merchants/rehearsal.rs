//! Rehearsing the change from platform certificates to the WeChat Pay public key: each step is set at the merchant's
//! sandbox over HTTP, then a prepay, a query and a notification are judged by each set-up of keys that a merchant's server
//! may have. The sandbox is put back as it was; nothing is kept in the store, and no gateway but a sandbox is asked.

use super::Profile;
use crate::console::Console;
use crate::gateway::{Sending, Transport};
use crate::problem::{self, both};
use crate::wire::{Bilingual, Problem};
use guitai_door::{Answer as DoorAnswer, Door, Limits};
use serde::Serialize;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use wechatpay::api::{Answer, Request};
use wechatpay::keys::TrustedKeys;
use wechatpay::time::Timestamp;
use wechatpay::verify::{self, Rejection, SignatureHeaders};

/// A notification of the sandbox is there within milliseconds; after so long it is not coming.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many notifications wait to be looked at, at most.
const WAITING: usize = 16;

/// The steps of the real migration, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum MigrationStep {
    /// 申请: the public key was applied for; WeChat Pay signs as before.
    Apply,
    /// 切换: the merchant has the key and names it in `Wechatpay-Serial`.
    Switch,
    /// 灰度: WeChat Pay signs a share of all notifications with the public key, whoever asked.
    Mixed,
    /// 停用: certificates are gone.
    Retire,
}

/// Which of WeChat Pay's keys a merchant's server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum KeySetup {
    /// Platform certificates only.
    Certificates,
    /// Both.
    Both,
    /// The public key only.
    PublicKey,
}

/// The whole rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct Rehearsal {
    /// Profile.
    pub merchant: String,
    /// The merchant's set-up as it is; null: it knows no key of WeChat Pay.
    pub yours: Option<KeySetup>,
    /// Everything went through with that.
    pub ok: bool,
    /// In order.
    pub steps: Vec<RehearsedStep>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct RehearsedStep {
    /// Which.
    pub step: MigrationStep,
    /// What happens in it.
    pub what: Bilingual,
    /// What the merchant has to do before it.
    pub before: Bilingual,
    /// How to go back.
    pub back: Bilingual,
    /// Each set-up of keys.
    pub setups: Vec<RehearsedSetup>,
}

/// One set-up of keys in one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct RehearsedSetup {
    /// Which.
    pub setup: KeySetup,
    /// It is the merchant's own.
    pub yours: bool,
    /// Nothing breaks.
    pub ok: bool,
    /// What was tried, in order.
    pub checks: Vec<RehearsedCheck>,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct RehearsedCheck {
    /// `prepay`, `query`, `notification`, `certificates` (the download).
    pub name: String,
    /// It goes through.
    pub ok: bool,
    /// What the message's serial names: `platform_certificate`, `wechatpay_public_key`; null where nothing was signed.
    pub signed_by: Option<String>,
    /// What breaks, and what to do.
    pub why: Option<Bilingual>,
}

impl MigrationStep {
    const ALL: [MigrationStep; 4] =
        [MigrationStep::Apply, MigrationStep::Switch, MigrationStep::Mixed, MigrationStep::Retire];

    fn mode(self) -> &'static str {
        match self {
            MigrationStep::Apply => "certificate",
            // each request is answered by the key that it names
            MigrationStep::Switch | MigrationStep::Mixed => "mixed",
            MigrationStep::Retire => "public_key",
        }
    }

    fn told(self) -> (Bilingual, Bilingual, Bilingual) {
        match self {
            MigrationStep::Apply => (
                both(
                    "在商户平台申请微信支付公钥。微信支付仍用平台证书签名，什么都没有改变。",
                    "The public key is applied for on the merchant platform. WeChat Pay signs with the certificate as before; nothing changes.",
                ),
                both(
                    "下载 pub_key.pem，记下公钥 ID（PUB_KEY_ID_…），先不要删除平台证书。",
                    "Download pub_key.pem and note its id (PUB_KEY_ID_…); don't remove the platform certificates yet.",
                ),
                both("无需回退。", "There is nothing to go back from."),
            ),
            MigrationStep::Switch => (
                both(
                    "商户的请求带上 Wechatpay-Serial: PUB_KEY_ID_…，这些请求的应答和通知改用公钥签名。",
                    "The merchant's requests name Wechatpay-Serial: PUB_KEY_ID_…; their answers and notifications are signed with the public key.",
                ),
                both(
                    "验签按收到的序列号选公钥：公钥和平台证书都要认识。",
                    "Verify by the serial that is received: know the public key and the certificates.",
                ),
                both(
                    "去掉请求头 Wechatpay-Serial，应答即恢复为平台证书签名。",
                    "Leave the header Wechatpay-Serial out, and answers are signed with the certificate again.",
                ),
            ),
            MigrationStep::Mixed => (
                both(
                    "微信支付把一部分回调改用公钥签名，无论下单时是否带了公钥 ID（这里全部改用公钥）。",
                    "WeChat Pay signs a share of the notifications with the public key, whatever the order's request named (here: all of them).",
                ),
                both(
                    "所有回调服务都要先认识公钥，包括不再下单的旧服务。",
                    "Every service that takes notifications has to know the public key first, the old ones too.",
                ),
                both(
                    "在商户平台暂停切换，回调恢复为平台证书签名；未应答成功的回调会重发。",
                    "Pause the change on the merchant platform: notifications are signed with the certificate again, and those that were refused come again.",
                ),
            ),
            MigrationStep::Retire => (
                both(
                    "平台证书停用：一切都用公钥签名，下载平台证书返回 404。",
                    "Certificates are retired: everything is signed with the public key, and their download answers 404.",
                ),
                both(
                    "停掉平台证书的定时下载，并确认最近没有回调再用证书签名。",
                    "Stop downloading certificates at intervals, and see that no notification was signed with one lately.",
                ),
                both(
                    "真实环境停用后不能自助回退：停用前先把前一步运行足够久。",
                    "The real one has no way back of your own: let the step before run long enough first.",
                ),
            ),
        }
    }
}

impl Console {
    /// Plays the migration from platform certificates to the public key against the merchant's sandbox, and says what
    /// breaks at each step with the certificates only, with both, and with the public key only. Takes a few seconds; the
    /// sandbox's switches are put back.
    ///
    /// # Errors
    /// `REHEARSAL_NEEDS_SANDBOX` for any other gateway; `REHEARSAL_FAILED` where the sandbox doesn't do as asked; the
    /// merchant's.
    pub async fn merchant_rehearse(&self, m: Option<&str>) -> Result<Rehearsal, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        if !profile.sandbox || !is_on_this_machine(&profile.base_url) {
            return Err(problem::new(
                "REHEARSAL_NEEDS_SANDBOX",
                "演练只在本机的沙箱里进行，这个商户不是沙箱商户。",
                "A rehearsal takes place in a sandbox on this machine; this merchant is of another gateway.",
                "用 guitai merchant add NAME --from-sandbox FILE 添加沙箱商户，再演练。",
                "Add the sandbox's merchant with guitai merchant add NAME --from-sandbox FILE, and rehearse with that.",
            ));
        }
        let mut stage = Stage::open(self.desk.trust.transport().clone(), profile.clone())?;
        let before = stage.control("GET", "/_sandbox/switches", &Value::Null).await?;
        let kept = json!({ "mode": before["mode"], "public_key_share": before["public_key_share"] });
        let played = self.play(&mut stage).await;
        // put back even where the play broke off; the play's own problem says more
        let restored = stage.control("POST", "/_sandbox/switches", &kept).await;
        stage.door.close().await;
        let played = played?;
        restored?;
        Ok(played)
    }

    async fn play(&self, stage: &mut Stage) -> Result<Rehearsal, Problem> {
        stage.switch(MigrationStep::Apply).await?;
        // fresh certificates, while they can be had; with none the set-ups that need them show it
        let (_, fresh) = self.desk.trust.refresh(&stage.profile).await;
        let profile = fresh.unwrap_or_else(|_| stage.profile.clone());
        stage.profile = profile.clone();
        let (has_certificates, key) = (!profile.trusted.certificates().is_empty(), profile.public_key());
        let yours = match (has_certificates, key.is_some()) {
            (true, true) => Some(KeySetup::Both),
            (true, false) => Some(KeySetup::Certificates),
            (false, true) => Some(KeySetup::PublicKey),
            (false, false) => None,
        };
        let known = [
            (KeySetup::Certificates, has_certificates),
            (KeySetup::Both, has_certificates && key.is_some()),
            (KeySetup::PublicKey, key.is_some()),
        ];
        let mut steps = Vec::new();
        for step in MigrationStep::ALL {
            stage.switch(step).await?;
            let mut setups = Vec::new();
            for (setup, _) in known.iter().filter(|(_, known)| *known) {
                let checks = stage.run(step, *setup, self.desk.outside.now()).await?;
                let ok = checks.iter().all(|check| check.ok);
                setups.push(RehearsedSetup { setup: *setup, yours: Some(*setup) == yours, ok, checks });
            }
            let (what, before, back) = step.told();
            steps.push(RehearsedStep { step, what, before, back, setups });
        }
        let mine = |step: &RehearsedStep| step.setups.iter().filter(|setup| setup.yours).all(|setup| setup.ok);
        let ok = yours.is_some() && steps.iter().all(mine);
        Ok(Rehearsal { merchant: profile.name.clone(), yours, ok, steps })
    }
}

/// A notification as it came: the path it was sent to, its headers, its body.
struct Came {
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The sandbox, and a port of our own that takes its notifications.
struct Stage {
    transport: Transport,
    profile: Arc<Profile>,
    door: Door,
    came: mpsc::Receiver<Came>,
}

impl Stage {
    fn open(transport: Transport, profile: Arc<Profile>) -> Result<Stage, Problem> {
        let (tell, came) = mpsc::channel(WAITING);
        let handler = move |request: guitai_door::Request| {
            let tell = tell.clone();
            async move {
                let came = Came { target: request.target, headers: request.headers, body: request.body.to_vec() };
                // full: nobody waits for it any more
                let _ = tell.try_send(came);
                DoorAnswer::empty(204)
            }
        };
        let door = Door::open(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Limits::listener(), handler)
            .map_err(|error| failed(&error.to_string()))?;
        Ok(Stage { transport, profile, door, came })
    }

    async fn switch(&self, step: MigrationStep) -> Result<(), Problem> {
        let switches =
            json!({ "mode": step.mode(), "public_key_share": if step == MigrationStep::Mixed { 1.0 } else { 0.0 } });
        self.control("POST", "/_sandbox/switches", &switches).await.map(|_| ())
    }

    async fn control(&self, method: &'static str, target: &str, body: &Value) -> Result<Value, Problem> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = self.send(&self.profile, request(method, target, body, "control"), false).await?;
        if !(200..300).contains(&answer.status) {
            return Err(failed(&format!("{target}: {} {}", answer.status, String::from_utf8_lossy(&answer.body))));
        }
        Ok(serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    async fn send(&self, profile: &Profile, request: Request, sign: bool) -> Result<Answer, Problem> {
        let sending = Sending { profile, request: &request, base_url: &profile.base_url, sign };
        let (_, result) = self.transport.exchange(&sending).await;
        result.map_err(|lost| failed(&format!("{}: {lost:?}", request.target)))
    }

    /// A prepay, a query, a payment with its notification, and the download, by a server with this set-up.
    async fn run(
        &mut self,
        step: MigrationStep,
        setup: KeySetup,
        now: Timestamp,
    ) -> Result<Vec<RehearsedCheck>, Problem> {
        let mut server = (*self.profile).clone();
        server.trusted = self.trusted(setup);
        // Before the switch nobody names the public key; after it, who knows the key does.
        if step == MigrationStep::Apply || setup == KeySetup::Certificates {
            server.public_key_id = None;
        }
        let nonce = self.transport.outside().nonce();
        let no = format!("REHEARSAL{}", nonce.get(..20).unwrap_or(&nonce));
        let order = json!({
            "appid": server.appid.to_string(),
            "mchid": server.mchid.to_string(),
            "description": "rehearsal",
            "out_trade_no": no,
            "notify_url": format!("http://{}/rehearsal/{no}", self.door.addr()),
            "amount": { "total": 1 },
        });
        let prepay = request("POST", "/v3/pay/transactions/native", order.to_string().into_bytes(), "prepay");
        let target = format!("/v3/pay/transactions/out-trade-no/{no}?mchid={}", server.mchid);
        let prepaid = self.send(&server, prepay, true).await?;
        if !(200..300).contains(&prepaid.status) {
            return Err(failed(&String::from_utf8_lossy(&prepaid.body)));
        }
        let queried = self.send(&server, request("GET", &target, Vec::new(), "query"), true).await?;
        let pay = json!({ "out_trade_no": no, "mchid": server.mchid.to_string(), "outcome": "SUCCESS" });
        self.control("POST", "/_sandbox/payments", &pay).await?;
        let notified = self.notification(&no).await?;
        let mut checks = vec![
            check("prepay", &prepaid.headers, &prepaid.body, &server.trusted, now),
            check("query", &queried.headers, &queried.body, &server.trusted, now),
            check("notification", &notified.headers, &notified.body, &server.trusted, now),
        ];
        if setup != KeySetup::PublicKey {
            checks.push(self.download(&server, setup, now).await?);
        }
        Ok(checks)
    }

    fn trusted(&self, setup: KeySetup) -> TrustedKeys {
        let mut trusted = TrustedKeys::new();
        if setup != KeySetup::PublicKey {
            for certificate in self.profile.trusted.certificates() {
                trusted.add_certificate(certificate.clone());
            }
        }
        if let Some((id, key)) = self.profile.public_key().filter(|_| setup != KeySetup::Certificates) {
            trusted.add_public_key(id, key);
        }
        trusted
    }

    /// Who has certificates downloads them at intervals.
    async fn download(&self, server: &Profile, setup: KeySetup, now: Timestamp) -> Result<RehearsedCheck, Problem> {
        let answer = self.send(server, request("GET", "/v3/certificates", Vec::new(), "certificates"), true).await?;
        if answer.status != 404 {
            return Ok(check("certificates", &answer.headers, &answer.body, &server.trusted, now));
        }
        // With the public key at hand that is a line in a log; without it there is nothing left to verify with.
        let ok = setup == KeySetup::Both;
        let why = if ok {
            both(
                "平台证书不再提供（404）：停掉定时下载即可，验签不受影响。",
                "Certificates are no longer given (404): stop the download at intervals; verifying is not affected.",
            )
        } else {
            both(
                "平台证书不再提供（404），而服务器没有别的公钥。",
                "Certificates are no longer given (404), and the server has no other key.",
            )
        };
        Ok(RehearsedCheck { name: "certificates".to_owned(), ok, signed_by: None, why: Some(why) })
    }

    async fn notification(&mut self, no: &str) -> Result<Came, Problem> {
        let wanted = format!("/rehearsal/{no}");
        let waited = tokio::time::timeout(PATIENCE, async {
            while let Some(came) = self.came.recv().await {
                if came.target == wanted {
                    return Some(came);
                }
            }
            None
        });
        waited.await.ok().flatten().ok_or_else(|| failed("the sandbox sent no notification within 10 s"))
    }
}

fn request(method: &'static str, target: &str, body: Vec<u8>, purpose: &'static str) -> Request {
    Request { method, target: target.to_owned(), body, purpose, wants_signature: true, encrypted_for: None }
}

/// Would this set-up of keys believe the message?
fn check(
    name: &str,
    headers: &[(String, String)],
    body: &[u8],
    trusted: &TrustedKeys,
    now: Timestamp,
) -> RehearsedCheck {
    let read = SignatureHeaders::read(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let by_key = read.as_ref().ok().map(|signed| signed.serial.starts_with("PUB_KEY_ID_"));
    let result = read.and_then(|signed| verify::check(&signed, body, trusted, now));
    let why = match (&result, by_key) {
        (Ok(()), _) => None,
        (Err(Rejection::SerialUnknown(_)), Some(true)) => Some(both(
            "用微信支付公钥签名，服务器不认识这个公钥 ID：先配置 pub_key.pem 和公钥 ID，再按序列号选公钥验签。",
            "Signed with the public key, whose id this server doesn't know: configure pub_key.pem and its id first, and choose the key by the serial.",
        )),
        (Err(Rejection::SerialUnknown(_)), Some(false)) => Some(both(
            "用平台证书签名，而服务器只有公钥：停用平台证书之前不要删掉它。",
            "Signed with the platform certificate, and this server has the public key only: don't remove certificates before they are retired.",
        )),
        (Err(other), _) => Some(both(format!("验签不通过：{other}"), format!("It doesn't verify: {other}"))),
    };
    let signed_by = by_key.map(|key| if key { "wechatpay_public_key" } else { "platform_certificate" }.to_owned());
    RehearsedCheck { name: name.to_owned(), ok: result.is_ok(), signed_by, why }
}

/// The controls of a sandbox answer on loopback only, and nobody else's server is switched.
fn is_on_this_machine(base_url: &str) -> bool {
    let host = base_url.strip_prefix("http://").unwrap_or_default();
    ["127.0.0.1:", "localhost:", "[::1]:"].iter().any(|start| host.starts_with(start))
}

fn failed(why: &str) -> Problem {
    problem::new(
        "REHEARSAL_FAILED",
        "演练没有完成：沙箱没有照做。",
        "The rehearsal didn't come to its end: the sandbox didn't do as asked.",
        "确认沙箱正在运行、没有打开其他故障，再试一次。",
        "See that the sandbox runs and has no faults switched on, and try again.",
    )
    .with_why(crate::visible(why, 300), crate::visible(why, 300))
}
