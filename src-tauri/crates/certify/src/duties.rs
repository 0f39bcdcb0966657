//! What each case sends, and how its answers are judged. Conducting them, and looking at what the backend believes
//! afterwards, live in `run`; the two cases that take long in `slow`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::backend::{Answer, FIVE_SECONDS};
use crate::garbage::garbage;
use crate::look::Want;
use crate::report::{Outcome, Text};
use crate::run::{Draft, Exam};
use crate::stage::{Hand, Kind, Letter, Order, Stage, alphanumeric, notification_id};

impl Exam {
    #[allow(clippy::too_many_lines)] // one arm a case, in the contract's order
    pub(crate) async fn case(&mut self, name: &'static str) -> Result<Draft, Draft> {
        let platform = self.stage.platform.clone();
        match name {
            "genuine_accepted" => {
                self.accepted_once(name, "genuine", |exam, order| exam.payment(order, &exam.stage.platform)).await
            }
            "public_key_accepted" => {
                self.accepted_once(name, "public_key", |exam, order| exam.payment(order, &exam.stage.public_key)).await
            }
            "raw_body_respected" => {
                self.accepted_once(name, "raw", |exam, order| {
                    exam.stage.letter(unusual_spelling(&exam.stage, order), &exam.stage.platform, 0)
                })
                .await
            }
            "forged_signature_refused" => {
                let forger = Hand { key: self.stage.stranger.clone(), serial: platform.serial };
                self.refused(name, "forged", Text::new("a forged signature", "伪造的签名"), |exam, order| {
                    vec![exam.payment(order, &forger)]
                })
                .await
            }
            "missing_signature_refused" => {
                self.refused(
                    name,
                    "missing",
                    Text::new("a signature header is missing", "缺少一个签名头"),
                    |exam, order| {
                        let whole = exam.payment(order, &exam.stage.platform);
                        ["Wechatpay-Signature", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial"]
                            .map(|header| whole.clone().without(header))
                            .to_vec()
                    },
                )
                .await
            }
            "stale_timestamp_refused" => {
                self.refused(
                    name,
                    "stale",
                    Text::new("a time stamp 10 minutes old", "10 分钟前的时间戳"),
                    |exam, order| {
                        let body = exam.stage.envelope(&notification_id(), Kind::Payment, &order.transaction, "");
                        vec![exam.stage.letter(body, &exam.stage.platform, 600)]
                    },
                )
                .await
            }
            "unknown_serial_refused" => {
                self.refused(
                    name,
                    "unknown_serial",
                    Text::new("an unknown serial", "未知的序列号"),
                    |exam, order| {
                        let serial = format!("5A{}", hex(&alphanumeric(19)));
                        let hand = Hand { key: exam.stage.platform.key.clone(), serial };
                        vec![exam.payment(order, &hand)]
                    },
                )
                .await
            }
            "merchant_key_refused" => {
                self.refused(
                    name,
                    "merchant_key",
                    Text::new("signed with the merchant's own key", "用商户自己的私钥签名"),
                    |exam, order| vec![exam.payment(order, &exam.stage.merchant_hand())],
                )
                .await
            }
            "tampered_body_refused" => {
                self.refused(
                    name,
                    "tampered_body",
                    Text::new("a changed byte outside resource", "密文之外改了一个字节"),
                    |exam, order| {
                        let mut letter = exam.payment(order, &exam.stage.platform);
                        let text = String::from_utf8_lossy(&letter.body).replacen("支付成功", "支付成攻", 1);
                        letter.body = text.into_bytes();
                        vec![letter]
                    },
                )
                .await
            }
            "tampered_ciphertext_refused" => {
                self.refused(
                    name,
                    "tampered_ciphertext",
                    Text::new("changed ciphertext, validly signed", "密文被改、签名有效"),
                    |exam, order| {
                        let mut envelope = exam.stage.envelope_of(
                            &notification_id(),
                            Kind::Payment,
                            order.transaction.to_string().as_bytes(),
                            "",
                        );
                        flip_ciphertext(&mut envelope, order);
                        vec![exam.stage.letter(envelope.to_string().into_bytes(), &exam.stage.platform, 0)]
                    },
                )
                .await
            }
            "wrong_associated_data_refused" => {
                self.refused(
                    name,
                    "wrong_aad",
                    Text::new("changed associated_data, validly signed", "附加数据被改、签名有效"),
                    |exam, order| {
                        let body =
                            exam.stage.envelope(&notification_id(), Kind::Payment, &order.transaction, "transactian");
                        vec![exam.stage.letter(body, &exam.stage.platform, 0)]
                    },
                )
                .await
            }
            "signature_probe_refused" => {
                let passed = self
                    .refused(name, "probe", Text::new("a signature probe", "签名探测"), |exam, order| {
                        let letter = exam.payment(order, &exam.stage.platform);
                        let real =
                            letter.headers.iter().find(|(n, _)| n == "Wechatpay-Signature").map(|(_, v)| v.clone());
                        let probe = format!("WECHATPAY/SIGNTEST/{}", real.unwrap_or_default());
                        vec![letter.with("Wechatpay-Signature", &probe)]
                    })
                    .await?;
                self.next_is_accepted("after_probe").await?;
                Ok(passed)
            }
            "duplicate_accepted" => {
                let order = self.order("duplicate").await?;
                let letter = self.payment(&order, &platform);
                let mut last = Answer::default();
                for _ in 0..3 {
                    last = self.backend.post(&letter).await;
                    self.must_accept(&last, &letter).await?;
                }
                self.look(name, &order, Want::PaidOnce);
                Ok(Draft::pass(&last).showing(self.backend.describe("POST", &letter)))
            }
            "concurrent_duplicates" => {
                let order = self.order("concurrent").await?;
                let letter = self.payment(&order, &platform);
                let copies: Vec<_> = (0..10)
                    .map(|_| {
                        let (backend, letter) = (self.backend.clone(), letter.clone());
                        tokio::spawn(async move { backend.post(&letter).await })
                    })
                    .collect();
                let mut answers = Vec::new();
                for copy in copies {
                    answers.push(copy.await.unwrap_or_default());
                }
                for answer in &answers {
                    self.must_accept(answer, &letter).await?;
                }
                self.look(name, &order, Want::PaidOnce);
                let slowest = answers.into_iter().max_by_key(|a| a.latency).unwrap_or_default();
                Ok(Draft::pass(&slowest).showing(self.backend.describe("POST", &letter)))
            }
            "redelivery_accepted" => {
                self.twice(name, "redelivery", |exam, order| {
                    let body = exam.stage.envelope(&notification_id(), Kind::Payment, &order.transaction, "");
                    [
                        exam.stage.letter(body.clone(), &exam.stage.platform, 0),
                        exam.stage.letter(body, &exam.stage.platform, 0),
                    ]
                })
                .await
            }
            "second_notification_accepted" => {
                self.twice(name, "second", |exam, order| {
                    [exam.payment(order, &exam.stage.platform), exam.payment(order, &exam.stage.platform)]
                })
                .await
            }
            "amount_mismatch_held" => {
                let order = self.order("amount").await?;
                let mut other = order.clone();
                let less = if order.total > 1 { 1 } else { order.total + 1 };
                set(&mut other.transaction, "/amount/total", json!(less));
                set(&mut other.transaction, "/amount/payer_total", json!(less));
                let letter = self.payment(&other, &platform);
                let answer = self.backend.post(&letter).await;
                self.must_answer(&answer, &letter).await?;
                self.look(name, &order, Want::NotPaid);
                Ok(Draft::pass(&answer).showing(self.backend.describe("POST", &letter)))
            }
            "foreign_merchant_held" => {
                let mut last = Draft::skip("", "");
                for (which, pointer, value) in
                    [("foreign_mchid", "/mchid", "1999999999"), ("foreign_appid", "/appid", "wx0000000000000000")]
                {
                    let order = self.order(which).await?;
                    let mut other = order.clone();
                    set(&mut other.transaction, pointer, json!(value));
                    let letter = self.payment(&other, &platform);
                    let answer = self.backend.post(&letter).await;
                    self.must_answer(&answer, &letter).await?;
                    self.look(name, &order, Want::NotPaid);
                    last = Draft::pass(&answer).showing(self.backend.describe("POST", &letter));
                }
                Ok(last)
            }
            "unknown_order_survived" => {
                let next = self.order("after_unknown").await?;
                let mut stranger = next.clone();
                let number = format!("NEVER{}", alphanumeric(20).to_uppercase());
                set(&mut stranger.transaction, "/out_trade_no", json!(number));
                set(&mut stranger.transaction, "/transaction_id", json!(format!("4200{}", "9".repeat(24))));
                let letter = self.payment(&stranger, &platform);
                let answer = self.backend.post(&letter).await;
                self.must_answer(&answer, &letter).await?;
                let again = self.payment(&next, &platform);
                let accepted = self.backend.post(&again).await;
                self.must_accept(&accepted, &again).await?;
                Ok(Draft::pass(&answer).showing(self.backend.describe("POST", &letter)))
            }
            "refund_accepted" => {
                let order = self.order("refund").await?;
                let payment = self.payment(&order, &platform);
                let answer = self.backend.post(&payment).await;
                self.must_accept(&answer, &payment).await?;
                let refund = self.refund_of(&order).await?;
                let body = self.stage.envelope(&notification_id(), Kind::Refund, &refund, "");
                let letter = self.stage.letter(body, &platform, 0);
                let answer = self.backend.post(&letter).await;
                self.must_accept(&answer, &letter).await?;
                Ok(Draft::pass(&answer).showing(self.backend.describe("POST", &letter)))
            }
            "refund_before_payment" => {
                let order = self.order("refund_first").await?;
                let refund = self.refund_of(&order).await?;
                let body = self.stage.envelope(&notification_id(), Kind::Refund, &refund, "");
                let letter = self.stage.letter(body, &platform, 0);
                let first = self.backend.post(&letter).await;
                self.must_accept(&first, &letter).await?;
                let payment = self.payment(&order, &platform);
                let answer = self.backend.post(&payment).await;
                self.must_accept(&answer, &payment).await?;
                Ok(Draft::pass(&first).showing(self.backend.describe("POST", &letter)))
            }
            "no_login_no_redirect" => {
                let order = self.order("no_login").await?;
                let letter = self.payment(&order, &platform);
                let answer = self.backend.post(&letter).await;
                let head = answer.body.trim_start().to_ascii_lowercase();
                let page = answer.content_type.to_ascii_lowercase().contains("text/html")
                    || head.starts_with("<!doctype html")
                    || head.starts_with("<html");
                let sent = self.backend.describe("POST", &letter);
                match answer.status {
                    None => {
                        self.wait_if_down(&answer).await;
                        let body = answer.body.clone();
                        Err(Draft::fail(&answer, body.clone(), body).showing(sent))
                    }
                    Some(300..=399) => {
                        Err(Draft::fail(&answer, "answered with a redirect", "应答了跳转").showing(sent))
                    }
                    Some(_) if page && !answer.accepted() => {
                        Err(Draft::fail(&answer, "answered with an HTML page", "应答了一个 HTML 页面").showing(sent))
                    }
                    Some(_)
                        if page && (head.contains("password") || head.contains("login") || head.contains("登录")) =>
                    {
                        Err(Draft::fail(&answer, "answered with a login page", "应答了登录页").showing(sent))
                    }
                    Some(_) => Ok(Draft::pass(&answer).showing(sent)),
                }
            }
            "garbage_survived" => {
                let mut last = Answer::default();
                let mut sent = String::new();
                for (what, method, content_type, body) in garbage() {
                    let mut headers = vec![("User-Agent".to_owned(), "Mozilla/4.0".to_owned())];
                    if !content_type.is_empty() {
                        headers.push(("Content-Type".to_owned(), content_type.to_owned()));
                    }
                    let letter = Letter { headers, body };
                    let method = if method == "GET" { reqwest::Method::GET } else { reqwest::Method::POST };
                    last = self.backend.send(method.clone(), &letter).await;
                    if !last.refused() || last.latency >= FIVE_SECONDS {
                        self.wait_if_down(&last).await;
                        let status = last.status.map_or_else(|| last.body.clone(), |s| format!("HTTP {s}"));
                        let sent = self.backend.describe(method.as_str(), &letter);
                        return Err(
                            Draft::fail(&last, format!("{what}: {status}"), format!("{what}：{status}")).showing(sent)
                        );
                    }
                    sent = self.backend.describe(method.as_str(), &letter);
                }
                self.next_is_accepted("after_garbage").await?;
                Ok(Draft::pass(&last).showing(sent))
            }
            "answers_in_time" => {
                let mut slowest = Answer::default();
                let mut sent = String::new();
                for which in ["time0", "time1", "time2", "time3", "time4"] {
                    let order = self.order(which).await?;
                    for _ in 0..4 {
                        let letter = self.payment(&order, &platform);
                        let answer = self.backend.post(&letter).await;
                        self.must_accept(&answer, &letter).await?;
                        if answer.latency >= slowest.latency {
                            slowest = answer;
                            sent = self.backend.describe("POST", &letter);
                        }
                    }
                }
                let ms = slowest.latency.as_millis();
                if slowest.latency > Duration::from_secs(1) {
                    return Ok(Draft::warn(
                        &slowest,
                        format!("the slowest took {ms} ms"),
                        format!("最慢的用了 {ms} 毫秒"),
                    )
                    .showing(sent));
                }
                Ok(Draft::pass(&slowest).showing(sent))
            }
            "failure_answer_shape" => {
                let Some(last) = self.refusals.last() else {
                    return Err(Draft::skip("nothing was refused", "没有任何请求被拒绝"));
                };
                match self.refusals.iter().find(|answer| !documented_shape(&answer.body)) {
                    Some(other) => Ok(Draft::warn(other, "a refusal has another body", "有的拒绝应答不是约定格式")),
                    None => Ok(Draft::pass(last)),
                }
            }
            _ => Err(Draft::skip("no such case", "没有这一项")),
        }
    }

    async fn accepted_once(
        &mut self,
        case: &'static str,
        which: &str,
        write: impl Fn(&Exam, &Order) -> Letter,
    ) -> Result<Draft, Draft> {
        let order = self.order(which).await?;
        let letter = write(self, &order);
        let answer = self.backend.post(&letter).await;
        self.must_accept(&answer, &letter).await?;
        self.look(case, &order, Want::PaidOnce);
        Ok(Draft::pass(&answer).showing(self.backend.describe("POST", &letter)))
    }

    async fn twice(
        &mut self,
        case: &'static str,
        which: &str,
        write: impl Fn(&Exam, &Order) -> [Letter; 2],
    ) -> Result<Draft, Draft> {
        let order = self.order(which).await?;
        let mut last = Answer::default();
        let mut sent = String::new();
        for letter in write(self, &order) {
            last = self.backend.post(&letter).await;
            self.must_accept(&last, &letter).await?;
            sent = self.backend.describe("POST", &letter);
        }
        self.look(case, &order, Want::PaidOnce);
        Ok(Draft::pass(&last).showing(sent))
    }

    async fn refused(
        &mut self,
        case: &'static str,
        which: &str,
        what: Text,
        write: impl Fn(&Exam, &Order) -> Vec<Letter>,
    ) -> Result<Draft, Draft> {
        let order = self.order(which).await?;
        let mut last = Answer::default();
        let mut sent = String::new();
        for letter in write(self, &order) {
            last = self.backend.post(&letter).await;
            sent = self.backend.describe("POST", &letter);
            self.must_refuse(&last, &letter, what.clone()).await?;
        }
        self.look(case, &order, Want::NotPaid);
        Ok(Draft::pass(&last).showing(sent))
    }

    pub(crate) fn payment(&self, order: &Order, hand: &Hand) -> Letter {
        let body = self.stage.envelope(&notification_id(), Kind::Payment, &order.transaction, "");
        self.stage.letter(body, hand, 0)
    }

    /// Judges an answer that must be an acceptance.
    async fn must_accept(&mut self, answer: &Answer, letter: &Letter) -> Result<(), Draft> {
        if answer.accepted() {
            return Ok(());
        }
        self.wait_if_down(answer).await;
        let sent = self.backend.describe("POST", letter);
        // A 500 of another shape is an accident, not a refusal. A refund of a stranger's order may be refused even by
        // a backend that took its payment.
        let meant = answer.refused() && (answer.status != Some(500) || documented_shape(&answer.body));
        let may_refuse = !self.strangers_accepted || matches!(self.at, "refund_accepted" | "refund_before_payment");
        if meant && !self.backend.makes_orders() && may_refuse {
            self.strangers_refused = true;
            return Err(Draft::skip(
                "the backend refuses an order that it did not make; give --create-order so that it makes them itself",
                "后端拒绝了不是它自己下的订单；请用 --create-order 让它自己下单",
            ));
        }
        let (en, zh) = match answer.status {
            None => (answer.body.clone(), answer.body.clone()),
            Some(200 | 204) => ("the answer came after 5 s".into(), "5 秒之后才应答".into()),
            Some(status) => (format!("answered {status}"), format!("应答 {status}")),
        };
        Err(Draft::fail(answer, en, zh).showing(sent))
    }

    /// Judges an answer that must be a refusal.
    async fn must_refuse(&mut self, answer: &Answer, letter: &Letter, what: Text) -> Result<(), Draft> {
        if answer.refused() {
            self.refusals.push(answer.clone());
            return Ok(());
        }
        self.wait_if_down(answer).await;
        let sent = self.backend.describe("POST", letter);
        let (en, zh) = match answer.status {
            None => (answer.body.clone(), answer.body.clone()),
            Some(status) => (format!("answered {status}"), format!("应答 {status}")),
        };
        Err(Draft::fail(answer, format!("{}: {en}", what.en), format!("{}：{zh}", what.zh)).showing(sent))
    }

    async fn must_answer(&mut self, answer: &Answer, letter: &Letter) -> Result<(), Draft> {
        if answer.status.is_some() {
            return Ok(());
        }
        self.wait_if_down(answer).await;
        let sent = self.backend.describe("POST", letter);
        Err(Draft::fail(answer, answer.body.clone(), answer.body.clone()).showing(sent))
    }

    async fn next_is_accepted(&mut self, which: &str) -> Result<(), Draft> {
        let order = self.order(which).await?;
        let letter = self.payment(&order, &self.stage.platform.clone());
        let answer = self.backend.post(&letter).await;
        match self.must_accept(&answer, &letter).await {
            // A stranger's order proves nothing about what came before it.
            Err(draft) if draft.outcome == Outcome::Skip => Ok(()),
            other => other,
        }
    }

    async fn refund_of(&self, order: &Order) -> Result<Value, Draft> {
        self.stage.refund(order).await.map_err(|why| {
            let why = self.backend.mask(&why);
            Draft::skip(format!("no refund could be made: {why}"), format!("没能做成退款：{why}"))
        })
    }
}

fn set(value: &mut Value, pointer: &str, to: Value) {
    if let Some(place) = value.pointer_mut(pointer) {
        *place = to;
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02X}")).collect()
}

fn documented_shape(body: &str) -> bool {
    serde_json::from_str::<Value>(body).is_ok_and(|value| {
        value.get("code").and_then(Value::as_str) == Some("FAIL") && value.get("message").is_some_and(Value::is_string)
    })
}

/// Flips one bit of the ciphertext where the plaintext has a harmless letter (GCM is a stream: that letter becomes its
/// neighbour). A library that does not finish the decryption shows sound JSON; one that does refuses it.
fn flip_ciphertext(envelope: &mut Value, order: &Order) {
    let plaintext = order.transaction.to_string();
    let name = "\"bank_type\":\"";
    let at = plaintext.find(name).map_or(plaintext.len() / 2, |from| from + name.len());
    let Some(text) = envelope.pointer("/resource/ciphertext").and_then(Value::as_str) else { return };
    let Ok(mut bytes) = STANDARD.decode(text) else { return };
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1;
    }
    set(envelope, "/resource/ciphertext", json!(STANDARD.encode(bytes)));
}

/// The same notification as somebody else's JSON writer would spell it: spacing, `\/`, `\u` escapes, other key order.
fn unusual_spelling(stage: &Stage, order: &Order) -> Vec<u8> {
    let envelope = stage.envelope_of(&notification_id(), Kind::Payment, order.transaction.to_string().as_bytes(), "");
    let text = |pointer: &str| {
        let raw = envelope.pointer(pointer).cloned().unwrap_or(Value::Null).to_string();
        raw.replace('/', "\\/")
    };
    format!(
        "{{ \"resource\" : {{\"nonce\":{},\n\t\"associated_data\" :{}, \"ciphertext\": {},\"algorithm\":{},  \"original_type\":{} }},\r\n \"summary\":\"\\u652f\\u4ed8成功\", \"event_type\" : {},\"resource_type\":{}, \"create_time\":{},\"id\":{}  }}",
        text("/resource/nonce"),
        text("/resource/associated_data"),
        text("/resource/ciphertext"),
        text("/resource/algorithm"),
        text("/resource/original_type"),
        text("/event_type"),
        text("/resource_type"),
        text("/create_time"),
        text("/id")
    )
    .into_bytes()
}
