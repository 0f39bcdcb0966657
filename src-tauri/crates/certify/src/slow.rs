//! The two cases that take long: a rotated certificate with its retry, and a lost callback. They run beside the others.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::backend::Answer;
use crate::run::{Draft, Exam};
use crate::stage::{Kind, notification_id};

const RETRY_AFTER: Duration = Duration::from_secs(15);

impl Exam {
    /// A second platform certificate begins to be listed; one retry 15 s later is granted.
    pub(crate) async fn rotated(&mut self) -> JoinHandle<Draft> {
        let order = self.order("rotated").await;
        let (stage, backend) = (self.stage.clone(), self.backend.clone());
        let prepared = match order {
            Err(draft) => Err(draft),
            Ok(order) => match stage.rotate().await {
                Err(why) => Err(Draft::skip(format!("no second certificate: {why}"), format!("没有第二张证书：{why}"))),
                Ok(hand) => {
                    let letter = self.payment(&order, &hand);
                    let first = backend.post(&letter).await;
                    Ok((order, hand, first, letter))
                }
            },
        };
        tokio::spawn(async move {
            let (order, hand, first, mut letter) = match prepared {
                Ok(prepared) => prepared,
                Err(draft) => return draft,
            };
            let mut answer = first;
            if !answer.accepted() {
                tokio::time::sleep(RETRY_AFTER).await;
                let body = stage.envelope(&notification_id(), Kind::Payment, &order.transaction, "");
                letter = stage.letter(body, &hand, 0);
                answer = backend.post(&letter).await;
            }
            stage.end_rotation(&hand.serial).await;
            if answer.accepted() {
                return Draft::pass(&answer).showing(backend.describe("POST", &letter));
            }
            Draft::warn(&answer, "not accepted at once nor 15 s later", "当时没接受，15 秒后重试也没接受")
                .showing(backend.describe("POST", &letter))
        })
    }

    /// The payer paid, every callback is lost: does the backend query?
    pub(crate) async fn lost(&mut self, wait: Duration) -> Option<JoinHandle<Draft>> {
        if !self.wanted("lost_callback_recovered") {
            return None;
        }
        let (stage, backend, gate) = (self.stage.clone(), self.backend.clone(), self.probes.clone());
        if !backend.has_probe() || !backend.makes_orders() {
            return Some(tokio::spawn(async {
                Draft::skip("needs --create-order and --probe", "需要 --create-order 与 --probe")
            }));
        }
        let order = self.order("lost").await;
        self.lost = order.as_ref().ok().map(|order| order.out_trade_no.clone());
        Some(tokio::spawn(async move {
            let order = match order {
                Ok(order) => order,
                Err(draft) => return draft,
            };
            match stage.pay(&order.out_trade_no).await {
                Ok(paid) => backend.keep_secret(&paid.openid()),
                Err(why) => {
                    let why = backend.mask(&why);
                    return Draft::skip(why.clone(), why);
                }
            }
            let from = Instant::now();
            loop {
                let Ok(turn) = gate.clone().acquire_owned().await else { return Draft::skip("stopped", "已停止") };
                let belief = backend.belief(&order.out_trade_no).await;
                drop(turn);
                let answer = Answer { latency: from.elapsed(), ..Answer::default() };
                match belief {
                    Err(_) if !backend.reachable(Duration::ZERO).await && from.elapsed() < wait => {
                        backend.reachable(Duration::from_secs(10)).await;
                    }
                    Err(why) => return Draft::skip(why.clone(), why),
                    Ok(belief) if belief.paid => return Draft::pass(&answer),
                    Ok(_) if from.elapsed() >= wait => {
                        let s = wait.as_secs();
                        return Draft::warn(
                            &answer,
                            format!("not found by querying within {s} s"),
                            format!("{s} 秒内没有通过查单发现"),
                        );
                    }
                    Ok(_) => tokio::time::sleep(Duration::from_millis(500)).await,
                }
            }
        }))
    }
}
