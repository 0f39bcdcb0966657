//! `guitai decrypt`: opens an `AEAD_AES_256_GCM` resource with an APIv3 key.

use crate::Context;
use crate::failure::{Done, Failure};
use crate::files;
use crate::text::both;
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;
use wechatpay::keys::ApiV3Key;
use wechatpay::seal;

/// What `guitai decrypt` takes.
#[derive(Debug, Args)]
pub struct DecryptArgs {
    /// JSON with `ciphertext`, `nonce` and `associated_data`, or a whole notification that holds one; `-` is stdin
    #[arg(long, value_name = "FILE")]
    resource: PathBuf,
    /// File with the 32 characters of the APIv3 key; `-` is stdin
    #[arg(long, value_name = "FILE")]
    api_v3_key_file: PathBuf,
}

/// Prints the plaintext: its bytes as they are, or with `--json` as one JSON document (a text where it is no JSON).
pub fn run(context: &Context, args: &DecryptArgs) -> Done {
    let text = files::read_text(&args.resource)?;
    let document: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| Failure::file(&args.resource, &error))?;
    let resource =
        ["resource", "encrypt_certificate"].into_iter().find_map(|name| document.get(name)).unwrap_or(&document);
    let field = |name: &str| resource.get(name).and_then(Value::as_str);
    let (Some(ciphertext), Some(nonce)) = (field("ciphertext"), field("nonce")) else {
        return Err(Failure::file(&args.resource, &"it has no ciphertext and nonce"));
    };
    let aad = field("associated_data").unwrap_or_default();
    let key = ApiV3Key::parse(&files::read_secret(&args.api_v3_key_file)?).map_err(|error| {
        Failure::refused(
            "API_V3_KEY_UNUSABLE",
            both(format!("APIv3 密钥不可用：{error}"), format!("The APIv3 key can't be used: {error}")),
            both(
                "文件里应只有商户平台设置的 32 个字符。",
                "The file has to hold just the 32 characters set in the merchant platform.",
            ),
        )
    })?;
    let plaintext = seal::open(&key, nonce.as_bytes(), aad.as_bytes(), ciphertext).map_err(|error| {
        Failure::refused(
            "UNDECRYPTABLE",
            both(format!("无法解密：{error}"), format!("It can't be decrypted: {error}")),
            both(
                "确认密钥属于该商户且在发送时有效；nonce、associated_data 和 ciphertext 必须原样。",
                "Make sure that the key is this merchant's and was in force then; nonce, associated_data and ciphertext have to be as they came.",
            ),
        )
    })?;
    if !context.out.is_json() {
        context.out.bytes(&plaintext);
        return Ok(());
    }
    match std::str::from_utf8(&plaintext) {
        Ok(text) if serde_json::from_str::<Value>(text).is_ok() => context.out.text(text),
        _ => context.out.always_json(&String::from_utf8_lossy(&plaintext)),
    }
    Ok(())
}
