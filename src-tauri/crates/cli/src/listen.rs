//! `guitai listen`: serves the callback listener and says what came of each delivery.

use crate::Context;
use crate::callback;
use crate::desk;
use crate::failure::Done;
use crate::out::visible;
use crate::printer::Printer;
use crate::stop::Stop;
use clap::Args;
use guitai_console::wire::Callback;
use guitai_console::{ApiOptions, Console, ForwardOptions, ListenOptions};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

/// What `guitai listen` takes.
#[derive(Debug, Args)]
pub struct ListenArgs {
    /// Port on 127.0.0.1; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 8787)]
    port: u16,
    /// Pass every accepted delivery on to this backend, with its own retries; may be given several times
    #[arg(long, value_name = "URL")]
    forward_to: Vec<String>,
    /// Let those addresses be private or link-local: they are your own backends
    #[arg(long, requires = "forward_to")]
    allow_private: bool,
    /// Serve the merchant API for mini-programs on the same port: login, order, pay params, state
    #[arg(long)]
    api: bool,
    /// Let web pages of this origin call the API; may be given several times [default: none, and none is needed by a mini-program]
    #[arg(long, value_name = "ORIGIN", requires = "api")]
    api_origin: Vec<String>,
}

/// Serves until SIGINT or SIGTERM; requests in flight are answered and the store is closed.
pub async fn run(context: &Context, args: ListenArgs) -> Done {
    let mut stop = Stop::watch()?;
    guitai_console::keep_logs(&desk::data_dir(context)?, "listen");
    desk::with(context, async |console| serve(context, console, &args, &mut stop).await).await
}

async fn serve(context: &Context, console: &Console, args: &ListenArgs, stop: &mut Stop) -> Done {
    let out = &context.out;
    // before the door opens, so that no delivery falls between
    let forwarding = ForwardOptions { targets: args.forward_to.clone(), allow_private: args.allow_private };
    let targets = console.forward_start(forwarding).await?;
    let api = args.api.then(|| ApiOptions { origins: args.api_origin.clone() });
    let options = ListenOptions { port: args.port, merchant: context.merchant().map(str::to_owned), patrol: true, api };
    let listener = console.listen(options).await?;
    let mut deliveries = listener.deliveries();
    let place = format!("http://{}", listener.addr());
    let paths = listener.notify_paths();
    let current =
        format!("/notify/{}", console.merchant_show(context.merchant()).await.map_or(String::new(), |it| it.name));
    let path = paths.iter().find(|path| **path == current).or(paths.first());
    let mut ready = json!({ "listening": place, "notify_path": path, "notify_paths": paths });
    if !targets.is_empty() {
        ready["forward_to"] = json!(targets);
    }
    if args.api {
        ready["api"] = json!(format!("{place}/v1"));
    }
    out.line(&ready, || {
        let mut text = format!("{}{place}\n", out.pick("回调监听已就绪：", "The callback listener is ready: "));
        for path in &paths {
            text += &format!("  {place}{path}\n");
        }
        if args.api {
            text += &format!("  {place}/v1/openapi.json\n");
        }
        for target in &targets {
            text += &format!("  → {}\n", visible(target));
        }
        text + out.pick("按 Ctrl-C 结束。\n", "Ctrl-C ends it.\n")
    });
    let printer = Printer::start(out);
    loop {
        tokio::select! {
            delivery = deliveries.recv() => match delivery {
                Ok(delivery) => print(context, &printer, &delivery),
                Err(RecvError::Lagged(missed)) => out.note(&format!(
                    "{missed} {}",
                    out.pick("条回调没有打印（已保存，见 guitai callback list）。", "deliveries were not printed (they are kept: guitai callback list)."),
                )),
                Err(RecvError::Closed) => break,
            },
            () = stop.asked() => break,
        }
    }
    listener.stop().await;
    while let Ok(delivery) = deliveries.try_recv() {
        print(context, &printer, &delivery);
    }
    printer.finish();
    Ok(())
}

fn print(context: &Context, printer: &Printer, delivery: &Callback) {
    printer.print(context.out.rendered(&delivery_line(delivery), || callback::line(&context.out, delivery)));
}

/// The line of a delivery: the names that the contract gives, in its order.
fn delivery_line(delivery: &Callback) -> Value {
    let mut line = json!({
        "id": delivery.id,
        "received_at": delivery.received_at,
        "merchant": delivery.merchant,
        "event_type": delivery.event_type,
        "out_trade_no": delivery.out_trade_no,
        "verdict": delivery.verdict,
    });
    if let Some(reason) = &delivery.reason {
        line["reason"] = json!(reason);
    }
    line["http_status"] = json!(delivery.http_status);
    line["latency_ms"] = json!(delivery.latency_ms);
    line["notification_id"] = json!(delivery.notification_id);
    line
}
