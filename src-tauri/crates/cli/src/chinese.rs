//! The help in Chinese: what clap shows, said again. The English sentence is the key, so what has no translation yet is
//! shown in English, and a test names it.

mod frame;

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
    ("How everything is: deliveries by outcome, commits, disk, backups, certificates, logs", "各项情况：回调结果、写入用时、磁盘、备份、证书、日志"),
    ("Callbacks: what came, what was checked, what it changed", "回调：收到了什么、检查了什么、改动了什么"),
    ("Examine a merchant backend's callback URL: play WeChat Pay and see which duties it meets", "体检商户后端的回调地址：扮演微信支付，看它尽到了哪些义务"),
    ("Sign a request with the merchant's key, and show the text that was signed", "用商户私钥签名一个请求，并显示签名串"),
    ("Check the signature of an answer or a notification", "验证应答或通知的签名"),
    ("Decrypt the resource of a notification or a platform certificate", "解密通知或平台证书的 resource"),
    ("Where the store and the key files live [env: GUITAI_DATA_DIR] [default: the per-user data folder]", "数据和密钥文件所在的目录 [环境变量: GUITAI_DATA_DIR] [默认: 用户数据目录]"),
    ("Merchant profile [default: the current one]", "商户 [默认: 当前商户]"),
    ("JSON on stdout: one document, or an object a line for commands that go on", "标准输出为 JSON：一个文档；持续运行的命令每行一个对象"),
    ("Port of the gateway; 0 takes any that is free", "网关端口；0 取任意空闲端口"),
    ("Print every error of the gateway and how to provoke it, and serve nothing", "列出网关的每个错误及触发办法，不启动服务"),
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
    ("Copy the whole store to a file, while it is in use, and look at the copy from end to end", "把全部数据复制到一个文件（使用中也可以），并从头到尾检查"),
    ("Where it goes; must not exist yet", "写到哪里；文件不能已存在"),
    ("Put a backup in the store's place; what was there before is kept aside", "用备份替换现有数据；原来的数据另存一旁"),
    ("A backup", "备份文件"),
    ("Only look at the file from end to end; change nothing", "只从头到尾检查文件，不做改动"),
    ("The data folder's store: is it sound, whole and private, and is there room", "数据目录：是否完好、完整、私密，空间够不够"),
    ("Make indexes, sums and search words anew where they are wrong, and take other users' rights away", "索引、汇总、搜索有错时重建，并收回其他用户的权限"),
    ("Print a receipt: what was sold, paid and given back", "打印收款凭证：卖了什么、收了多少、退了多少"),
    ("As a page to print, instead of text", "输出可打印的网页，而不是文字"),
    ("Write it there instead of printing it", "写到这里，而不是打印出来"),
    ("Write down everything about an order for a developer, with payer and signatures masked", "把一笔订单的全部记录写给开发者，隐去支付者和签名"),
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
    ("CREATED, NOTPAY, SUCCESS, REFUND, CLOSED, …; several with commas", "CREATED、NOTPAY、SUCCESS、REFUND、CLOSED 等；多个用逗号分开"),
    ("By which product it was prepaid last; several with commas", "最近一次下单的支付产品；多个用逗号分开"),
    ("What the newest callback came to; several with commas", "最近一次回调的结论；多个用逗号分开"),
    ("At least so many yuan", "金额不小于（元）"),
    ("At most so many yuan", "金额不大于（元）"),
    ("What comes first", "排在最前的"),
    ("No callback came yet", "还没有回调"),
    ("Genuine, and it changed the order", "真实，并且改变了订单"),
    ("Genuine, seen before", "真实，此前已收到"),
    ("Genuine, not applied: a person decides", "真实，但没有采用，需要人来判断"),
    ("Not genuine", "不是真的"),
    ("Our own failure", "我方失败"),
    ("Made last", "最新创建的"),
    ("Made first", "最早创建的"),
    ("The highest amount", "金额最大的"),
    ("The lowest amount", "金额最小的"),
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
    ("WeChat Pay's number of a payment instead, also of one made elsewhere; prints the transaction as WeChat Pay tells it", "改用微信支付订单号查询，也可查其他系统的支付；按微信支付的原样打印"),
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
    ("Rehearse the change to the WeChat Pay public key at the sandbox: what breaks at each step, and the way back", "在沙箱里演练改用微信支付公钥：每一步断在哪里，如何退回"),
    ("The tunnel that callbacks come through: start one, and prove that a notify_url leads here", "回调进来的隧道：启动隧道，并证明 notify_url 能到达本机"),
    ("Open a tunnel to the listener, set the merchant's notify_url from it, prove it, and keep it open", "打开到监听的隧道，写入商户的 notify_url，证明能走通，并保持运行"),
    ("Judge a notify_url as WeChat Pay would use it, and prove that it leads to this desk's listener; exit 1 if it does not", "按微信支付的用法检查 notify_url，并证明它通向本柜台的监听；不通时退出码为 1"),
    ("The program that makes the tunnel", "使用的隧道程序"),
    ("The listener's port on 127.0.0.1", "监听在 127.0.0.1 上的端口"),
    ("The public address, where the program doesn't say it (frpc; ssh to a server of your own)", "公网地址，用于程序自己不输出地址的情况（frpc；ssh 到自己的服务器）"),
    ("ssh: where to", "ssh：连接到哪里"),
    ("ssh: the port at the server that is forwarded here; 0 lets the server choose", "ssh：服务器上转发到这里的端口；0 由服务器决定"),
    ("frpc: its configuration file", "frpc：配置文件"),
    ("custom: the command line; {port} becomes the listener's port", "custom：命令行；{port} 会换成监听端口"),
    ("One more argument for the program; may be given several times", "给程序的额外参数；可给多个"),
    ("Leave the merchant's notify_url as it is", "不改动商户的 notify_url"),
    ("The URL [default: the merchant's notify_url]", "要检查的地址 [默认: 商户的 notify_url]"),
    ("Trust this root certificate too while proving: an HTTPS proxy with an authority of your own", "证明时也信任这张根证书：使用自建 CA 的 HTTPS 代理"),
    ("Cloudflare's quick tunnel: no account, another address each time", "Cloudflare 快速隧道：无需账号，每次地址不同"),
    ("ngrok, with the account that it is logged in to", "ngrok，使用已登录的账号"),
    ("frp's client with its configuration file", "frp 客户端，使用其配置文件"),
    ("ssh -R to a server of your own or one that publishes the port", "ssh -R 到自己的服务器，或会公开端口的服务器"),
    ("Any other command", "其他任意命令"),
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
    ("Print all deliveries that the filters let through, as CSV or JSON lines; or copy one out, as cURL, HAR, raw HTTP or a fixture", "按条件导出回调，CSV 或 JSON Lines；或导出一次回调：cURL、HAR、HTTP 原文、测试样本"),
    ("Count deliveries by what came of them and why, the commonest first", "按结论和原因统计回调，多的在前"),
    ("What came of it; may be given several times", "结论；可给多个"),
    ("Why, such as probe or amount_matches; may be given several times", "原因，如 probe 或 amount_matches；可给多个"),
    ("Of one kind, such as REFUND.SUCCESS", "事件类型，如 REFUND.SUCCESS"),
    ("From one address", "来源地址"),
    ("Received at or after: RFC 3339, or a day in Beijing time", "收到时间不早于：RFC 3339，或北京时间的日期"),
    ("Received before: RFC 3339, or to the end of a day in Beijing time", "收到时间早于：RFC 3339，或到北京时间某日结束"),
    ("Words of the decrypted content, or the beginning of a number", "解密内容中的词，或单号的开头"),
    ("Leave out duplicates", "不列重复通知"),
    ("Only this delivery, copied out", "只导出这一次回调"),
    ("As what the one is copied out [default: curl]", "这一次回调导出为什么 [默认: curl]"),
    ("Where the cURL command sends it [default: this desk's own listener]", "cURL 命令发往何处 [默认: 本机监听]"),
    ("How the list is written", "列表的格式"),
    ("A curl command for a POSIX shell", "POSIX shell 的 curl 命令"),
    ("An HTTP archive (HAR 1.2)", "HTTP 存档（HAR 1.2）"),
    ("The request as it stood on the wire", "请求原文"),
    ("A JSON fixture for a test: the request, and what to expect of it", "测试用的 JSON 样本：请求和应有的结果"),
    ("Where it is sent: an http or https address", "发往的地址（http 或 https）"),
    ("As it was received, or signed anew with the sandbox's key [default: received; resigned for an edit or a fault that needs it]", "按原样，或用沙箱的密钥重新签名 [默认: 按原样；改过内容或需要签名的故障则重新签名]"),
    ("What is wrong with it on purpose", "故意带上的故障"),
    ("Ready line of the sandbox whose key signs [default: the one that the merchant was added from]", "用来签名的沙箱的就绪信息 [默认: 添加商户时的沙箱]"),
    ("Let the address be private or link-local: it is your own backend", "允许内网或链路本地地址：确认是自己的后端"),
    ("Pass every accepted delivery on to this backend, with its own retries; may be given several times", "把收下的每次回调转发到该后端，自动重试；可给多个"),
    ("Let those addresses be private or link-local: they are your own backends", "允许内网或链路本地地址：确认是自己的后端"),
    ("Play a file of steps against a sandbox and check what became of the order: for CI", "剧本：按文件里的步骤对沙箱演练，并检查订单结果；用于 CI"),
    ("Files, or names of shipped scenarios; each is played on a desk of its own", "文件，或自带剧本的名称；每个都在独立的环境里演练"),
    ("List the shipped scenarios", "列出自带的剧本"),
    ("Print a shipped scenario, to write one of your own from it", "打印自带的剧本，可据此编写自己的"),
    ("Ready line of a running sandbox [default: one of its own]", "正在运行的沙箱的就绪信息 [默认: 自己启动一个]"),
    ("Pass what the listener accepts on to this backend: the one that is tested", "把收到的回调转发给这个后端：即被测的后端"),
    ("Write a JUnit report", "写出 JUnit 报告"),
    ("Backends that deliveries are passed on to, what was, and what died on the way", "转发：转发给哪些后端，转发了什么，哪些没有送到"),
    ("List the kept backends, and forwards, newest first", "列出转发目标和转发，新的在前"),
    ("Keep a backend that deliveries are passed on to, whoever takes them in: listen or the window", "添加转发目标：回调会转发给它，无论由 listen 还是窗口收到"),
    ("Forget a kept backend; what waits for it is dead and can be recovered", "移除转发目标；等待它的记为放弃，可以恢复"),
    ("Pass nothing on to a kept backend for now; what comes meanwhile waits for it", "暂停向目标转发；期间收到的留待之后"),
    ("Go on with a paused backend", "继续向暂停的目标转发"),
    ("The backend's callback URL", "后端的回调地址"),
    ("Which deliveries it gets", "转发哪些回调"),
    ("Only events whose type begins so, such as REFUND", "只转发类型以此开头的事件，如 REFUND"),
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
    ("Makes the backend refund the paid order in OUT_TRADE_NO", "让后端为 OUT_TRADE_NO 这张已支付订单退款的命令"),
    ("Prints the pay params that the backend gives its front end for the order in OUT_TRADE_NO", "打印后端为 OUT_TRADE_NO 给前端的支付参数的命令"),
    ("Only these cases", "只做这些用例"),
    ("How long a lost callback may stay unnoticed", "丢失的回调最久多久被发现"),
    ("Write the score card: .json, .html (one page) or .xml (JUnit); may be repeated", "写出成绩单：.json、.html（单页）或 .xml（JUnit），可给多个"),
    ("Show past runs, newest first, and examine nothing", "列出以往的体检，新的在前；不做体检"),
    ("Examine a public address all the same: it is not a live backend", "即使是公网地址也体检：确认不是线上后端"),
    ("Which mistake made a signature, a notification or pay parameters fail; and whether the store is sound", "诊断：签名、通知或支付参数错在哪里；数据是否完好"),
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
    ("Orders, refunds and closes are sent", "可以下单、退款、关单"),
    ("Read-only", "只读"),
    ("Official account or mini-program", "公众号或小程序"),
    ("A QR code to scan", "扫码"),
    ("The merchant's own app", "商户自己的 App"),
    ("A browser outside WeChat", "微信外的浏览器"),
    ("For spreadsheets", "给电子表格用"),
    ("A JSON object a line", "每行一个 JSON 对象"),
    ("The merchant's settlement account; the merchant gives it back another way", "商户结算账户；由商户另行退给付款人"),
    ("A bank card of the payer", "付款人的银行卡"),
    ("The bytes and headers that came", "收到时的字节和头部"),
    ("Fresh time, nonce and signature", "新的时间、随机串和签名"),
    ("A signature that doesn't fit", "不符的签名"),
    ("Validly signed, ten minutes old", "签名有效，但已过十分钟"),
    ("The ciphertext changed, then validly signed", "密文改过，再有效签名"),
    ("A serial that nobody knows", "谁也不认识的序列号"),
    ("WeChat Pay's own test of whether signatures are checked", "微信支付检查是否验签的探测"),
    ("Twice at the same moment", "同一时刻两次"),
    ("wx.requestPayment and getBrandWCPayRequest", "wx.requestPayment 和 getBrandWCPayRequest"),
    ("the App SDK", "App 的 SDK"),
    ("Genuine ones: applied, duplicate, held", "真实的：已生效、重复、待人工"),
    ("All that are kept, forged and failed ones too", "保存的每一条，包括伪造的和失败的"),
    ("Those that are not genuine", "不是真的那些"),
    ("Will be tried, for the first time or again", "等待发送，第一次或再一次"),
    ("The target answered 2xx", "对方应答了 2xx"),
    ("The ladder is used up", "重试已用完"),
];

const TEMPLATE: &str = "{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

/// Paragraphs below the options, but for examples: English, Chinese.
#[rustfmt::skip]
const NOTES: &[(&str, &str)] = &[
    ("Start here:\n  guitai demo                          one payment, end to end, explained\n  guitai sandbox > sandbox.json &      a WeChat Pay to test against\n  guitai merchant add shop --from-sandbox sandbox.json\n  guitai listen", "从这里开始:\n  guitai demo                          从头到尾走一笔支付，逐步讲解\n  guitai sandbox > sandbox.json &      用来测试的微信支付\n  guitai merchant add shop --from-sandbox sandbox.json\n  guitai listen"),
    ("Exit status: 0 it worked, 1 it did not, 2 the arguments are wrong.\nGUITAI_DATA_DIR, GUITAI_LANG (zh or en), GUITAI_PASSPHRASE_FILE, GUITAI_LOG and NO_COLOR are honoured.", "退出码：0 成功，1 没成功，2 参数不对。\n环境变量：GUITAI_DATA_DIR、GUITAI_LANG（zh 或 en）、GUITAI_PASSPHRASE_FILE、GUITAI_LOG、NO_COLOR。"),
    ("Each step (apply, switch, mixed, retire) is set at the merchant's sandbox, then a prepay, a query and a notification are judged by servers that know the certificates, both, or the public key only. Exit 1 where the merchant's own set-up breaks. The sandbox is put back.", "每一步（申请、切换、灰度、停用）都在商户的沙箱里设好，再由三种服务器来判断下单、查单和通知：只认平台证书的、两者都认的、只认公钥的。商户自己的配置会断时，退出码为 1。结束后沙箱恢复原样。"),
    ("A bill is ready from 10:00 Beijing time of the next day on, for 3 months. Differences are no failure: they stand in the document (`found`, `differences`), and the exit status is 0.", "账单从第二天北京时间 10:00 起可取，保留 3 个月。有差异不算失败：差异写在结果里（found、differences），退出码为 0。"),
    ("card.json: {\"bank_type\":\"ICBC_DEBIT\",\"bank_account\":\"…\",\"real_name\":\"…\"}", "card.json：{\"bank_type\":\"ICBC_DEBIT\",\"bank_account\":\"…\",\"real_name\":\"…\"}"),
    ("Merchants' keys are in it, sealed. What opens them (the keychain, vault.key in the data folder, or the passphrase) is not: keep that too. One is made daily in backups/daily of the data folder while a window or listener is open; the settings backup.daily (off) and backup.keep (days, 7) change that.", "商户密钥在备份里，是加密的；解开它们的东西（系统钥匙串、数据目录里的 vault.key 或口令）不在里面，请另外保存。窗口或监听打开时，每天自动备份到数据目录的 backups/daily；设置 backup.daily（off）和 backup.keep（天数，7）可以更改。"),
    ("A damaged or foreign file is refused and the store stays as it was. Nobody may have the store open: close the window and stop guitai listen first.", "损坏的或别处的文件会被拒绝，数据保持原样。恢复时数据不能被占用：先关闭窗口，停止 guitai listen。"),
    ("The file is JSON: {\"name\", \"description\"?, \"steps\": [{KIND: {FIELDS}}, …]}. What is not known is an error that names line, step and field. Amounts are yuan in quotes (\"12.50\"). \"order\" is \"order\" unless given. Kinds:", "文件是 JSON：{\"name\", \"description\"?, \"steps\": [{步骤: {字段}}, …]}。认不出的内容会报错，并指出行、步骤和字段。金额是带引号的元（\"12.50\"）。不写 \"order\" 时就是 \"order\"。步骤有："),
    ("Exit status: 0 every step passed, 1 one did not, 2 a file or an argument is wrong.", "退出码：0 每一步都通过，1 有一步没通过，2 文件或参数不对。"),
    ("Counters live in the process that listens; it writes them down every ten seconds.", "计数在监听的进程里，每十秒写下一次。"),
    ("With --json a line per event: started, log, address, checked, ended.", "加 --json 时每个事件一行：started、log、address、checked、ended。"),
];

/// What every step of a scenario takes is code, with a few words beside it; it stays.
const TABLE: &str = "  order ";

fn chinese(english: &StyledStr) -> Option<&'static str> {
    sentence(&english.to_string())
}

fn sentence(english: &str) -> Option<&'static str> {
    SENTENCES.iter().find(|(sentence, _)| *sentence == english).map(|(_, chinese)| *chinese)
}

fn note(paragraph: &str) -> Option<&str> {
    if paragraph.starts_with("Example:") || paragraph.starts_with(TABLE) {
        return Some(paragraph);
    }
    NOTES.iter().find(|(note, _)| *note == paragraph).map(|(_, chinese)| *chinese)
}

/// A help or a mistake of clap's, in Chinese.
pub fn rendered(error: &clap::Error) -> String {
    frame::said(&error.render().to_string(), sentence)
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
    if let Some(below) = command.get_after_help().map(ToString::to_string) {
        let paragraphs: Vec<_> = below.split("\n\n").map(|paragraph| note(paragraph).unwrap_or(paragraph)).collect();
        let below = paragraphs.join("\n\n");
        command = command.after_help(below);
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
            let below = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let untold = below.split("\n\n").filter(|paragraph| !paragraph.is_empty() && note(paragraph).is_none());
            missing.extend(untold.map(str::to_owned));
            let values = command.get_arguments().flat_map(clap::Arg::get_possible_values);
            let told: Vec<_> = values.filter_map(|value| value.get_help().map(ToString::to_string)).collect();
            missing.extend(told.into_iter().filter(|told| sentence(told).is_none()));
            command.get_subcommands().for_each(|sub| walk(sub, missing));
        }
        let mut missing = Vec::new();
        walk(&crate::Cli::command(), &mut missing);
        assert_eq!(missing, Vec::<String>::new());
        translated(crate::Cli::command()).debug_assert();
    }
}
