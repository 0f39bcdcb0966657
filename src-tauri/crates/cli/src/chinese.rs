//! The help in Chinese: what clap shows, said again. The English sentence is the key, so what has no translation yet is
//! shown in English, and a test names it.

use clap::Command;
use clap::builder::StyledStr;

/// English, Chinese.
#[rustfmt::skip]
const SENTENCES: &[(&str, &str)] = &[
    ("WeChat Pay APIv3 on your own machine: orders, callbacks, signatures, and a sandbox to try it all on", "在自己的机器上用微信支付 APIv3：订单、回调、签名，以及可以试一切的沙箱"),
    ("Run one payment end to end against the built-in sandbox, and explain each step", "在内置沙箱上完整走一笔支付，并解释每一步"),
    ("Serve a pretend WeChat Pay on 127.0.0.1, with its own keys, clock and faults", "在 127.0.0.1 提供一个模拟的微信支付，有自己的密钥、时钟和故障"),
    ("Merchant profiles: who you are at WeChat Pay, and with which keys", "商户：你在微信支付的身份和密钥"),
    ("Serve the callback listener: verify, decrypt, record and answer what WeChat Pay sends", "监听回调：验签、解密、记录并应答微信支付发来的通知"),
    ("A practice target that prints every request it gets and answers as told", "练习用的接收端：打印收到的每个请求，按要求应答"),
    ("Orders: create, prepay, query, close, refund, export", "订单：创建、下单、查询、关单、退款、导出"),
    ("Callbacks: what came, what was checked, what it changed", "回调：收到了什么、检查了什么、改动了什么"),
    ("Examine a merchant backend's callback URL: play WeChat Pay and see which duties it meets", "体检商户后端的回调地址：扮演微信支付，看它尽到了哪些义务"),
    ("Sign a request with the merchant's key, and show the text that was signed", "用商户私钥签名一个请求，并显示签名串"),
    ("Check the signature of an answer or a notification", "验证应答或通知的签名"),
    ("Decrypt the resource of a notification or a platform certificate", "解密通知或平台证书的 resource"),
    ("Where the store and the key files live [env: GUITAI_DATA_DIR] [default: the per-user data folder]", "数据和密钥文件所在的目录 [环境变量: GUITAI_DATA_DIR] [默认: 用户数据目录]"),
    ("Merchant profile [default: the current one]", "商户 [默认: 当前商户]"),
    ("JSON on stdout: one document, or an object a line for commands that go on", "标准输出为 JSON：一个文档；持续运行的命令每行一个对象"),
    ("Port of the gateway; 0 takes any that is free", "网关端口；0 取任意空闲端口"),
    ("Port of the proxy that answers for WeChat Pay's own host names; 0 takes any that is free", "代理端口，代理以微信支付的域名应答；0 取任意空闲端口"),
    ("How many merchants, each with keys of its own", "商户个数，各有自己的密钥"),
    ("Port on 127.0.0.1; 0 takes any that is free", "127.0.0.1 上的端口；0 取任意空闲端口"),
    ("HTTP status of every answer", "每次应答的 HTTP 状态码"),
    ("Seconds before each answer, such as 6 to be slower than WeChat Pay waits", "应答前等待的秒数，例如 6 会慢过微信支付的等待时间"),
    ("Ready line of a sandbox: verify and decrypt what comes with its keys", "沙箱的就绪信息：用它的密钥验签并解密"),
    ("Add a profile", "添加商户"),
    ("List profiles", "列出商户"),
    ("Show a profile; secrets only as set or not set", "显示商户；密钥只显示是否已设置"),
    ("Do the key, the certificate, the serial and the APIv3 key belong together", "检查私钥、证书、序列号和 APIv3 密钥是否吻合"),
    ("Change a profile; a changed APIv3 key leaves the old one good for callbacks for 24 h", "修改商户；换 APIv3 密钥后，旧密钥 24 小时内仍可解密回调"),
    ("Make a profile the current one", "设为当前商户"),
    ("Remove a profile and its secrets; its orders and callbacks are kept", "移除商户及其密钥；订单和回调保留"),
    ("A name of your own", "自己取的名称"),
    ("Profile", "商户名称"),
    ("Profile [default: --merchant, else the current one]", "商户名称 [默认: --merchant，否则当前商户]"),
    ("Ready line of a sandbox: everything comes from it. With several merchants in it, --mchid picks one; `-` is stdin", "沙箱的就绪信息，一切取自其中；有多个商户时用 --mchid 选；`-` 为标准输入"),
    ("Merchant number", "商户号"),
    ("App the orders belong to", "订单所属的应用"),
    ("Serial of the merchant certificate, hex", "商户证书序列号（十六进制）"),
    ("apiclient_key.pem; `-` is stdin", "apiclient_key.pem；`-` 为标准输入"),
    ("apiclient_cert.pem, to check that key and serial belong to it", "apiclient_cert.pem，用来核对私钥和序列号"),
    ("File with the 32 characters of the APIv3 key; `-` is stdin", "存有 32 个字符 APIv3 密钥的文件；`-` 为标准输入"),
    ("File with the app secret; `-` is stdin", "存有应用密钥的文件；`-` 为标准输入"),
    ("Platform certificate (PEM); may be given several times", "平台证书（PEM），可给多个"),
    ("PUB_KEY_ID_…", "PUB_KEY_ID_…"),
    ("pub_key.pem", "pub_key.pem"),
    ("Where the gateway is [default: WeChat Pay's]", "网关地址 [默认: 微信支付]"),
    ("Where payment notifications go", "支付通知地址"),
    ("Whether a merchant of the real WeChat Pay may send anything but queries [default: as it is, off at first]", "真实商户能否发送查询以外的请求 [默认: 不变，最初为 off]"),
    ("Bills: a day's bill from WeChat Pay, and how it differs from what this desk knows", "账单：微信支付某一天的账单，以及它和本地记录的差异"),
    ("Fetch the trade bill of a day: payments and refunds", "下载某一天的交易账单：付款和退款"),
    ("Fetch the fund-flow bill of a day: money in and out of the basic account", "下载某一天的资金账单：基本账户的收支"),
    ("Record a payment or refund that a trade bill names and this desk doesn't know, after asking WeChat Pay about it", "补记账单里有而本地没有的付款或退款，先向微信支付查询"),
    ("List the bills that are kept, with what their reconciliation found", "列出已保存的账单和对账结果"),
    ("The day, Beijing time", "日期（北京时间）"),
    ("Write the bill there as WeChat Pay made it", "把账单原文写到这里"),
    ("Fetch it even if it is kept already", "已保存也重新下载"),
    ("Hold it against orders, refunds and callbacks, and print only what differs", "与订单、退款和回调对账，只列出差异"),
    ("The order's out_trade_no, as the bill has it", "商户订单号，以账单为准"),
    ("The bill's day", "账单日期"),
    ("The refund's out_refund_no, if a refund is to be recorded", "商户退款单号，补记退款时填写"),
    ("Record a new order; nothing is sent yet", "记下新订单；还不发送"),
    ("List orders, newest first", "列出订单，新的在前"),
    ("Show one order with its timeline, refunds, callbacks and exchanges", "显示订单及其经过、退款、回调和往来"),
    ("Ask WeChat Pay to make the order payable", "向微信支付下单"),
    ("Print what wx.requestPayment takes", "打印 wx.requestPayment 的参数"),
    ("Ask WeChat Pay for the order's state", "向微信支付查询订单状态"),
    ("Close an unpaid order at WeChat Pay", "关闭未支付的订单"),
    ("Refund an order, in whole or in part", "全部或部分退款"),
    ("Print all orders that the filters let through, as CSV or JSON lines", "按条件导出订单，CSV 或 JSON Lines"),
    ("The order's out_trade_no", "商户订单号 out_trade_no"),
    ("Yuan, such as 12.50", "金额（元），如 12.50"),
    ("What is sold, at most 127 characters", "商品描述，最多 127 个字符"),
    ("Who pays (needed for JSAPI)", "支付者（JSAPI 必填）"),
    ("The number to use [default: a new one]", "商户订单号 [默认: 新编号]"),
    ("Merchant data that comes back with the payment", "附加数据，随支付结果返回"),
    ("Where the payment notification goes [default: the merchant's]", "支付通知地址 [默认: 商户的]"),
    ("CREATED, NOTPAY, SUCCESS, REFUND, CLOSED, …", "CREATED、NOTPAY、SUCCESS、REFUND、CLOSED 等"),
    ("In number, description, attach, openid or amount", "在单号、描述、附加数据、openid 或金额中查找"),
    ("Made at or after: a date, or RFC 3339", "起始时间：日期或 RFC 3339"),
    ("Made before: a date, or RFC 3339", "结束时间：日期或 RFC 3339"),
    ("How many at most", "最多几条"),
    ("How many at most [default: all]", "最多几条 [默认: 全部]"),
    ("Cursor: the `next` of the page before", "游标：上一页的 next"),
    ("Cursor to go on from", "从此游标继续"),
    ("By which product it is to be paid", "支付产品"),
    ("Yuan [default: all that is left]", "金额（元）[默认: 剩余全部]"),
    ("Shown to the payer", "显示给支付者"),
    ("The refund's number; the same again repeats the same refund [default: a new one]", "商户退款单号；同号重试同一笔退款 [默认: 新编号]"),
    ("How it is written", "格式"),
    ("Several orders behind one payment: create, prepay, query, close", "合单：多笔订单一次支付"),
    ("Put 2 to 10 orders behind one payment; nothing is sent yet", "把 2 到 10 笔订单合成一次支付；还不发送"),
    ("Show a combined order with its orders", "显示合单及其子单"),
    ("Ask WeChat Pay to make all of it payable at once", "合单下单"),
    ("Print what wx.requestPayment (or the App SDK) takes to pay all of it", "打印合单的调起支付参数"),
    ("Ask WeChat Pay for the state of all of it", "查询合单"),
    ("Close all of its orders, which none may have paid", "关闭合单的全部子单（都未支付）"),
    ("Its combine_out_trade_no", "合单号 combine_out_trade_no"),
    ("The out_trade_no of each order", "各子单的 out_trade_no"),
    ("The number of the whole [default: a new one]", "合单号 [默认: 新编号]"),
    ("Who pays (needed for JSAPI) [default: as in the first order]", "支付者（JSAPI 必填）[默认: 同第一笔订单]"),
    ("Where the payment notification goes [default: as in the first order]", "支付通知地址 [默认: 同第一笔订单]"),
    ("JSON object with time_expire and scene_info of the whole; `-` is stdin", "JSON 对象，可含合单的 time_expire 和 scene_info；`-` 为标准输入"),
    ("Refunds by their own number: query, and the way out of an abnormal one", "退款：按退款单号查询，处理异常退款"),
    ("Ask WeChat Pay what became of a refund", "向微信支付查询退款"),
    ("Say where the money of an ABNORMAL refund shall go", "处理异常退款：决定钱退到哪里"),
    ("The refund's out_refund_no", "商户退款单号 out_refund_no"),
    ("Whose account takes the money", "退到谁的账户"),
    ("File with the payer's card as JSON: bank_type, bank_account, real_name; `-` is stdin", "支付者银行卡的 JSON 文件：bank_type、bank_account、real_name；`-` 为标准输入"),
    ("Encrypt a sensitive field for WeChat Pay, or open one with the merchant's key", "敏感字段：为微信支付加密，或用商户私钥解密"),
    ("Encrypt a field for WeChat Pay with its public key, or its newest platform certificate", "用微信支付公钥或最新的平台证书加密一个字段"),
    ("Open a field of an answer with the merchant's private key", "用商户私钥解密应答中的字段"),
    ("File with the text, at most 214 bytes; `-` is stdin", "存有明文的文件，最多 214 字节；`-` 为标准输入"),
    ("File with the base64 text; `-` is stdin", "存有 base64 密文的文件；`-` 为标准输入"),
    ("Download the platform certificates now, and list them, the newest first", "立即下载平台证书并列出，新的在前"),
    ("One of the merchant's appids [default: its first]", "商户的 appid 之一 [默认: 第一个]"),
    ("Another of the merchant's appids than the order was made for", "改用商户的另一个 appid"),
    ("Say what a folder of key files holds, and whether it belongs together", "说明文件夹里有哪些密钥文件、是否吻合"),
    ("Folder of key files: whatever it holds needs no option of its own", "密钥文件夹：其中已有的不必再用参数给出"),
    ("The folder", "文件夹"),
    ("Merchant number, the password of a .p12 [default: as a certificate in the folder says]", "商户号，即 .p12 的密码 [默认: 取自文件夹里的证书]"),
    ("Another app of the same merchant number, which orders may name; may be given several times. With `update` these replace the ones before, and an empty one takes them away", "同一商户号的另一个应用，订单可指定；可给多个。用于 `update` 时替换原有的，给空值则清除"),
    ("JSON object with any other field of a prepay under WeChat Pay's names: detail, scene_info, …; `-` is stdin", "JSON 对象，可含下单的任何其他字段（用微信支付的名称）：detail、scene_info 等；`-` 为标准输入"),
    ("Deadline for paying, RFC 3339", "支付截止时间，RFC 3339"),
    ("Coupon tag, at most 32 characters", "订单优惠标记，最多 32 个字符"),
    ("Ways of paying that are not taken (no_balance, no_credit, no_debit) or balance_only; may be given several times", "不接受的支付方式（no_balance、no_credit、no_debit），或 balance_only；可给多个"),
    ("Offer the payer an electronic invoice", "开启电子发票入口"),
    ("Freeze the money for profit sharing", "冻结资金用于分账"),
    ("The payer's own IPv4 or IPv6 address (needed for H5, but for a sandbox's merchant)", "支付者自己的 IPv4 或 IPv6 地址（H5 必填，沙箱商户除外）"),
    ("The shop's or device's number", "门店或设备号"),
    ("What the H5 page runs on: Wap, iOS or Android [default: Wap]", "H5 场景类型：Wap、iOS 或 Android [默认: Wap]"),
    ("The catalogue: what is sold through the merchant API, and at which price", "目录：通过商户 API 出售什么、价格多少"),
    ("Serve the merchant API for mini-programs on the same port: login, order, pay params, state", "在同一端口提供小程序用的商户 API：登录、下单、支付参数、状态"),
    ("Let web pages of this origin call the API; may be given several times [default: none, and none is needed by a mini-program]", "允许该来源的网页调用 API；可给多个 [默认: 无，小程序不需要]"),
    ("Add an entry", "添加一项"),
    ("List what is sold", "列出出售的项目"),
    ("Remove an entry; orders made from it stay", "移除一项；已有订单不变"),
    ("What the payer reads, at most 127 characters", "支付者看到的名称，最多 127 个字符"),
    ("Price in yuan, such as 29.90", "价格（元），如 29.90"),
    ("Its kind; clients must then name the same packageType", "类型；设置后客户端的 packageType 须与它相同"),
    ("The entry's id, which clients send as packageId", "编号，即客户端的 packageId"),
    ("List deliveries, newest first", "列出回调，新的在前"),
    ("Show one delivery: headers, body, checks, decrypted content", "显示一次回调：头部、正文、检查、解密内容"),
    ("Apply a held delivery, where a newer version understands it or the order allows it now", "让待处理的回调生效（新版本已能理解，或订单现在允许）"),
    ("Print all deliveries that the filters let through, as CSV or JSON lines", "按条件导出回调，CSV 或 JSON Lines"),
    ("Send deliveries again: as received, signed anew by the sandbox, or with edited content", "重放回调：按原样、由沙箱重新签名，或改过内容"),
    ("The deliveries' ids, sent in this order; or choose them with --verdict and --out-trade-no", "回调编号，按此顺序发送；也可用 --verdict 和 --out-trade-no 选取"),
    ("Decrypted content, a JSON object (- is stdin), to go out in place of what came: sealed and signed anew", "代替原内容的解密后 JSON 对象（- 为标准输入）：重新加密并签名"),
    ("All deliveries of this verdict, oldest first", "该结论的所有回调，旧的在前"),
    ("All deliveries of one order, oldest first", "一个订单的所有回调，旧的在前"),
    ("Each so many times; 10,000 requests at most in all", "每条发送的次数；总共最多 10,000 个请求"),
    ("At the same moment (64 at most) instead of one after the other", "同一时刻发送（最多 64 个），而不是逐个发送"),
    ("Out of order", "打乱顺序"),
    ("The order of --shuffle: the same seed shuffles the same way", "--shuffle 的顺序：相同的种子打乱结果相同"),
    ("Only say how many requests it would be, to where", "只说明会有多少请求、发往哪里"),
    ("Where it is sent: an http or https address", "发往的地址（http 或 https）"),
    ("As it was received, or signed anew with the sandbox's key [default: received; resigned for an edit or a fault that needs it]", "按原样，或用沙箱的密钥重新签名 [默认: 按原样；改过内容或需要签名的故障则重新签名]"),
    ("What is wrong with it on purpose", "故意带上的故障"),
    ("Ready line of the sandbox whose key signs [default: the one that the merchant was added from]", "用来签名的沙箱的就绪信息 [默认: 添加商户时的沙箱]"),
    ("Let the address be private or link-local: it is your own backend", "允许内网或链路本地地址：确认是自己的后端"),
    ("Pass every accepted delivery on to this backend, with its own retries; may be given several times", "把收下的每次回调转发到该后端，自动重试；可给多个"),
    ("Let those addresses be private or link-local: they are your own backends", "允许内网或链路本地地址：确认是自己的后端"),
    ("What is passed on to backends by `listen --forward-to`, and what died on the way", "转发：`listen --forward-to` 转发了什么，哪些没有送到"),
    ("List forwards, newest first", "列出转发，新的在前"),
    ("List the dead ones: every attempt of the ladder failed", "列出已放弃的：全部重试都失败了"),
    ("Bring the dead ones back: they are tried again while their target is forwarded to", "恢复已放弃的：向该目标转发时再次尝试"),
    ("Only in this state", "只列此状态"),
    ("Only for this backend, and also what came while nobody forwarded to it; may be given several times", "只恢复发往该后端的，也补上未向它转发期间收到的；可给多个"),
    ("Wait until a delivery of an order is there: exit 0 when it is, 1 when the time is over", "等待某个订单的回调：等到则退出码 0，超时则 1"),
    ("Seconds to wait; 0 only looks", "等待的秒数；0 只看一次"),
    ("What the delivery must have: a field of its row or of the decrypted content, such as amount.total=100; all of them count", "回调须满足的条件：列表字段或解密内容的字段，如 amount.total=100；可给多个，须全部满足"),
    ("The delivery's id", "回调编号"),
    ("What came of it", "结论"),
    ("Of one order", "某个订单的"),
    ("HTTP method", "HTTP 方法"),
    ("Path and query as they go on the request line, or a whole URL", "请求行上的路径和查询串，或完整 URL"),
    ("File with the exact bytes of the body [default: no body]; `-` is stdin", "存有原始报文的文件 [默认: 无报文]；`-` 为标准输入"),
    ("Unix seconds [default: now]", "Unix 秒 [默认: 现在]"),
    ("At most 32 characters [default: a random one]", "最多 32 个字符 [默认: 随机]"),
    ("`Wechatpay-Timestamp` as received", "收到的 `Wechatpay-Timestamp`"),
    ("`Wechatpay-Nonce` as received", "收到的 `Wechatpay-Nonce`"),
    ("`Wechatpay-Serial` as received", "收到的 `Wechatpay-Serial`"),
    ("`Wechatpay-Signature` as received", "收到的 `Wechatpay-Signature`"),
    ("File with the exact bytes of the body; `-` is stdin", "存有原始报文的文件；`-` 为标准输入"),
    ("Platform certificate (PEM) that the serial names", "序列号所指的平台证书（PEM）"),
    ("WeChat Pay public key (PEM)", "微信支付公钥（PEM）"),
    ("JSON with `ciphertext`, `nonce` and `associated_data`, or a whole notification that holds one; `-` is stdin", "含 `ciphertext`、`nonce`、`associated_data` 的 JSON，或整个通知；`-` 为标准输入"),
    ("The backend's callback URL", "后端的回调地址"),
    ("The ready line of `guitai sandbox`, on whose credentials the backend runs", "后端所用沙箱的就绪信息"),
    ("Makes the backend place an order with notify_url = URL; its last line is the out_trade_no", "让后端以该地址为 notify_url 下单的命令；最后一行为 out_trade_no"),
    ("Prints {\"paid\":BOOL,\"times_applied\":N} for the order in OUT_TRADE_NO", "为 OUT_TRADE_NO 的订单打印 {\"paid\":BOOL,\"times_applied\":N} 的命令"),
    ("Only these cases", "只做这些用例"),
    ("How long a lost callback may stay unnoticed", "丢失的回调最久多久被发现"),
    ("Write the score card: .json, .html (one page) or .xml (JUnit); may be repeated", "写出成绩单：.json、.html（单页）或 .xml（JUnit），可给多个"),
    ("Examine a public address all the same: it is not a live backend", "即使是公网地址也体检：确认不是线上后端"),
    ("Which mistake made a signature, a notification or pay parameters fail", "诊断：签名、通知或支付参数错在哪里"),
    ("A request that WeChat Pay refuses: what its signer did wrong", "被微信支付拒绝的请求：签名方错在哪里"),
    ("The verb that was sent", "发送时的 HTTP 方法"),
    ("What was sent, byte for byte: absolute, or path with query", "发送时的地址，原样：完整 URL，或路径加查询串"),
    ("The value of the Authorization header", "Authorization 头的值"),
    ("File with the exact bytes of the body, `-` is stdin [default: no body]", "存有原始报文的文件，`-` 为标准输入 [默认: 无报文]"),
    ("Merchant certificate (PEM): gives key and serial", "商户证书（PEM）：给出公钥和序列号"),
    ("Merchant private key (PEM): only its public half is used", "商户私钥（PEM）：只用其公钥部分"),
    ("File with the APIv3 key: proves an HMAC signature", "存有 APIv3 密钥的文件：用来证明 HMAC 签名"),
    ("When it was sent, RFC 3339 or Unix seconds [default: time is not judged]", "发送时间，RFC 3339 或 Unix 秒 [默认: 不判断时间]"),
    ("A notification or an answer that doesn't verify or decrypt: what was done to it", "验签或解密失败的通知或应答：它被怎样改动过"),
    ("File with the headers: a JSON object, a JSON array of [name, value], or raw lines", "存有头部的文件：JSON 对象、[名, 值] 的 JSON 数组，或原始行"),
    ("File with the exact bytes of the body, `-` is stdin", "存有原始报文的文件，`-` 为标准输入"),
    ("Platform certificate (PEM); may be given more than once", "平台证书（PEM），可给多个"),
    ("Its id, PUB_KEY_ID_…", "公钥 ID，PUB_KEY_ID_…"),
    ("The merchant's own certificate (PEM)", "商户自己的证书（PEM）"),
    ("File with the APIv3 key: the ciphertext is looked at too", "存有 APIv3 密钥的文件：同时检查密文"),
    ("When it was received, RFC 3339 or Unix seconds [default: time is not judged]", "收到时间，RFC 3339 或 Unix 秒 [默认: 不判断时间]"),
    ("Pay parameters that WeChat's client refuses: what their signer did wrong", "被微信客户端拒绝的支付参数：签名方错在哪里"),
    ("File with the JSON object given to the client, `-` is stdin", "存有交给客户端的 JSON 对象的文件，`-` 为标准输入"),
    ("The appid that the order was made with", "下单所用的 appid"),
    ("The client that takes the parameters", "接收参数的客户端"),
];

const TEMPLATE: &str = "{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

fn chinese(english: &StyledStr) -> Option<&'static str> {
    let english = english.to_string();
    SENTENCES.iter().find(|(sentence, _)| *sentence == english).map(|(_, chinese)| *chinese)
}

/// `command` with its help in Chinese.
pub fn translated(command: Command) -> Command {
    let mut command = command.mut_args(|argument| {
        let help = argument.get_help().and_then(chinese);
        let argument = match argument.get_help_heading() {
            Some("For every command") => argument.help_heading("通用选项"),
            _ => argument,
        };
        match help {
            Some(help) => argument.help(help).long_help(None::<&str>),
            None => argument,
        }
    });
    if let Some(about) = command.get_about().and_then(chinese) {
        command = command.about(about).long_about(None::<&str>);
    }
    command = command.subcommand_help_heading("命令").help_template(TEMPLATE);
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, translated))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_sentence_of_the_help_is_said_in_chinese() {
        fn walk(command: &Command, missing: &mut Vec<String>) {
            let helps = command.get_arguments().filter_map(clap::Arg::get_help);
            let untold = command.get_about().into_iter().chain(helps).filter(|help| chinese(help).is_none());
            missing.extend(untold.map(ToString::to_string));
            command.get_subcommands().for_each(|sub| walk(sub, missing));
        }
        let mut missing = Vec::new();
        walk(&crate::Cli::command(), &mut missing);
        assert_eq!(missing, Vec::<String>::new());
        translated(crate::Cli::command()).debug_assert();
    }
}
