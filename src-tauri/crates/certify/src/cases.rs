//! The cases in the contract's order, and those of the outgoing side: the duty, why it matters and how to mend it. What is
//! sent lives in `duties`, what is looked for in `outgoing`.

/// A case of the examination.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name, which never changes.
    pub name: &'static str,
    /// Can only be judged with `--probe`.
    pub needs_probe: bool,
    /// The duty.
    pub expected: &'static str,
    /// Why it matters.
    pub why_en: &'static str,
    /// 为什么重要。
    pub why_zh: &'static str,
    /// How to mend a failure.
    pub fix_en: &'static str,
    /// 如何修复。
    pub fix_zh: &'static str,
}

const VERIFY_EN: &str = "Verify Wechatpay-Signature over timestamp, nonce and the raw body with the key named by Wechatpay-Serial, before anything else, and answer 401 when it does not hold.";
const VERIFY_ZH: &str = "先验签再处理：用 Wechatpay-Serial 对应的公钥，对 时间戳\\n随机串\\n原始报文\\n 验证 Wechatpay-Signature；不通过就回 401。";
const ONCE_EN: &str = "Apply a payment once: take a lock or a unique key on out_trade_no, look at the order's state inside it, and answer 200 or 204 to what is already applied.";
const ONCE_ZH: &str =
    "同一笔支付只入账一次：对 out_trade_no 加锁或加唯一键，在锁内检查订单状态；已处理过的直接回 200 或 204。";

const fn case(
    name: &'static str,
    needs_probe: bool,
    expected: &'static str,
    (why_en, why_zh): (&'static str, &'static str),
    (fix_en, fix_zh): (&'static str, &'static str),
) -> Case {
    Case { name, needs_probe, expected, why_en, why_zh, fix_en, fix_zh }
}

/// Every case, in the order of the report.
pub const CASES: [Case; 27] = [
    case(
        "genuine_accepted",
        false,
        "200 or 204 within 5 s; paid once",
        (
            "A genuine payment notification must be acknowledged, or WeChat Pay sends it 15 more times and the order stays unpaid.",
            "真实的支付通知必须被应答，否则微信支付会再发 15 次，订单一直停在未支付。",
        ),
        (
            "Answer 200 or 204 once the notification is verified, decrypted and stored. Check the APIv3 key and the platform certificate that the backend uses.",
            "验签、解密、落库后回 200 或 204。检查后端用的 APIv3 密钥与平台证书。",
        ),
    ),
    case(
        "public_key_accepted",
        false,
        "200 or 204 within 5 s",
        (
            "New merchants have only the WeChat Pay public key, and old ones are being moved to it: notifications arrive signed with it.",
            "新商户只有微信支付公钥，老商户正在切换：通知会用公钥对应的私钥签名。",
        ),
        (
            "Keep a map from serial to key with both the platform certificate and the PUB_KEY_ID_… public key, and choose by the Wechatpay-Serial received.",
            "用「序列号 → 公钥」的表同时存平台证书和 PUB_KEY_ID_… 公钥，按收到的 Wechatpay-Serial 选择。",
        ),
    ),
    case(
        "raw_body_respected",
        false,
        "200 or 204 within 5 s",
        (
            "The signature is over the bytes that were sent. A handler that parses the JSON and writes it again before verifying fails as soon as spacing, escapes or key order differ.",
            "签名针对原始字节。先解析 JSON 再序列化去验签，空格、转义或键顺序一变就失败。",
        ),
        (
            "Read the raw body (express.raw, request.get_data(), @RequestBody byte[] …) and verify over exactly those bytes.",
            "读取原始报文（express.raw、request.get_data()、@RequestBody byte[] 等），就用这些字节验签。",
        ),
    ),
    case(
        "forged_signature_refused",
        false,
        "4xx or 5xx; not paid",
        (
            "Anybody who knows the notify URL can post to it. A forged signature that is accepted gives goods away for nothing.",
            "知道通知地址的人都能往里发请求。接受伪造签名等于白送货。",
        ),
        (VERIFY_EN, VERIFY_ZH),
    ),
    case(
        "missing_signature_refused",
        false,
        "4xx or 5xx for each of the four headers left out; not paid",
        ("A request without signature headers proves nothing.", "缺少签名头的请求什么也证明不了。"),
        (VERIFY_EN, VERIFY_ZH),
    ),
    case(
        "stale_timestamp_refused",
        false,
        "4xx or 5xx; not paid",
        (
            "A recorded notification can be replayed for ever unless old time stamps are refused.",
            "不拒绝过期时间戳，录下来的通知就能被无限重放。",
        ),
        (
            "Refuse when |now − Wechatpay-Timestamp| is over 5 minutes, before verifying.",
            "|当前时间 − Wechatpay-Timestamp| 超过 5 分钟就拒绝，先于验签。",
        ),
    ),
    case(
        "unknown_serial_refused",
        false,
        "4xx or 5xx; not paid",
        (
            "A serial that is not WeChat Pay's names a key that is not WeChat Pay's.",
            "不认识的序列号对应的不是微信支付的密钥。",
        ),
        (
            "Look the serial up among the platform certificates; fetch them again at most once in a few minutes; if it is still unknown, answer 401.",
            "在平台证书里查这个序列号；几分钟内最多重新下载一次；仍找不到就回 401。",
        ),
    ),
    case(
        "merchant_key_refused",
        false,
        "4xx or 5xx; not paid",
        (
            "The merchant's own certificate is not WeChat Pay's: a backend that verifies with it trusts whoever got hold of the merchant key.",
            "商户自己的证书不是微信支付的证书：用它验签，等于信任任何拿到商户私钥的人。",
        ),
        (VERIFY_EN, VERIFY_ZH),
    ),
    case(
        "tampered_body_refused",
        false,
        "4xx or 5xx; not paid",
        (
            "A byte was changed outside the encrypted resource: only the signature shows it.",
            "改的是密文之外的一个字节：只有验签能发现。",
        ),
        (VERIFY_EN, VERIFY_ZH),
    ),
    case(
        "tampered_ciphertext_refused",
        false,
        "4xx or 5xx; not paid",
        (
            "AES-GCM's tag must be checked: some libraries return the changed plaintext unless the decryption is finished (Node: decipher.final()).",
            "必须校验 AES-GCM 的认证标签：有的库不调用结束方法就会返回被篡改的明文（Node 的 decipher.final()）。",
        ),
        (
            "Set the last 16 bytes as the tag and finish the decryption; treat any error as a refusal.",
            "把最后 16 字节设为 tag 并完成解密；任何错误都视为拒绝。",
        ),
    ),
    case(
        "wrong_associated_data_refused",
        false,
        "4xx or 5xx; not paid",
        ("The associated data are part of what the tag protects.", "附加数据也在认证标签的保护范围内。"),
        (
            "Pass resource.associated_data to the decryption and refuse when it fails.",
            "解密时传入 resource.associated_data，失败就拒绝。",
        ),
    ),
    case(
        "signature_probe_refused",
        false,
        "4xx or 5xx, and the next genuine one is accepted; not paid by the probe",
        (
            "WeChat Pay itself sends signatures that begin WECHATPAY/SIGNTEST/ to find merchants who do not verify.",
            "微信支付自己会发以 WECHATPAY/SIGNTEST/ 开头的错误签名，用来找出不验签的商户。",
        ),
        (
            "Do not treat the prefix specially: verification fails, answer 401. A value that is no base64 must not crash the handler.",
            "不要特殊处理这个前缀：验签失败回 401 即可；它往往不是合法 base64，别让处理程序崩溃。",
        ),
    ),
    case(
        "duplicate_accepted",
        false,
        "200 or 204 each of three times; applied once",
        ("WeChat Pay delivers at least once: duplicates are normal.", "微信支付至少投递一次：重复是常态。"),
        (ONCE_EN, ONCE_ZH),
    ),
    case(
        "concurrent_duplicates",
        false,
        "200 or 204 for each of ten; applied once",
        (
            "Copies can arrive at the same moment and race past a check that is not inside the lock.",
            "副本可能同时到达，绕过锁外的检查。",
        ),
        (ONCE_EN, ONCE_ZH),
    ),
    case(
        "redelivery_accepted",
        false,
        "200 or 204; applied once",
        (
            "A retry has the same id but a new time stamp, nonce and signature.",
            "重试的 id 相同，时间戳、随机串、签名都是新的。",
        ),
        (ONCE_EN, ONCE_ZH),
    ),
    case(
        "second_notification_accepted",
        false,
        "200 or 204; applied once",
        (
            "Two notifications with different ids can speak of one payment: the id alone is no key.",
            "不同 id 的两条通知可能说的是同一笔支付：不能只按 id 去重。",
        ),
        (ONCE_EN, ONCE_ZH),
    ),
    case(
        "amount_mismatch_held",
        true,
        "not paid",
        (
            "The amount must be compared with the order's own: a genuine payment of another amount is not this order's payment.",
            "金额要与自己订单的金额比对：金额不同的真实支付，不是这张订单的支付。",
        ),
        (
            "Compare amount.total and amount.currency with the stored order before applying; keep what differs for a person.",
            "入账前比对 amount.total 与 amount.currency；不一致的留给人工处理。",
        ),
    ),
    case(
        "foreign_merchant_held",
        true,
        "not paid by either",
        ("mchid and appid say whose payment it is.", "mchid 与 appid 说明这是谁的支付。"),
        ("Compare mchid and appid with your own before applying.", "入账前比对 mchid 与 appid 是否是自己的。"),
    ),
    case(
        "unknown_order_survived",
        false,
        "any answer but a crash; the next genuine one is accepted",
        ("A number that the backend never made must not bring the handler down.", "不认识的订单号不能让处理程序崩溃。"),
        (
            "Look the order up and treat ‘not found’ as a case of its own: store it, alarm, answer.",
            "查不到订单要单独处理：留存、报警、应答。",
        ),
    ),
    case(
        "refund_accepted",
        false,
        "200 or 204 within 5 s",
        (
            "Refund notifications come to the same kind of handler, with refund_status in place of trade_state.",
            "退款通知走同样的处理程序，字段是 refund_status 而不是 trade_state。",
        ),
        (
            "Branch on event_type: REFUND.SUCCESS, REFUND.ABNORMAL and REFUND.CLOSED carry a refund object.",
            "按 event_type 分支：REFUND.SUCCESS、REFUND.ABNORMAL、REFUND.CLOSED 里是退款对象。",
        ),
    ),
    case(
        "refund_before_payment",
        false,
        "200 or 204 for both",
        (
            "Notifications are not ordered: the refund's can overtake the payment's.",
            "通知没有先后保证：退款通知可能先到。",
        ),
        (
            "Accept a refund for an order that is not yet paid in your store, and query the order.",
            "退款通知先到时也要接受，并主动查询订单。",
        ),
    ),
    case(
        "no_login_no_redirect",
        false,
        "neither 3xx nor an HTML login page",
        ("WeChat Pay has no cookie and follows no redirect.", "微信支付没有登录态，也不跟随跳转。"),
        (
            "Exempt the notify path from login, CSRF and trailing-slash redirects.",
            "通知路径要免登录、免 CSRF，也不要做斜杠跳转。",
        ),
    ),
    case(
        "garbage_survived",
        false,
        "4xx or 5xx within 5 s for each, and the next genuine one is accepted",
        ("The notify URL is public: everything arrives there.", "通知地址是公开的：什么都会来。"),
        (
            "Limit the body, check the headers first, catch parse errors, answer 400.",
            "限制报文大小，先查请求头，捕获解析错误，回 400。",
        ),
    ),
    case(
        "answers_in_time",
        false,
        "the slowest of 20 under 5 s, better under 1 s",
        ("After 5 s without an answer WeChat Pay counts the delivery as failed.", "5 秒内没有应答即算投递失败。"),
        ("Store, answer, and do the slow work afterwards.", "先落库、先应答，慢的事情之后再做。"),
    ),
    case(
        "failure_answer_shape",
        false,
        "{\"code\":\"FAIL\",\"message\":…} in each refusal",
        (
            "WeChat Pay's support reads the answers; the documented shape says at once who refused.",
            "约定的应答格式能让排查者一眼看出是谁拒绝的。",
        ),
        (
            "Answer refusals with {\"code\":\"FAIL\",\"message\":\"…\"} as JSON.",
            "拒绝时以 JSON 回 {\"code\":\"FAIL\",\"message\":\"…\"}。",
        ),
    ),
    case(
        "rotated_certificate_accepted",
        false,
        "200 or 204 at once or on a retry 15 s later",
        (
            "Platform certificates are replaced; a backend that knows only the old one begins to fail one day.",
            "平台证书会更换；只认旧证书的后端总有一天会开始失败。",
        ),
        (
            "On an unknown serial fetch GET /v3/certificates (not more often than every few minutes) and keep every certificate listed.",
            "遇到未知序列号时下载 GET /v3/certificates（几分钟内最多一次），并保留列出的每张证书。",
        ),
    ),
    case(
        "lost_callback_recovered",
        true,
        "found by querying within --lost-wait",
        (
            "After 15 attempts WeChat Pay is silent for good: who does not query never learns of the payment.",
            "15 次之后微信支付不再通知：不主动查单就永远不知道已支付。",
        ),
        (
            "Query unpaid orders: at 5 s, 30 s, 1 min, 3 min, 5 min, 10 min, 30 min after ordering.",
            "对未支付订单主动查单：下单后 5 秒、30 秒、1、3、5、10、30 分钟。",
        ),
    ),
];

/// The second examination: what the backend does of its own accord while it talks to the sandbox. Beside the contract's
/// cases: these don't count in its totals and decide no exit status.
pub const OUTGOING: [Case; 10] = [
    case(
        "amounts_in_fen",
        false,
        "amount.total and amount.refund are JSON integers, in fen",
        (
            "Amounts are integers in fen. A float or a text is refused, and yuan taken for fen is a price a hundred times too low.",
            "金额是整数，单位分。小数或字符串会被拒绝；把元当成分，价格就差一百倍。",
        ),
        ("Keep money as integers of fen from the database to the request.", "从数据库到请求，金额一律用整数分。"),
    ),
    case(
        "order_retried_under_its_number",
        false,
        "after an answer that was lost, the same out_trade_no again",
        (
            "The connection broke after the order had been placed. Who asks again under another number has two orders, and the payer can pay both.",
            "连接在下单成功之后断开。换一个单号重试就成了两张订单，用户可能付两次。",
        ),
        (
            "Make the out_trade_no before the first attempt, store it, and retry with it and the same parameters.",
            "首次请求前就生成并保存 out_trade_no，重试时用同一单号和同样的参数。",
        ),
    ),
    case(
        "refund_retried_under_its_number",
        false,
        "after an answer that was lost, the same out_refund_no again",
        (
            "A refund that is asked for again under another number can be paid out twice.",
            "换一个退款单号重试，可能退两次钱。",
        ),
        (
            "Make the out_refund_no once, store it with the refund, and retry with it until the result is clear.",
            "退款单号只生成一次并保存，结果明确之前都用它重试。",
        ),
    ),
    case(
        "queries_after_lost_callback",
        false,
        "an order that is paid and never notified is asked about",
        (
            "Callbacks get lost. Only a query of one's own finds the payment.",
            "回调会丢。只有主动查单才能发现这笔支付。",
        ),
        (
            "Query unpaid orders: at 5 s, 30 s, 1 min, 3 min, 5 min, 10 min, 30 min after ordering.",
            "对未支付订单主动查单：下单后 5 秒、30 秒、1、3、5、10、30 分钟。",
        ),
    ),
    case(
        "closes_expired_orders",
        false,
        "an unpaid order is closed within a minute of its time_expire",
        (
            "time_expire ends paying, it does not close the order; an order that stays open keeps its stock and its number.",
            "time_expire 只是不能再支付，订单并不会因此关闭；不关单，库存和单号就一直占着。",
        ),
        (
            "After time_expire query once more, and close the order when it is still NOTPAY.",
            "过期后再查一次，仍是 NOTPAY 就调用关单接口。",
        ),
    ),
    case(
        "answers_verified",
        false,
        "an answer under a wrong signature is not believed",
        (
            "Who believes an answer without verifying it believes whoever sits in between: ‘paid’ can be made up.",
            "不验签就相信应答，等于相信链路上的任何人：「已支付」可以被伪造。",
        ),
        (
            "Verify Wechatpay-Signature of every 2xx answer over its raw body, as for notifications; treat a mismatch as no answer, and ask again.",
            "每个 2xx 应答都要对原始报文验签，和通知一样；验不过就当没有收到，重新请求。",
        ),
    ),
    case(
        "calm_request_rate",
        false,
        "no order is asked about more than 15 times in 10 s",
        (
            "Who asks without rest is answered FREQUENCY_LIMITED when it matters.",
            "不停地查，到关键时刻就会得到 FREQUENCY_LIMITED。",
        ),
        (
            "Query with growing pauses (5 s, 30 s, 1 min, …); after a 429 wait before asking again.",
            "查单间隔递增（5 秒、30 秒、1 分钟……）；收到 429 先等一等。",
        ),
    ),
    case(
        "clock_in_time",
        false,
        "the Authorization time stamp is within 30 s of the wall's",
        (
            "WeChat Pay refuses requests that are 5 minutes off, and a clock that is off drifts on.",
            "偏差达到 5 分钟的请求会被拒绝；时钟已经不准，就会越走越偏。",
        ),
        (
            "Let the machine keep time by NTP, and take the time stamp at signing, not earlier.",
            "用 NTP 校时；在签名的那一刻取时间戳，不要提前。",
        ),
    ),
    case(
        "pay_params_sound",
        false,
        "the front end's pay params would open the cashier",
        (
            "The front end is given a signature over four lines; a prefix, a letter's case or a wrong key, and the cashier does not open.",
            "前端拿到的是对四行文本的签名；前缀、大小写或密钥一错，收银台就打不开。",
        ),
        (
            "JSAPI and mini programs sign ‘prepay_id=…’, the App SDK the bare prepay_id; RSA, with the merchant's own key. `guitai doctor pay-params` says which line is wrong.",
            "JSAPI 与小程序签的是 prepay_id=…，App 签的是不带前缀的 prepay_id；RSA，用商户自己的私钥。用 `guitai doctor pay-params` 看哪一行不对。",
        ),
    ),
    case(
        "notify_url_sound",
        false,
        "a whole http(s) URL of at most 255 characters, without query or fragment, on the path that was examined",
        (
            "WeChat Pay posts to exactly this address, without a login; with a query it refuses the order.",
            "微信支付就往这个地址发通知，没有登录态；带查询参数的会被拒绝。",
        ),
        (
            "Give the full path of the handler, without ? and #; what you want back belongs in attach.",
            "写处理程序的完整路径，不带 ? 和 #；需要带回的内容放进 attach。",
        ),
    ),
];
