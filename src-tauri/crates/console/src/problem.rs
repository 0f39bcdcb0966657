//! What went wrong, made into words for people: what, why, what next, in Chinese and English, with WeChat Pay's own
//! code, its meaning and its Request-ID. Every failure of the desk becomes a [`Problem`] here (those of the store
//! beside it). No secret can reach this file: the errors it is made from hold none.

use crate::gateway::GatewayError;
use crate::vault::{VAULT_CHANGED, VaultError};
use crate::wire::{Bilingual, GatewayRefusal, Problem};
use wechatpay::error::{Advice, ApiError, FieldError};
use wechatpay::keys::KeyError;
use wechatpay::verify::Rejection;

/// A clock that is off by this much (ms) is worth telling: WeChat Pay refuses at 300 s.
const CLOCK_WORTH_TELLING: i64 = 60_000;
/// Of a gateway's answer that is shown.
const BODY_SHOWN: usize = 4_096;

/// A text in both languages.
pub(crate) fn both(zh: impl Into<String>, en: impl Into<String>) -> Bilingual {
    Bilingual { zh: zh.into(), en: en.into() }
}

/// A problem without a why.
pub(crate) fn new(
    code: &str,
    zh: impl Into<String>,
    en: impl Into<String>,
    hint_zh: impl Into<String>,
    hint_en: impl Into<String>,
) -> Problem {
    Problem {
        code: code.to_owned(),
        message: both(zh, en),
        why: None,
        hint: both(hint_zh, hint_en),
        field: None,
        gateway: None,
    }
}

impl Problem {
    /// Adds the why.
    #[must_use]
    pub(crate) fn with_why(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.why = Some(both(zh, en));
        self
    }

    /// Names the field it is about, as it is called on the wire.
    #[must_use]
    pub(crate) fn at_field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }
}

/// A field that breaks its rule; nothing was sent or written.
pub(crate) fn of_field(error: FieldError) -> Problem {
    let got = error.value.clone();
    new(
        "INVALID_FIELD",
        format!("{} {}", error.field, error.zh),
        format!("{} {}", error.field, error.en),
        format!("改正 {} 后再试；什么都没有发送或保存。", error.field),
        format!("Correct {} and try again; nothing was sent or saved.", error.field),
    )
    .with_why(format!("收到的是：{got:?}"), format!("What came is {got:?}."))
    .at_field(&error.field)
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        of_field(error)
    }
}

/// A key file that can't be used. `what` is the file's usual name, `field` its name in the input.
pub(crate) fn of_key(error: &KeyError, field: &str, what: &str) -> Problem {
    let (code, zh, en, hint_zh, hint_en) = match error {
        KeyError::TooLarge(bytes) => (
            "KEY_TOO_LARGE",
            format!("{what} 有 {bytes} 字节，密钥文件最多 65,536 字节。"),
            format!("{what} has {bytes} bytes; a key file has at most 65,536."),
            format!("选商户平台下载的 {what}。"),
            format!("Choose the {what} that the merchant platform gave you."),
        ),
        KeyError::WrongKind { expected, found } => (
            "KEY_WRONG_KIND",
            format!("{what} 应是「{expected}」，这个文件是「{found}」。"),
            format!("{what} must be a PEM block «{expected}», this file is «{found}»."),
            wrong_kind_hint(expected).0.to_owned(),
            wrong_kind_hint(expected).1.to_owned(),
        ),
        KeyError::Damaged(thing, reason) => (
            "KEY_DAMAGED",
            format!("{what} 读不出来：{reason}"),
            format!("{what} can't be read as a {thing}: {reason}"),
            "重新复制原文件，确认首尾的 BEGIN、END 行完整；.p12 的密码是商户号。".to_owned(),
            "Copy the original file again, with its BEGIN and END lines whole; the password of a .p12 is the mchid.".to_owned(),
        ),
        KeyError::Size(bits) => (
            "KEY_SIZE",
            format!("{what} 是 {bits} 位，微信支付的密钥是 2048 位。"),
            format!("{what} has {bits} bits; WeChat Pay's keys have 2,048."),
            format!("选商户平台下载的 {what}。"),
            format!("Choose the {what} that the merchant platform gave you."),
        ),
        KeyError::ApiV3Length(bytes) => (
            "API_V3_KEY_LENGTH",
            format!("APIv3 密钥有 {bytes} 字节，须正好 32 个字符。"),
            format!("The APIv3 key has {bytes} bytes; it must have exactly 32 characters."),
            "复制商户平台「API安全」里设置的 APIv3 密钥；不要用 v2 的 API 密钥，也不要做 base64 或十六进制转换。".to_owned(),
            "Copy the APIv3 key that was set under API security in the merchant platform; not the v2 key, and without base64 or hex.".to_owned(),
        ),
        KeyError::SeveralBlocks(blocks) => (
            "KEY_SEVERAL",
            format!("{what} 里有 {blocks} 段 PEM，只能有一段。"),
            format!("{what} has {blocks} PEM blocks; it must have exactly one."),
            "证书和私钥分开保存成两个文件，每个文件一段。".to_owned(),
            "Keep certificate and key in files of their own, one block each.".to_owned(),
        ),
        KeyError::NotRsa(_) => (
            "KEY_NOT_RSA",
            format!("{what} 不是 RSA 密钥，微信支付用 2048 位 RSA。"),
            format!("{what} is no RSA key; WeChat Pay's keys are RSA of 2,048 bits."),
            format!("选商户平台下载的 {what}。"),
            format!("Choose the {what} that the merchant platform gave you."),
        ),
        KeyError::Password => (
            "KEY_PASSWORD",
            format!("{what} 打不开：密码应是商户号，和填写的商户号不符。"),
            format!("{what} does not open: its password is the mchid, and not the one given."),
            "核对商户号；若改过密码，先导出 apiclient_key.pem 再导入。".to_owned(),
            "Check the mchid; if somebody changed the password, export apiclient_key.pem first and import that.".to_owned(),
        ),
        KeyError::Encrypted => (
            "KEY_ENCRYPTED",
            format!("{what} 带有口令。"),
            format!("{what} is protected by a passphrase."),
            "先去掉口令：openssl pkey -in 文件 -out apiclient_key.pem".to_owned(),
            "Take the passphrase off first: openssl pkey -in FILE -out apiclient_key.pem".to_owned(),
        ),
        KeyError::Exponent => (
            "KEY_EXPONENT",
            format!("{what} 的公钥指数不是 65537，微信支付的密钥都是 65537。"),
            format!("The public exponent of {what} is not 65,537, as it is with all of WeChat Pay's keys."),
            format!("选商户平台下载的 {what}；自己生成密钥时用默认指数。"),
            format!("Choose the {what} that the merchant platform gave you; a key of your own making needs the default exponent."),
        ),
        KeyError::Decrypt => (
            "KEY_DOES_NOT_DECRYPT",
            format!("{what} 解不开这段密文。"),
            format!("{what} does not open the ciphertext."),
            "敏感字段用应答头 Wechatpay-Serial 所指密钥的另一半解密：上行用微信支付的公钥加密，下行用商户私钥解密。".to_owned(),
            "What goes up is encrypted with WeChat Pay's key, what comes down is opened with the merchant's private key; check that the text is whole base64 and was meant for this key.".to_owned(),
        ),
        KeyError::PlaintextTooLong { len, limit } => (
            "PLAINTEXT_TOO_LONG",
            format!("要加密的内容有 {len} 字节，这把密钥最多加密 {limit} 字节。"),
            format!("The text to encrypt has {len} bytes; this key encrypts at most {limit}."),
            "敏感字段逐个加密，不要把多个字段合在一起。".to_owned(),
            "Encrypt each sensitive field by itself, not several together.".to_owned(),
        ),
    };
    new(code, zh, en, hint_zh, hint_en).at_field(field)
}

fn wrong_kind_hint(expected: &str) -> (&'static str, &'static str) {
    match expected {
        "CERTIFICATE" => (
            "商户证书是 apiclient_cert.pem，平台证书由 GET /v3/certificates 下载得到。",
            "The merchant certificate is apiclient_cert.pem; platform certificates come from GET /v3/certificates.",
        ),
        "PUBLIC KEY" => (
            "微信支付公钥是 pub_key.pem，和 PUB_KEY_ID 一起在商户平台「API安全」下载。",
            "WeChat Pay's public key is pub_key.pem, downloaded with its PUB_KEY_ID under API security.",
        ),
        _ => (
            "私钥是 apiclient_key.pem，不是证书（apiclient_cert.pem），也不是公钥。",
            "The private key is apiclient_key.pem, neither the certificate (apiclient_cert.pem) nor a public key.",
        ),
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match &error {
            VaultError::Store(store) => Problem::from(store.clone()),
            VaultError::PassphraseMissing => new(
                "VAULT_LOCKED",
                "密钥用口令加密，没有给出口令。",
                "The secrets are sealed with a passphrase, and none was given.",
                "用环境变量 GUITAI_PASSPHRASE_FILE 指向存有口令的文件。",
                "Point GUITAI_PASSPHRASE_FILE at a file that holds the passphrase.",
            ),
            VaultError::PassphraseWrong => new(
                "VAULT_PASSPHRASE_WRONG",
                "口令不对，密钥打不开。",
                "The passphrase is wrong; the secrets stay sealed.",
                "检查 GUITAI_PASSPHRASE_FILE 的内容；忘记口令只能删除全部商户后重新导入密钥。",
                "Check the content of GUITAI_PASSPHRASE_FILE; if it is forgotten, remove all merchants and import their keys again.",
            ),
            VaultError::PassphraseEmpty => new(
                "VAULT_PASSPHRASE_EMPTY",
                "口令是空的。",
                "The passphrase is empty.",
                "在 GUITAI_PASSPHRASE_FILE 指向的文件里写入口令。",
                "Write a passphrase into the file that GUITAI_PASSPHRASE_FILE names.",
            ),
            VaultError::Changed => new(
                VAULT_CHANGED,
                "另一个窗口或命令刚刚重新建立了密钥库，这次没有保存。",
                "Another window or command made the vault anew meanwhile; this was not saved.",
                "请再试一次。",
                "Try again.",
            ),
            VaultError::KeyFile { path, reason } => {
                let place = path.display();
                new(
                    "VAULT_KEY_FILE",
                    format!("密钥文件 {place} 不能使用：{reason}"),
                    format!("The key file {place} can't be used: {reason}"),
                    format!(
                        "从备份恢复该文件，权限设为 0600（chmod 600 {place}）；若已丢失，删除全部商户和该文件后重新导入密钥。"
                    ),
                    format!(
                        "Restore it from a backup with mode 0600 (chmod 600 {place}); if it is lost, remove all merchants and this file, and import the keys again."
                    ),
                )
            }
            VaultError::Keychain(reason) => new(
                "VAULT_KEYCHAIN",
                format!("系统钥匙串没有给出密钥：{reason}"),
                format!("The system keychain did not give the key: {reason}"),
                "解锁系统钥匙串（登录桌面会话）后再试；若条目已被删除，删除全部商户后重新导入密钥。",
                "Unlock the keychain (log in to the desktop session) and try again; if its entry was deleted, remove all merchants and import their keys again.",
            ),
            VaultError::WrongKey | VaultError::Damaged(_) => new(
                "VAULT_DAMAGED",
                "保存的密钥打不开：加密它的密钥不是现在这把，或数据已损坏。",
                "The secrets can't be opened: they were sealed with another key, or are damaged.",
                "恢复数据目录的完整备份；或删除全部商户后重新导入密钥。",
                "Restore a whole backup of the data folder, or remove all merchants and import their keys again.",
            )
            .with_why(error.to_string(), error.to_string()),
        }
    }
}

/// A call to the gateway that did not end well. `skew_ms`: how far this machine's clock is ahead, where known.
pub(crate) fn of_gateway(error: &GatewayError, exchange_id: Option<String>, skew_ms: Option<i64>) -> Problem {
    let mut problem = match error {
        GatewayError::Refused { error, body } => refused(error, body),
        GatewayError::Unverified { status, rejection, request_id } => unverified(*status, rejection, request_id.clone()),
        GatewayError::Unreachable { host, reason } => Problem {
            gateway: Some(no_answer(Advice::RetryAsIs)),
            ..new(
                "GATEWAY_UNREACHABLE",
                format!("连不上 {host}，请求没有发出。"),
                format!("{host} can't be reached; nothing was sent."),
                "检查网络、代理和地址后再试；沙箱请确认它还在运行。",
                "Check network, proxy and address, then try again; if it is a sandbox, see that it still runs.",
            )
            .with_why(reason.clone(), reason.clone())
        },
        GatewayError::UnknownOutcome { reason } => Problem {
            gateway: Some(no_answer(Advice::QueryFirst)),
            ..new(
                "OUTCOME_UNKNOWN",
                "请求已发出，但没有收到完整的应答：不知道微信支付做了没有。",
                "The request went out, but no whole answer came: whether WeChat Pay did it is unknown.",
                "先查询；或用同一单号、同样的参数再试，绝不要换新单号。",
                "Query first, or ask again with the same number and the same parameters; never with a new number.",
            )
            .with_why(reason.zh(), reason.en())
        },
        GatewayError::TooLarge { limit } => Problem {
            gateway: Some(no_answer(Advice::QueryFirst)),
            ..new(
                "ANSWER_TOO_LARGE",
                format!("应答超过 {limit} 字节，已放弃读取。"),
                format!("The answer has more than {limit} bytes and was not read."),
                "检查 base_url 是否指向微信支付。",
                "Check that base_url is WeChat Pay's.",
            )
        },
        GatewayError::Unreadable { reason } => Problem {
            gateway: Some(no_answer(Advice::QueryFirst)),
            ..new(
                "ANSWER_UNREADABLE",
                "应答验签通过，但内容读不懂。",
                "The answer is genuine, but its content can't be read.",
                "在「请求记录」里看原文；可能需要升级程序。",
                "Look at it under exchanges; a newer version of the program may be needed.",
            )
            .with_why(reason.clone(), reason.clone())
        },
        GatewayError::KeyDoesNotOpen { serial_no } => new(
            "API_V3_KEY_WRONG",
            format!("APIv3 密钥打不开平台证书 {serial_no}，所以应答无法验签。"),
            format!("The APIv3 key does not open the platform certificate {serial_no}, so no answer can be verified."),
            "核对商户平台「API安全」里的 APIv3 密钥（不是 v2 的 API 密钥），用 guitai merchant update 换上。",
            "Compare it with the APIv3 key under API security in the merchant platform (not the v2 key) and set it with guitai merchant update.",
        )
        .at_field("api_v3_key"),
        GatewayError::BadRequest { reason } => new(
            "REQUEST_NOT_SENDABLE",
            "请求无法发送。",
            "The request can't be sent.",
            "检查 base_url 和参数。",
            "Check base_url and the parameters.",
        )
        .with_why(reason.clone(), reason.clone()),
    };
    let clock_decides = match error {
        GatewayError::Refused { error, .. } => error.bare_code() == "SIGNERROR",
        GatewayError::Unverified { rejection, .. } => matches!(rejection, Rejection::TimestampStale { .. }),
        _ => false,
    };
    if let Some(skew) = skew_ms
        && clock_decides
        && skew.abs() >= CLOCK_WORTH_TELLING
    {
        let (zh, en) = clock_words(skew);
        problem.why = Some(both(zh, en));
        problem.hint = both("先校准本机时间，再试一次。", "Set this machine's clock right, then try again.");
    }
    if let Some(gateway) = &mut problem.gateway {
        gateway.exchange_id = exchange_id;
    }
    problem
}

/// How far the clock is off, in words.
pub(crate) fn clock_words(skew_ms: i64) -> (String, String) {
    let seconds = skew_ms.unsigned_abs() / 1_000;
    let (zh, en) = if skew_ms >= 0 { ("快", "ahead of") } else { ("慢", "behind") };
    (
        format!("本机时钟比微信支付{zh} {seconds} 秒；相差超过 300 秒，所有签名都会被拒绝。"),
        format!("This machine's clock is {seconds} s {en} WeChat Pay's; beyond 300 s every signature is refused."),
    )
}

fn no_answer(advice: Advice) -> GatewayRefusal {
    GatewayRefusal {
        status: None,
        code: None,
        message: None,
        request_id: None,
        request_id_meaning: None,
        advice: advice.slug().to_owned(),
        body: String::new(),
        exchange_id: None,
    }
}

fn refused(error: &ApiError, body: &[u8]) -> Problem {
    let (meaning_zh, meaning_en) = error.meaning();
    let status = error.status;
    let (code, zh, en) = if error.code.is_empty() {
        (
            format!("HTTP_{status}"),
            format!("微信支付拒绝了请求：HTTP {status}，没有说明原因"),
            format!("WeChat Pay refused the request: HTTP {status}, without a reason"),
        )
    } else {
        let (code, said) = (error.code.clone(), crate::visible(&error.message, 300));
        let (zh, en) =
            (format!("微信支付拒绝了请求：{code}，{said}"), format!("WeChat Pay refused the request: {code}, {said}"));
        (code, zh, en)
    };
    let (next_zh, next_en) = match error.advice() {
        Advice::RetryAsIs => {
            ("稍后用同一单号、同样的参数再试。", "Try again later with the same number and parameters.")
        }
        Advice::QueryFirst => ("先查询，再决定下一步。", "Query first, then decide."),
        Advice::MendAndRetry => ("改正后再试。", "Mend it and try again."),
        Advice::GiveUp => ("重试没有用。", "Repeating it won't help."),
    };
    let issue = error.detail.as_ref().and_then(|detail| detail.get("field")).and_then(|field| field.as_str());
    let field = issue.map(|pointer| pointer.trim_start_matches('/').replace('/', "."));
    Problem {
        code,
        message: both(zh, en),
        why: Some(both(meaning_zh, meaning_en)),
        hint: both(next_zh, next_en),
        field,
        gateway: Some(GatewayRefusal {
            status: Some(error.status),
            code: Some(error.code.clone()).filter(|code| !code.is_empty()),
            message: Some(error.message.clone()).filter(|message| !message.is_empty()),
            request_id: error.request_id.clone(),
            request_id_meaning: error.request_id_meaning().map(|(zh, en)| both(zh, en)),
            advice: error.advice().slug().to_owned(),
            body: String::from_utf8_lossy(body).chars().take(BODY_SHOWN).collect(),
            exchange_id: None,
        }),
    }
}

fn unverified(status: u16, rejection: &Rejection, request_id: Option<String>) -> Problem {
    let zh = match rejection {
        Rejection::HeaderMissing(name) => format!("应答缺少 {name}，没有签名"),
        Rejection::HeaderRepeated(name) => format!("应答里 {name} 出现了不止一次"),
        Rejection::SignatureTypeUnknown(kind) => format!("应答的签名类型 {kind} 不认识"),
        Rejection::TimestampMalformed(text) => format!("应答的时间戳 {text} 不是秒数"),
        Rejection::TimestampStale { seconds } => {
            format!("应答的时间戳与本机相差 {} 秒，超过 300 秒", seconds.unsigned_abs())
        }
        Rejection::SerialUnknown(serial) => format!("没有序列号为 {serial} 的平台证书或公钥"),
        Rejection::Probe => "这是微信支付的签名探测，验签不通过是对的".to_owned(),
        Rejection::SignatureMalformed => "应答的签名不是有效的 base64".to_owned(),
        Rejection::SignatureMismatch => "应答的签名与内容不符".to_owned(),
    };
    Problem {
        gateway: Some(GatewayRefusal { status: Some(status), request_id, ..no_answer(Advice::QueryFirst) }),
        ..new(
            "ANSWER_NOT_GENUINE",
            "应答没有通过验签，不能相信，什么都没有改变。",
            "The answer's signature does not hold, so it is not believed and nothing changed.",
            "先查询；若一再出现，检查平台证书、微信支付公钥和 base_url。",
            "Query first; if it goes on, check the platform certificates, the public key and base_url.",
        )
        .with_why(format!("{zh}（{}）。", rejection.slug()), format!("{rejection} ({}).", rejection.slug()))
    }
}
