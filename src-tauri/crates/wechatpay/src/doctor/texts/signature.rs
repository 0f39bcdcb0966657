//! The words for mistakes around the text: header, form of the signature, digest, keys.

use super::{Cause, Said};

/// What was done wrong, and what to change; `None` when another file has the words.
pub(super) fn words(cause: Cause) -> Option<(Said, Said)> {
    Some(match cause {
        Cause::AuthorizationSchemeWrong => (
            (
                "The scheme of the Authorization header is not WECHATPAY2-SHA256-RSA2048.",
                "Authorization 头的认证类型不是 WECHATPAY2-SHA256-RSA2048。",
            ),
            (
                "Begin the header with WECHATPAY2-SHA256-RSA2048 and one blank.",
                "Authorization 头以 WECHATPAY2-SHA256-RSA2048 加一个空格开头。",
            ),
        ),
        Cause::AuthorizationFormatWrong => (
            (
                "The items of the Authorization header are not written name=\"value\", separated by bare commas.",
                "Authorization 头的格式不对：各项应为 name=\"value\"，以逗号直接分隔。",
            ),
            (
                "Write five items with straight double quotes, commas between them, no blanks and no line breaks.",
                "五项均用英文双引号，逗号分隔，之间没有空格和换行。",
            ),
        ),
        Cause::AuthorizationFieldMissing => (
            (
                "One of the five items of the Authorization header is missing or has another name.",
                "Authorization 头缺少五项之一，或名称写错。",
            ),
            (
                "Send mchid, nonce_str, signature, timestamp and serial_no, under exactly these names.",
                "发送 mchid、nonce_str、signature、timestamp、serial_no 五项，名称须完全一致。",
            ),
        ),
        Cause::FieldWhitespace => (
            ("There is white space inside the quotes at an end of a value.", "某个值的首尾带有空白字符。"),
            (
                "Trim mchid, serial, nonce and timestamp where they are configured or read.",
                "在配置或读取处去掉商户号、序列号、随机串、时间戳首尾的空白。",
            ),
        ),
        Cause::SignatureHex => (
            ("The signature was sent as hex.", "签名以十六进制发送。"),
            ("Encode the signature's bytes as standard base64.", "把签名字节编码为标准 Base64。"),
        ),
        Cause::SignatureBase64url => (
            (
                "The signature was sent in URL-safe base64, or without its padding.",
                "签名用了 URL 安全的 Base64，或去掉了末尾的 =。",
            ),
            ("Use standard base64 (+ and /) with its = padding.", "使用标准 Base64（含 + 和 /），保留末尾的 =。"),
        ),
        Cause::SignatureLineBreaks => (
            ("The base64 of the signature is wrapped over lines.", "签名的 Base64 被折成了多行。"),
            ("Encode without line breaks (base64 -w0, NO_WRAP).", "编码时不要换行（base64 -w0、NO_WRAP）。"),
        ),
        Cause::SignatureUrlEncoded => (
            (
                "The signature was percent-encoded, or URL-decoded so that + became a blank.",
                "签名被 URL 编码，或被多解码一次（+ 变成了空格）。",
            ),
            (
                "Pass the header's or parameter's value on as it is, without URL encoding or decoding.",
                "原样传递该值，不要做 URL 编码或解码。",
            ),
        ),
        Cause::SignatureTruncated => (
            (
                "The signature decodes to fewer bytes than the key has: it was cut off.",
                "签名解码后的字节数少于密钥长度：被截断了。",
            ),
            (
                "Look for a column, log or buffer that is too short; a 2,048-bit key gives 344 characters.",
                "检查过短的字段、日志或缓冲区；2048 位密钥的签名为 344 个字符。",
            ),
        ),
        Cause::SymmetricSignature => (
            (
                "The value is an MD5 or HMAC-SHA256 as in API v2, not an RSA signature.",
                "该值是 API v2 式的 MD5 或 HMAC-SHA256，而不是 RSA 签名。",
            ),
            ("Sign with SHA256withRSA and the merchant's private key.", "使用商户私钥做 SHA256withRSA 签名。"),
        ),
        Cause::PaddingPss => (
            ("The signature was made with RSASSA-PSS padding.", "签名使用了 RSASSA-PSS 填充。"),
            ("Use PKCS#1 v1.5 padding (SHA256withRSA, RSASSA-PKCS1-v1_5).", "使用 PKCS#1 v1.5 填充（SHA256withRSA）。"),
        ),
        Cause::DigestWrong => (
            ("The signature was made over another digest than SHA-256.", "签名使用的摘要算法不是 SHA-256。"),
            ("Use SHA-256.", "使用 SHA-256。"),
        ),
        Cause::DigestMisapplied => (
            (
                "The digest was applied wrongly: hashed twice, or padded without its DigestInfo.",
                "摘要使用有误：做了两次哈希，或填充时缺少 DigestInfo。",
            ),
            (
                "Give the text itself to a function that signs (it hashes by itself), not to one that encrypts.",
                "把原文交给签名函数（它自己会做哈希），不要先哈希，也不要用私钥加密函数。",
            ),
        ),
        Cause::SerialFormatWrong => (
            (
                "serial_no is the right number in another form: decimal, with separators, with 0x, or without a leading zero.",
                "serial_no 数值正确但写法不对：十进制、带分隔符、带 0x，或丢了前导零。",
            ),
            (
                "Write it as hex without separators, whole bytes (openssl x509 -noout -serial).",
                "写成不带分隔符的十六进制，按整字节保留前导零（openssl x509 -noout -serial）。",
            ),
        ),
        Cause::SerialIsPublicKeyId => (
            ("serial_no is the id of the WeChat Pay public key.", "serial_no 填成了微信支付公钥 ID。"),
            (
                "Put the serial of the merchant certificate there; the id goes into the Wechatpay-Serial header.",
                "此处应为商户证书序列号；公钥 ID 用在 Wechatpay-Serial 头。",
            ),
        ),
        Cause::SerialMismatch => (
            (
                "The key is right, but the serial that was named belongs to something else.",
                "密钥正确，但给出的序列号不是它的。",
            ),
            (
                "Use the serial of the certificate whose key makes (or checks) the signature.",
                "使用与签名（或验签）密钥对应的证书的序列号。",
            ),
        ),
        Cause::CertificateExpired => (
            ("The certificate is not valid at the time given.", "证书在给定时间不在有效期内。"),
            ("Get the current certificate and use its key and serial.", "换用当前有效的证书，并同时更换密钥和序列号。"),
        ),
        Cause::MchidMismatch => (
            (
                "The mchid of the header is not the mchid of the body or the query.",
                "Authorization 里的商户号与请求体或查询参数里的 mchid 不一致。",
            ),
            ("Use the same merchant for both.", "两处使用同一个商户号。"),
        ),
        Cause::KeyFileWrongKind => (
            (
                "The key file is of another kind than asked for: a certificate, public key or PKCS#12 in place of a private key or the reverse, a key sealed with a pass phrase, or no RSA key.",
                "密钥文件的种类不对：证书、公钥或 PKCS#12 被当作私钥（或相反），私钥带有口令，或者不是 RSA 密钥。",
            ),
            (
                "Give apiclient_key.pem as private key and apiclient_cert.pem as certificate; take a PKCS#12 apart first, and the pass phrase off (openssl pkey -in FILE -out FILE).",
                "私钥用 apiclient_key.pem，证书用 apiclient_cert.pem；PKCS#12 请先拆分，带口令的私钥请先去掉口令（openssl pkey -in 文件 -out 文件）。",
            ),
        ),
        Cause::KeyFileMangled => (
            (
                "The PEM of the key file is damaged: its label lines, line ends or quotes.",
                "密钥文件的 PEM 已损坏：标签行、换行或引号有问题。",
            ),
            (
                "Use the file as it was downloaded; keep the line feeds when it goes through environment variables or JSON.",
                "使用原始下载的文件；经过环境变量或 JSON 时要保留换行。",
            ),
        ),
        Cause::KeyMismatch => (
            (
                "The signature is well-formed, but this key did not make it (or it is damaged).",
                "签名格式正确，但不是用这把密钥做的（或已损坏）。",
            ),
            (
                "Check which key pair signed: renewed certificate, another merchant, another environment.",
                "检查签名所用的密钥：是否更换过证书、用了其他商户或其他环境的密钥。",
            ),
        ),
        Cause::SignStringUnexplained => (
            (
                "This key made the signature, but over a text that no known mistake explains.",
                "签名确由这把密钥所做，但签名串不符，也不属于任何已知错误。",
            ),
            (
                "Log the text as it is signed and compare it with sign_string line by line: nonce, timestamp, a body changed on the way.",
                "记录实际签名的文本，与 sign_string 逐行比较：随机串、时间戳、途中被改动的报文。",
            ),
        ),
        _ => return None,
    })
}
