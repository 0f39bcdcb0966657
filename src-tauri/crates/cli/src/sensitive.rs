//! `guitai sensitive`: sensitive fields (敏感字段), RSA-OAEP both ways with the keys of a merchant profile.

use crate::Context;
use crate::desk;
use crate::failure::{Done, Failure};
use crate::files;
use clap::{Args, Subcommand};
use guitai_console::Secret;
use std::path::PathBuf;

/// What can be done with sensitive fields.
#[derive(Debug, Subcommand)]
pub enum SensitiveCommand {
    /// Encrypt a field for WeChat Pay with its public key, or its newest platform certificate
    #[command(after_help = "Example:\n  guitai sensitive encrypt --text name.txt --json")]
    Encrypt(EncryptArgs),
    /// Open a field of an answer with the merchant's private key
    #[command(after_help = "Example:\n  guitai sensitive decrypt --ciphertext field.txt")]
    Decrypt(DecryptArgs),
}

/// What is encrypted.
#[derive(Debug, Args)]
pub struct EncryptArgs {
    /// File with the text, at most 214 bytes; `-` is stdin
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
}

/// What is opened.
#[derive(Debug, Args)]
pub struct DecryptArgs {
    /// File with the base64 text; `-` is stdin
    #[arg(long, value_name = "FILE")]
    ciphertext: PathBuf,
}

/// Prints `{"ciphertext","wechatpay_serial"}`, or the plaintext.
pub async fn run(context: &Context, command: SensitiveCommand) -> Done {
    let (out, m) = (&context.out, context.merchant());
    match command {
        SensitiveCommand::Encrypt(args) => {
            let text = Secret::from_bytes(files::read(&args.text)?);
            let field = desk::with(context, async |console| Ok(console.sensitive_encrypt(m, &text).await?)).await?;
            out.document(&field, || format!("{}\n\nWechatpay-Serial: {}\n", field.ciphertext, field.wechatpay_serial));
        }
        SensitiveCommand::Decrypt(args) => {
            let text = files::read_text(&args.ciphertext)?;
            let opened = desk::with(context, async |console| Ok(console.sensitive_decrypt(m, &text).await?)).await?;
            let plain = std::str::from_utf8(opened.expose())
                .map_err(|_| Failure::file(&args.ciphertext, &"what is in it is no text"))?;
            if context.out.is_json() {
                out.always_json(&plain);
            } else {
                out.bytes(opened.expose());
            }
        }
    }
    Ok(())
}
