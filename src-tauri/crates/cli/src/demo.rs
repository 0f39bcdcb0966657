//! `guitai demo`: the main job once, end to end, over real HTTP between a desk and a sandbox of its own.
//!
//! Everything happens on free loopback ports and in a temporary folder that is removed at the end, so several can run
//! at once. The steps and their order are public; [`crate::demo`] only conducts, the work is the desk's and the sandbox's.

mod trace;

use crate::Context;
use crate::desk;
use crate::failure::{Done, Failure, problem};
use crate::out::money;
use crate::stop::Stop;
use crate::text::both;
use guitai_console::wire::{Callback, Problem, Verdict, Via};
use guitai_console::{Console, ListenOptions, OrderInput, RefundInput};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::Receiver;
use trace::{Failed, Trace};
use wechatpay::money::Fen;
use wechatpay_sandbox::{PayCommand, PayOutcome, RedeliverFault, Sandbox};

/// What is sold in the demo, in fen.
const PRICE: Fen = Fen::new(1250);
/// How long a delivery may take to arrive before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(8);

/// Runs the demo; exit 1 where a step failed.
pub async fn run(context: &Context) -> Done {
    let mut stop = Stop::watch()?;
    let mut trace = Trace::new(context);
    let made = tempfile::Builder::new().prefix("guitai-demo-").tempdir();
    let Ok(folder) = trace.check("sandbox_started", made.map_err(|error| no_folder(&error))) else {
        return Err(Failure::NotValid);
    };
    let result = tokio::select! {
        result = play(&mut trace, folder.path()) => result.map_err(|Failed| Failure::NotValid),
        () = stop.asked() => Err(Failure::refused(
            "INTERRUPTED",
            both("演示被中断。", "The demo was interrupted."),
            both("重新运行 guitai demo。", "Run guitai demo again."),
        )),
    };
    // The folder goes whatever came of it; what the system won't remove is told.
    if let Err(error) = folder.close() {
        context.out.note(&error.to_string());
    }
    result
}

async fn play(trace: &mut Trace<'_>, folder: &Path) -> Result<(), Failed> {
    let started = Instant::now();
    let options =
        wechatpay_sandbox::Options { data_dir: folder.join("wechatpay"), port: 0, proxy_port: 0, merchants: 1 };
    let sandbox =
        trace.check("sandbox_started", wechatpay_sandbox::start(options).await.map_err(crate::sandbox::failed))?;
    let ready = sandbox.ready_line();
    trace.ok(
        "sandbox_started",
        json!({ "base_url": ready["base_url"], "mchid": ready["mchid"], "appid": ready["appid"] }),
        both(
            "启动了一个只在本机的微信支付：有自己的密钥，每个请求都验签，每个应答都签名。",
            "A WeChat Pay of this machine's own: it has its keys, checks the signature of every request and signs every answer.",
        ),
    );
    let result = take_money(trace, &folder.join("desk"), &sandbox, started).await;
    sandbox.stop().await;
    result
}

async fn take_money(trace: &mut Trace<'_>, folder: &Path, sandbox: &Sandbox, started: Instant) -> Result<(), Failed> {
    let console = trace.check("order_created", desk::open(folder, false).await)?;
    let result = journey(trace, &console, sandbox, started).await;
    console.close().await;
    result
}

async fn journey(trace: &mut Trace<'_>, console: &Console, sandbox: &Sandbox, started: Instant) -> Result<(), Failed> {
    let step = "order_created";
    trace.check(step, console.merchant_add_from_sandbox("demo", &sandbox.ready_line()).await)?;
    let listener = trace.check(
        step,
        console.listen(ListenOptions { merchant: Some("demo".to_owned()), ..ListenOptions::default() }).await,
    )?;
    let mut deliveries = listener.deliveries();
    let result = one_payment(trace, console, sandbox, &listener, &mut deliveries).await;
    listener.stop().await;
    let (out_trade_no, transaction_id) = result?;
    trace.ok(
        "done",
        json!({ "out_trade_no": out_trade_no, "transaction_id": transaction_id, "elapsed_ms": started.elapsed().as_millis() }),
        both("一笔支付走完了全程；临时目录随即删除。", "One payment, all the way; the temporary folder is removed now."),
    );
    Ok(())
}

/// From the order to the refund; the order's two numbers.
async fn one_payment(
    trace: &mut Trace<'_>,
    console: &Console,
    sandbox: &Sandbox,
    listener: &guitai_console::Listener,
    deliveries: &mut Receiver<Callback>,
) -> Result<(String, String), Failed> {
    let m = Some("demo");
    let openid = sandbox.openid_for("demo");
    let notify_url = format!("http://{}/notify/demo", listener.addr());
    let input = OrderInput {
        amount: PRICE,
        description: trace.pick("柜台演示：拿铁一杯", "Guitai demo: one latte").to_owned(),
        openid: Some(openid.clone()),
        out_trade_no: None,
        attach: None,
        notify_url: Some(notify_url.clone()),
        fields: None,
        appid: None,
    };
    let order = trace.check("order_created", console.order_create(m, input).await)?;
    let no = order.out_trade_no.clone();
    trace.ok(
        "order_created",
        json!({ "out_trade_no": no, "amount": order.amount, "notify_url": notify_url, "state": order.state }),
        both(
            format!("商户先记下订单，金额 {}；外面还没有人知道它。", money(order.amount.total)),
            format!(
                "The merchant writes the order down first, {}; nobody outside has heard of it.",
                money(order.amount.total)
            ),
        ),
    );

    let prepaid = trace.check("prepay", console.order_prepay(m, &no, Via::Jsapi).await)?;
    trace.ok(
        "prepay",
        json!({ "prepay_id": prepaid.prepay_id, "state": prepaid.order.state }),
        both(
            "用商户私钥签名请求，用微信支付的密钥验证应答，得到 prepay_id。",
            "The request is signed with the merchant's key, the answer verified with WeChat Pay's: a prepay_id.",
        ),
    );

    let params = trace.check("pay_params", console.pay_params(m, &no).await)?;
    let mut with_app = params.clone();
    with_app["appId"] = json!(order.appid);
    let verdict = sandbox.check_pay_params(with_app);
    trace.check("pay_params", if verdict.ok { Ok(()) } else { Err(refused_by_client(&verdict.err_msg)) })?;
    trace.ok(
        "pay_params",
        json!({ "pay_params": params, "err_msg": verdict.err_msg }),
        both(
            "小程序要交给 wx.requestPayment 的参数；像微信客户端那样检查过签名。",
            "What the mini-program hands to wx.requestPayment; its signature was checked as WeChat's client would.",
        ),
    );

    let payment = PayCommand { out_trade_no: Some(no.clone()), outcome: PayOutcome::Success, ..PayCommand::default() };
    let paid = trace.check("payer_paid", sandbox.pay(payment).await.map_err(|error| control(&error)))?;
    let transaction_id = paid["transaction_id"].as_str().unwrap_or_default().to_owned();
    trace.ok(
        "payer_paid",
        json!({ "transaction_id": transaction_id, "openid": openid }),
        both(
            "顾客在手机上付了款；微信支付开始通知商户。",
            "The customer paid on the phone; WeChat Pay begins to notify the merchant.",
        ),
    );

    let arrived = |callback: &Callback| {
        callback.out_trade_no.as_deref() == Some(&no) && callback.event_type.as_deref() == Some("TRANSACTION.SUCCESS")
    };
    let callback = trace.check("callback_received", next(deliveries, arrived).await)?;
    trace.ok(
        "callback_received",
        json!({ "id": callback.id, "notification_id": callback.notification_id, "http_status": callback.http_status, "latency_ms": callback.latency_ms }),
        both(
            format!("回调到了，{} 毫秒内应答 {}：先落盘，后应答。", callback.latency_ms, callback.http_status),
            format!("The callback came and was answered {} within {} ms: kept first, answered after.", callback.http_status, callback.latency_ms),
        ),
    );

    let dossier = trace.check("signature_verified", console.callback_show(&callback.id).await)?;
    let check = |name: &str| {
        dossier.checks.iter().find(|check| check.name == name && check.ok).ok_or_else(|| failed_check(name))
    };
    let signature = trace.check("signature_verified", check("signature_valid"))?;
    let serial = dossier.signed.as_ref().map(|signed| signed.serial_no.clone());
    trace.ok(
        "signature_verified",
        json!({ "serial_no": serial, "detail": signature.detail }),
        both(
            "签名覆盖时间戳、随机串和原始报文，用序列号指明的密钥验过。",
            "The signature covers time stamp, nonce and the exact body; it was checked with the key that the serial names.",
        ),
    );

    trace.check("resource_decrypted", check("resource_decrypts"))?;
    trace.ok(
        "resource_decrypted",
        json!({ "decrypted": dossier.decrypted }),
        both(
            "用 APIv3 密钥解开 AEAD_AES_256_GCM 的内容，得到交易。",
            "The APIv3 key opened the AEAD_AES_256_GCM content: the transaction.",
        ),
    );

    let paid = trace.check("order_paid", console.order_show(m, &no).await)?;
    trace.check(
        "order_paid",
        expect(paid.order.state == "SUCCESS" && callback.verdict == Verdict::Applied, "state", &paid.order.state),
    )?;
    trace.ok(
        "order_paid",
        json!({ "state": paid.order.state, "transaction_id": paid.order.transaction_id, "verdict": callback.verdict }),
        both(
            "商户号、应用、单号、金额都对得上，订单在同一个事务里变为已支付。",
            "Merchant, app, number and amount match: the order turned paid, in one transaction with the delivery.",
        ),
    );

    let notification = callback.notification_id.clone().unwrap_or_default();
    let duplicate =
        redelivered(trace, "duplicate_ignored", sandbox, &notification, None, deliveries, Verdict::Duplicate).await?;
    trace.ok(
        "duplicate_ignored",
        json!({ "verdict": duplicate.verdict, "http_status": duplicate.http_status }),
        both(
            "同一通知又来一次：应答成功，订单不再变动。",
            "The same notification again: acknowledged, and the order doesn't change.",
        ),
    );

    let forged = redelivered(
        trace,
        "forgery_rejected",
        sandbox,
        &notification,
        Some(RedeliverFault::BadSignature),
        deliveries,
        Verdict::Rejected,
    )
    .await?;
    trace.ok(
        "forgery_rejected",
        json!({ "verdict": forged.verdict, "reason": forged.reason, "http_status": forged.http_status }),
        both(
            format!("换一把密钥签的伪造通知：应答 {}，隔离保存，不入账。", forged.http_status),
            format!(
                "A forgery, signed with another key: answered {}, kept in quarantine, never applied.",
                forged.http_status
            ),
        ),
    );

    let input = RefundInput {
        amount: None,
        reason: Some(trace.pick("演示退款", "Demo refund").to_owned()),
        out_refund_no: None,
    };
    let refund = trace.check("refunded", console.order_refund(m, &no, input).await)?;
    trace.check("refunded", sandbox.advance(2).await.map_err(|error| control(&error)))?;
    let settled = |callback: &Callback| callback.event_type.as_deref() == Some("REFUND.SUCCESS");
    let callback = trace.check("refunded", next(deliveries, settled).await)?;
    let refunded = trace.check("refunded", console.order_show(m, &no).await)?;
    let status = refunded
        .refunds
        .iter()
        .find(|it| it.out_refund_no == refund.out_refund_no)
        .map(|it| it.status.clone())
        .unwrap_or_default();
    trace.check("refunded", expect(status == "SUCCESS" && callback.verdict == Verdict::Applied, "status", &status))?;
    trace.ok(
        "refunded",
        json!({ "out_refund_no": refund.out_refund_no, "refund_id": refund.refund_id, "status": status, "amount": refund.amount }),
        both(
            format!("退款 {}：先处理中，退款通知到了才算成功。", money(refund.amount.refund)),
            format!("Refunded {}: processing at first, done only when the refund notification came.", money(refund.amount.refund)),
        ),
    );
    Ok((no, transaction_id))
}

/// Has the sandbox deliver once more, and waits for what the desk made of it.
async fn redelivered(
    trace: &mut Trace<'_>,
    step: &'static str,
    sandbox: &Sandbox,
    notification: &str,
    fault: Option<RedeliverFault>,
    deliveries: &mut Receiver<Callback>,
    expected: Verdict,
) -> Result<Callback, Failed> {
    trace.check(step, sandbox.redeliver(notification, fault).await.map_err(|error| control(&error)))?;
    let callback = trace.check(step, next(deliveries, |_| true).await)?;
    let verdict = json!(callback.verdict);
    trace.check(step, expect(callback.verdict == expected, "verdict", verdict.as_str().unwrap_or_default()))?;
    Ok(callback)
}

/// The next delivery that is `wanted`.
async fn next(deliveries: &mut Receiver<Callback>, wanted: impl Fn(&Callback) -> bool) -> Result<Callback, Problem> {
    let waiting = async {
        loop {
            if let Ok(callback) = deliveries.recv().await
                && wanted(&callback)
            {
                return callback;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.map_err(|_| {
        problem(
            "NO_CALLBACK",
            both("等不到回调。", "The callback didn't come."),
            both("检查本机防火墙是否拦截了 127.0.0.1。", "See whether a firewall on this machine blocks 127.0.0.1."),
        )
    })
}

fn expect(holds: bool, what: &str, found: &str) -> Result<(), Problem> {
    if holds {
        return Ok(());
    }
    Err(problem(
        "UNEXPECTED",
        both(
            format!("{what} 是 {found}，不是应有的值。"),
            format!("{what} is {found}, which is not what it should be."),
        ),
        both("这是程序的缺陷，请报告。", "That is a fault of the program; please report it."),
    ))
}

fn failed_check(name: &str) -> Problem {
    problem(
        "CHECK_FAILED",
        both(format!("检查 {name} 未通过。"), format!("The check {name} did not pass.")),
        both("这是程序的缺陷，请报告。", "That is a fault of the program; please report it."),
    )
}

fn control(error: &wechatpay_sandbox::ControlError) -> Problem {
    problem(
        "SANDBOX_REFUSED",
        both(format!("沙箱没有照做：{error}"), format!("The sandbox didn't do it: {error}")),
        both("这是程序的缺陷，请报告。", "That is a fault of the program; please report it."),
    )
}

fn refused_by_client(said: &str) -> Problem {
    problem(
        "PAY_PARAMS_REFUSED",
        both(
            format!("微信客户端不接受支付参数：{said}"),
            format!("WeChat's client doesn't take the pay params: {said}"),
        ),
        both("这是程序的缺陷，请报告。", "That is a fault of the program; please report it."),
    )
}

fn no_folder(error: &std::io::Error) -> Problem {
    problem(
        "TEMP_DIR_NOT_WRITABLE",
        both(format!("无法建立临时目录：{error}"), format!("The temporary folder can't be made: {error}")),
        both("用 TMPDIR 指定一个可写的目录。", "Name a folder that can be written with TMPDIR."),
    )
}
