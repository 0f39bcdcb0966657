//! The words for when nothing fits: what that excludes, and what to look at next.

use super::{Bilingual, Cause};

/// What kind of message it is whose text nothing explains, told by the causes that its command knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    Request,
    Notification,
    PayParams,
}

impl Message {
    fn of(order: &[Cause]) -> Message {
        if order.contains(&Cause::MethodDiffers) {
            Message::Request
        } else if order.contains(&Cause::PrepayPrefixWrong) {
            Message::PayParams
        } else {
            Message::Notification
        }
    }
}

/// What was excluded by comparing `tried` texts, and what to look at next; nothing where `causes` explain it.
pub(super) fn words(causes: &[Cause], order: &[Cause], tried: u64) -> Option<(Bilingual, Bilingual)> {
    let message = Message::of(order);
    let both = |en: String, zh: String| Bilingual { en, zh };
    if causes.contains(&Cause::SignStringUnexplained) {
        let (en, zh) = match message {
            Message::Request => (
                "other line ends and another order of the lines, another method, the URL and query in other forms, a timestamp up to 10 s away or in milliseconds, the body missing, rewritten as serialisers do or in another character set, other digests, and pairs of these",
                "换行与行序、请求方法、URL 与查询串的其他写法、相差 10 秒以内或以毫秒计的时间戳、报文主体缺失、被重新序列化或换了字符集、其他摘要算法，以及其中任意两项的组合",
            ),
            Message::Notification => (
                "the body parsed and written again, renamed, wrapped, decoded in another character set or taken out of a log, blanks or a byte order mark at its ends, and exchanged headers",
                "报文主体被解析后重新序列化、改名、再次编码、按其他字符集解码或取自日志，首尾多了空白或 BOM，以及请求头对调",
            ),
            Message::PayParams => (
                "other line ends and another order of the lines, prepay_id with and without its prefix, other appIds, a timestamp up to 10 s away or in milliseconds, the string of API v2, other digests, and pairs of these",
                "换行与行序、prepay_id 带或不带前缀、其他 appId、相差 10 秒以内或以毫秒计的时间戳、API v2 的签名串、其他摘要算法，以及其中任意两项的组合",
            ),
        };
        let next = match message {
            Message::Request => (
                "Look next at: 1. is the nonce made twice, once for the text and once for the header? 2. what changes the body after it was signed (an HTTP client, compression, a proxy)? Compare its length with Content-Length; 3. the number or the query at the moment of signing; 4. sign_information in the gateway's answer: its length and its lines against sign_string.",
                "接下来看：1. 随机串是否生成了两次（签名串一次、请求头一次）；2. 签名之后是什么改动了报文主体（HTTP 客户端、压缩、代理），与 Content-Length 比较长度；3. 签名那一刻的单号和查询串；4. 网关应答里的 sign_information：把它的长度和各行与 sign_string 对照。",
            ),
            Message::Notification => (
                "Look next at: 1. take the raw bytes of the body before any framework parses them; 2. are header and body of one and the same delivery (a retry has its own timestamp, nonce and signature)? 3. what stands before the server and may change a body: WAF, CDN, proxy.",
                "接下来看：1. 在框架解析之前取报文主体的原始字节；2. 请求头与报文主体是否来自同一次投递（每次重试的时间戳、随机串和签名都不同）；3. 服务器前面会改动报文的设备：WAF、CDN、代理。",
            ),
            Message::PayParams => (
                "Look next at: 1. are timeStamp and nonceStr made twice, once for the text and once for the object? 2. is the prepay_id of the same order and not an older one? 3. log the four lines where they are signed.",
                "接下来看：1. timeStamp 和 nonceStr 是否生成了两次（签名串一次、参数对象一次）；2. prepay_id 是否属于这一单，而不是更早的；3. 在签名处记录这四行文本。",
            ),
        };
        return Some((
            both(
                format!(" Excluded, by comparing {tried} texts: {en}."),
                format!("已排除（比较了 {tried} 种文本）：{zh}。"),
            ),
            both(format!(" {}", next.0), next.1.to_owned()),
        ));
    }
    if causes.contains(&Cause::KeyMismatch) {
        let next = if message == Message::Notification {
            (
                " Look next at: is the file under this serial really WeChat Pay's (fingerprint in the key register), and is the message from WeChat Pay at all? A forged one looks just like this.",
                "接下来看：这个序列号下的文件是否真是微信支付的（对照密钥登记里的指纹）；报文是否真的来自微信支付——伪造的报文正是这个样子。",
            )
        } else {
            (
                " Look next at: 1. the fingerprint of the key that signs against that of this certificate (openssl pkey -in apiclient_key.pem -pubout; openssl x509 -in apiclient_cert.pem -pubkey -noout: both must print the same); 2. which file the running service really reads; 3. is the signature whole?",
                "接下来看：1. 签名私钥与这张证书是否配对（openssl pkey -in apiclient_key.pem -pubout 与 openssl x509 -in apiclient_cert.pem -pubkey -noout 输出应相同）；2. 正在运行的服务实际读取的是哪个文件；3. 签名值是否完整。",
            )
        };
        return Some((
            both(
                " Excluded: every mistake in the text, for the signature does not open with this key at all."
                    .to_owned(),
                "已排除：签名串上的一切错误，因为这把密钥根本打不开这个签名。".to_owned(),
            ),
            both(next.0.to_owned(), next.1.to_owned()),
        ));
    }
    None
}
