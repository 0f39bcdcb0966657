//! The words for mistakes in the text that was signed: its lines, its URL, its time, its body, pay parameters.

use super::{Cause, Said};

/// What was done wrong, and what to change; `None` when another file has the words.
pub(super) fn words(cause: Cause) -> Option<(Said, Said)> {
    Some(match cause {
        Cause::FinalNewlineMissing => (
            ("The last line of the signed text has no LF at its end.", "签名串的最后一行缺少换行符 \\n。"),
            (
                "End every line with \\n, the last one too, even when the body is empty.",
                "每一行都以 \\n 结尾，最后一行也不例外，请求体为空时同样如此。",
            ),
        ),
        Cause::BodyLineMissing => (
            ("Only the first lines were signed: the line of the body is missing.", "只签了前几行：缺少请求体这一行。"),
            (
                "Sign five lines: method, URL, timestamp, nonce, body; without a body the fifth is an empty line with its \\n.",
                "签名串共五行：方法、URL、时间戳、随机串、请求体；没有请求体时第五行为空行，但仍要有 \\n。",
            ),
        ),
        Cause::LineEndingsCrlf => (
            (
                "The lines of the signed text were ended by CR LF in place of LF.",
                "签名串的行尾用了回车换行（\\r\\n），而不是单个 \\n。",
            ),
            (
                "Build the text with \\n itself; don't use the platform's line separator (%n, System.lineSeparator, text blocks saved with CRLF).",
                "直接用 \\n 拼接，不要使用平台换行符（%n、System.lineSeparator、以 CRLF 保存的文本块等）。",
            ),
        ),
        Cause::LiteralBackslashN => (
            (
                "The two characters \\ and n were signed where line feeds belong.",
                "签名串里写入的是反斜杠和字母 n 两个字符，而不是真正的换行符。",
            ),
            (
                "Use a string in which \\n is an escape (double quotes in PHP and Ruby), or insert the byte 0x0A.",
                "使用会转义 \\n 的字符串（例如 PHP、Ruby 的双引号），或直接写入字节 0x0A。",
            ),
        ),
        Cause::FieldOrderWrong => (
            ("The lines were signed in another order.", "签名串各行的顺序不对。"),
            (
                "Keep the order of the rules: method, URL, timestamp, nonce, body for requests; appId, timeStamp, nonceStr, package for pay parameters.",
                "按规定顺序拼接：请求为 方法、URL、时间戳、随机串、请求体；调起支付为 appId、timeStamp、nonceStr、package。",
            ),
        ),
        Cause::MethodDiffers => (
            (
                "Another method was signed than the one sent, or it was not in upper case.",
                "签名用的 HTTP 方法与实际发送的不同，或没有大写。",
            ),
            ("Sign the verb that is sent, in upper case.", "签名时使用实际发送的方法，并全部大写。"),
        ),
        Cause::UrlFullSigned => (
            (
                "Scheme and host (or the host alone) were signed with the path.",
                "签名串的 URL 带上了协议和域名（或只带了域名）。",
            ),
            ("Sign only the path with its query, beginning with /v3.", "只签路径和查询串，即从 /v3 开始的部分。"),
        ),
        Cause::UrlSlashesDiffer => (
            (
                "The slashes of the signed path are not those of the path that was sent.",
                "签名的路径与发送的路径斜杠不一致（缺少、重复或多了末尾斜杠）。",
            ),
            (
                "Sign the path exactly as it stands on the request line; join base URL and path with one slash.",
                "按请求行里的路径原样签名；拼接基础地址与路径时只保留一个斜杠。",
            ),
        ),
        Cause::UrlVersionPrefixMissing => (
            (
                "The path was signed without its leading /v3, which was part of a base URL.",
                "签名的路径缺少开头的 /v3（它被放进了基础地址）。",
            ),
            ("Sign the whole path of the final URL, /v3 included.", "对最终 URL 的完整路径签名，包含 /v3。"),
        ),
        Cause::QueryMissing => (
            (
                "The path was signed without the query string that was sent.",
                "签名时漏掉了实际发送的查询串（? 及其后的部分）。",
            ),
            ("Sign path, ? and query as they are sent.", "把路径、? 和查询串一起签名，与发送的完全一致。"),
        ),
        Cause::QueryOrderDiffers => (
            (
                "The parameters of the query were signed in another order than they were sent.",
                "查询参数签名时的顺序与发送时不同。",
            ),
            (
                "Build the query string once and use that string for signing and for sending; nobody sorts it.",
                "只拼接一次查询串，签名和发送使用同一个字符串，不要排序。",
            ),
        ),
        Cause::UrlEncodingDiffers => (
            (
                "The URL was signed in another percent-encoding than it was sent in.",
                "签名的 URL 与发送的 URL 百分号编码方式不同。",
            ),
            (
                "Sign what stands on the request line byte for byte; encode before signing, and stop the HTTP library from encoding again.",
                "按请求行的字节原样签名；先编码再签名，并避免 HTTP 库再次编码。",
            ),
        ),
        Cause::PathPlaceholderSigned => (
            (
                "The signed path still had its placeholder in place of the number.",
                "签名的路径里仍是占位符，没有替换成真实单号。",
            ),
            ("Put the numbers into the path before signing.", "先把单号填入路径，再签名。"),
        ),
        Cause::TimestampDiffers => (
            (
                "The signed timestamp is some seconds off the one in the message: it was taken twice.",
                "签名用的时间戳与发送的时间戳相差几秒：取了两次时间。",
            ),
            ("Take the timestamp once and use it in both places.", "只取一次时间戳，签名和发送都用它。"),
        ),
        Cause::TimestampMilliseconds => (
            ("The timestamp is in milliseconds.", "时间戳用了毫秒。"),
            (
                "Use Unix seconds (ten digits), in the text and in the message.",
                "使用秒级 Unix 时间戳（10 位），签名串和报文都如此。",
            ),
        ),
        Cause::TimestampStale => (
            ("The timestamp is more than 300 seconds from the time given.", "时间戳与给定时间相差超过 300 秒。"),
            (
                "Set the clock by NTP, sign anew for every attempt, and don't replay old messages or sample values.",
                "用 NTP 校准时钟，每次发送都重新签名，不要重放旧报文或照抄示例值。",
            ),
        ),
        Cause::NonceMalformed => (
            (
                "The nonce is empty, longer than 32 characters, or not plain ASCII.",
                "随机串为空、超过 32 个字符，或含有非 ASCII 字符。",
            ),
            (
                "Use up to 32 letters and digits; take the hyphens out of a UUID.",
                "使用不超过 32 位的字母和数字；UUID 请去掉连字符。",
            ),
        ),
        Cause::BodySignedEmpty => (
            ("An empty body was signed, although one was sent.", "发送了请求体，签名时却按空请求体计算。"),
            ("Sign the bytes of the body that is sent.", "对实际发送的请求体字节签名。"),
        ),
        Cause::GetSignedWithBody => (
            ("No body was sent, but one was signed.", "没有发送请求体，签名时却加入了内容。"),
            (
                "Without a body the fifth line is empty; parameters of a GET belong to the URL line.",
                "没有请求体时第五行为空；GET 的参数属于 URL 这一行。",
            ),
        ),
        Cause::BodyJsonSpacing => (
            (
                "The same JSON was signed (or received) with other white space between its tokens.",
                "JSON 内容相同，但记号之间的空白不同：序列化了两次。",
            ),
            (
                "Serialise once; sign (or verify) exactly those bytes and send them unchanged.",
                "只序列化一次，对这些字节签名（或验签），原样发送。",
            ),
        ),
        Cause::BodyJsonKeyOrder => (
            (
                "The same JSON was signed (or received) with its names in another order.",
                "JSON 内容相同，但字段顺序不同：序列化了两次。",
            ),
            (
                "Serialise once and use those bytes; verify over the raw body, not over parsed and rewritten JSON.",
                "只序列化一次并使用这些字节；验签用原始报文，不要解析后再序列化。",
            ),
        ),
        Cause::BodyJsonNumberForm => (
            (
                "The same JSON was signed with whole numbers in another form (100 and 100.0).",
                "JSON 内容相同，但整数写法不同（100 与 100.0）。",
            ),
            (
                "Use integer types for amounts, and sign the bytes that are sent.",
                "金额使用整数类型，并对实际发送的字节签名。",
            ),
        ),
        Cause::BodyJsonUnicodeEscapes => (
            (
                "The same JSON has \\uXXXX on one side and the characters themselves on the other.",
                "JSON 内容相同，但一边是 \\uXXXX 转义，另一边是字符本身。",
            ),
            (
                "Serialise once and use those bytes for signing and sending; verify over the raw body.",
                "只序列化一次，签名和发送使用同一份字节；验签用原始报文。",
            ),
        ),
        Cause::BodyJsonSlashEscapes => (
            ("The same JSON has \\/ on one side and / on the other.", "JSON 内容相同，但一边是 \\/，另一边是 /。"),
            (
                "Serialise once and use those bytes; in PHP JSON_UNESCAPED_SLASHES makes both alike.",
                "只序列化一次并使用同一份字节；PHP 可用 JSON_UNESCAPED_SLASHES。",
            ),
        ),
        Cause::BodyObjectString => (
            (
                "A string form of the object, not the JSON itself, stands where the body belongs.",
                "参与计算的是对象的字符串形式，而不是 JSON 报文本身。",
            ),
            ("Pass the JSON text that goes over the wire, encoded once.", "使用线上传输的 JSON 文本，只编码一次。"),
        ),
        Cause::BodyOuterWhitespace => (
            (
                "There is white space before or after the body on one side only, or one LF too many at the end.",
                "只有一边的报文首尾多了空白，或结尾多了一个换行。",
            ),
            ("Neither trim nor add to the body; read and write it as bytes.", "不要修剪或增补报文，按字节读写。"),
        ),
        Cause::BodyBom => (
            ("A UTF-8 byte order mark stands before the body on one side only.", "只有一边的报文开头带有 UTF-8 BOM。"),
            ("Write and read the body as UTF-8 without a byte order mark.", "报文使用不带 BOM 的 UTF-8。"),
        ),
        Cause::BodyCharsetWrong => (
            (
                "One side of the body was not in UTF-8, or went through another character set.",
                "有一边的报文不是 UTF-8，或经过了其他字符集转换。",
            ),
            (
                "Turn strings into bytes as UTF-8 by name (getBytes(UTF_8)), and read raw bytes when verifying.",
                "字符串转字节时明确指定 UTF-8（如 getBytes(UTF_8)），验签时读取原始字节。",
            ),
        ),
        Cause::UploadMultipartSigned => (
            ("The whole multipart body of the upload was signed.", "上传接口签了整个 multipart 请求体。"),
            ("Sign only the content of the part named meta.", "只对名为 meta 的部分的内容签名。"),
        ),
        Cause::UploadMetaHashWrong => (
            ("The sha256 in meta is not that of the file part.", "meta 中的 sha256 与文件内容不符。"),
            ("Hash the file's own bytes, as they are sent.", "对实际发送的文件字节计算 SHA-256。"),
        ),
        Cause::PrepayPrefixWrong => (
            (
                "The fourth line is not what this client signs: JSAPI takes prepay_id=…, the App SDK the bare id.",
                "第四行不符合该客户端的规则：JSAPI 为 prepay_id=…，App 为不带前缀的 prepay_id。",
            ),
            (
                "JSAPI and mini-program: sign package as it is, prepay_id included. App: sign the bare prepay_id.",
                "JSAPI/小程序：按 package 的原值（含 prepay_id=）签名；App：只签 prepay_id 的值。",
            ),
        ),
        Cause::PackageWrong => (
            ("The parameter package is not what the client expects.", "package 参数的值不对。"),
            (
                "JSAPI and mini-program: prepay_id=… with the id of the order. App: Sign=WXPay.",
                "JSAPI/小程序：prepay_id= 加预支付单号；App：Sign=WXPay。",
            ),
        ),
        Cause::AppidDiffers => (
            ("Another appId was signed or passed than the one of the order.", "签名或传入的 appId 与下单时的不一致。"),
            (
                "Use the appid of the order, letter case included, in the text and in the parameters.",
                "签名串和参数都使用下单时的 appid，区分大小写。",
            ),
        ),
        Cause::SignTypeWrong => (
            (
                "signType is missing or not RSA, although the signature is RSA.",
                "signType 缺失或不是 RSA，而签名是 RSA。",
            ),
            ("Pass signType \"RSA\".", "传入 signType \"RSA\"。"),
        ),
        Cause::TimestampTypeWrong => (
            ("timeStamp is a number.", "timeStamp 是数字类型。"),
            ("Pass timeStamp as a string of digits.", "timeStamp 以字符串形式传入。"),
        ),
        Cause::ParamMissing => (
            ("A parameter is missing or has another name.", "缺少某个参数，或参数名写错。"),
            (
                "Use the exact names of the client, letter case included (timeStamp, nonceStr, package, signType, paySign).",
                "参数名须与客户端要求完全一致，区分大小写（timeStamp、nonceStr、package、signType、paySign）。",
            ),
        ),
        Cause::V2StyleString => (
            (
                "The signed text is that of API v2 (key=value joined by &, or a fifth line RSA).",
                "签名串是 API v2 的写法（键值用 & 连接，或多了一行 RSA）。",
            ),
            (
                "Sign four lines, each ended by \\n: appId, timeStamp, nonceStr, package.",
                "签四行，每行以 \\n 结尾：appId、timeStamp、nonceStr、package。",
            ),
        ),
        _ => return None,
    })
}
