//! `guitai sign`: signs a request with a merchant profile's key and shows the text that was signed.

use crate::Context;
use crate::desk;
use crate::failure::{Done, Failure};
use crate::files;
use crate::text::both;
use clap::Args;
use guitai_console::SignInput;
use std::path::PathBuf;

/// What `guitai sign` takes.
#[derive(Debug, Args)]
pub struct SignArgs {
    /// HTTP method
    #[arg(long, value_name = "M")]
    method: String,
    /// Path and query as they go on the request line, or a whole URL
    #[arg(long, value_name = "U")]
    url: String,
    /// File with the exact bytes of the body [default: no body]; `-` is stdin
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Unix seconds [default: now]
    #[arg(long, value_name = "T")]
    timestamp: Option<i64>,
    /// At most 32 characters [default: a random one]
    #[arg(long, value_name = "N")]
    nonce: Option<String>,
}

/// Signs and prints `{"sign_string","signature","authorization"}`.
pub async fn run(context: &Context, args: SignArgs) -> Done {
    if args.timestamp.is_some_and(|timestamp| timestamp < 0) {
        return Err(Failure::usage(
            both("--timestamp 必须是 Unix 秒数。", "--timestamp has to be Unix seconds."),
            both("例如：--timestamp $(date +%s)", "For example: --timestamp $(date +%s)"),
        ));
    }
    let body = args.body.as_deref().map(files::read).transpose()?.unwrap_or_default();
    let input = SignInput { method: args.method, url: args.url, body, timestamp: args.timestamp, nonce: args.nonce };
    let signed = desk::with(context, async |console| Ok(console.sign(context.merchant(), input).await?)).await?;
    context.out.document(&signed, || {
        let rule = "─".repeat(20);
        format!(
            "{}\n{rule}\n{}{rule}\n{}\n{}\n\nAuthorization: {}\n",
            context.out.pick("签名串（每行以换行结束）：", "The text that is signed (each line ends with a newline):"),
            signed.sign_string,
            context.out.pick("签名：", "Signature:"),
            signed.signature,
            signed.authorization
        )
    });
    Ok(())
}
