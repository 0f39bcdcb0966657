//! The words for what happens to notifications and answers on their way, and to their ciphertext.

use super::{Cause, Said};

/// What was done wrong, and what to change; `None` when another file has the words.
pub(super) fn words(cause: Cause) -> Option<(Said, Said)> {
    Some(match cause {
        Cause::BodyV2Xml => (
            ("The body is XML: a callback of API v2.", "报文是 XML：这是 API v2 的回调。"),
            (
                "Set notify_url in the v3 call that should be notified, or treat it by the rules of v2.",
                "在 v3 接口里设置 notify_url，或按 v2 规则处理它。",
            ),
        ),
        Cause::HeaderMissing => (
            (
                "One of Wechatpay-Timestamp, -Nonce, -Serial and -Signature is absent or empty.",
                "缺少 Wechatpay-Timestamp、-Nonce、-Serial、-Signature 之一，或其值为空。",
            ),
            ("See that proxies and gateways pass the Wechatpay-* headers on.", "确认代理和网关会转发 Wechatpay-* 头。"),
        ),
        Cause::HeadersMixedUp => (
            ("The values of two of the Wechatpay-* headers were exchanged.", "两个 Wechatpay-* 头的值对调了。"),
            ("Take each value from the header of its own name.", "按名称取各自的头。"),
        ),
        Cause::SignatureProbe => (
            (
                "The signature begins with WECHATPAY/SIGNTEST/: WeChat Pay tests whether you verify. Refusing it was right.",
                "签名以 WECHATPAY/SIGNTEST/ 开头：这是微信支付的验签探测，拒绝它是正确的。",
            ),
            (
                "Nothing to mend: answer it with an error as any wrong signature; it is sent again with a right one.",
                "无需修改：像其他错误签名一样返回失败，微信支付会用正确签名重发。",
            ),
        ),
        Cause::MerchantCertificateUsed => (
            (
                "The certificate given as platform certificate is the merchant's own.",
                "作为平台证书给出的，其实是商户自己的证书。",
            ),
            (
                "Download the platform certificate (/v3/certificates), or use the WeChat Pay public key.",
                "下载平台证书（/v3/certificates），或使用微信支付公钥。",
            ),
        ),
        Cause::PublicKeyModeMismatch => (
            (
                "The message is signed in the other mode: by public key where only certificates are known, or the reverse.",
                "签名模式不符：报文用微信支付公钥签名而只配置了平台证书，或相反。",
            ),
            (
                "Configure the key that the serial names: PUB_KEY_ID_… means the public key, a hex serial a platform certificate.",
                "按序列号配置对应的密钥：PUB_KEY_ID_… 为微信支付公钥，十六进制为平台证书。",
            ),
        ),
        Cause::PublicKeyIdWrong => (
            (
                "The public key verifies, but the id configured for it is not the one in the header.",
                "公钥能够验签，但配置的公钥 ID 与报文头不一致。",
            ),
            (
                "Copy the id whole from the merchant platform, PUB_KEY_ID_ included.",
                "从商户平台完整复制公钥 ID，包括 PUB_KEY_ID_ 前缀。",
            ),
        ),
        Cause::SerialUnknown => (
            ("No key that was given has the serial in the header.", "给出的密钥中没有与报文头序列号相符的。"),
            (
                "Fetch the platform certificates again; they change every few years.",
                "重新下载平台证书；它们每隔几年会更换。",
            ),
        ),
        Cause::BodyEmpty => (
            ("Nothing is left of the body: something read it before.", "报文为空：已被其他代码读取过。"),
            ("Read the raw body once, before any framework does, and keep it.", "在框架之前读取一次原始报文并保存。"),
        ),
        Cause::BodyTruncated => (
            ("The body begins as JSON and is cut off.", "报文以 JSON 开头，但被截断了。"),
            (
                "Look for a column, log or buffer that is too short; read until the end of the body.",
                "检查过短的字段、日志或缓冲区；读到报文末尾为止。",
            ),
        ),
        Cause::BodyKeysRenamed => (
            ("The names of the JSON were turned into camelCase.", "JSON 的字段名被改成了驼峰式。"),
            ("Verify over the raw body, before it is bound to an object.", "在绑定到对象之前，用原始报文验签。"),
        ),
        Cause::BodyLogEscaped => (
            (
                "The body went through a log or a filter that wrote its quotes as \\x22 or &quot;.",
                "报文经过日志或过滤器，引号被写成了 \\x22 或 &quot;。",
            ),
            (
                "Take the raw bytes (nginx: log_format escape=none), and exempt the path from XSS filters.",
                "使用原始字节（nginx 可用 log_format escape=none），并让该路径绕过 XSS 过滤。",
            ),
        ),
        Cause::ApiV3KeyMalformed => (
            ("The APIv3 key file does not hold 32 bytes.", "APIv3 密钥文件不是 32 字节。"),
            (
                "Store the 32 characters as they were set in the merchant platform, not as hex or base64, without blanks.",
                "按商户平台设置的 32 个字符原样保存，不要转成十六进制或 Base64，也不要带空白。",
            ),
        ),
        Cause::ResourceMalformed => (
            (
                "The nonce or the ciphertext of the resource is missing or malformed.",
                "resource 的 nonce 或 ciphertext 缺失或格式不对。",
            ),
            (
                "Look at what made this message: WeChat Pay sends a nonce of 12 characters and base64 of at least 17 bytes.",
                "检查报文来源：微信支付的 nonce 为 12 个字符，密文为至少 17 字节的 Base64。",
            ),
        ),
        Cause::ResourceAadWrong => (
            (
                "The ciphertext was sealed with other associated data than associated_data says.",
                "加密时使用的附加数据与 associated_data 不一致。",
            ),
            ("Seal and open with exactly the value of associated_data.", "加密和解密都使用 associated_data 的原值。"),
        ),
        Cause::ApiV3KeyWrong => (
            ("The message is genuine, but the APIv3 key does not open it.", "报文真实，但 APIv3 密钥无法解密。"),
            (
                "Use the APIv3 key of this merchant, as it is set now; the key of API v2 is another one.",
                "使用该商户当前的 APIv3 密钥；它与 API v2 密钥不同。",
            ),
        ),
        _ => return None,
    })
}
