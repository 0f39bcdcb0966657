//! R1: acknowledged means stored. The listener is killed at random moments while callbacks come in over many
//! connections; whatever it said yes to before it died is there afterwards, byte for byte and once.

use crate::shop::{Ack, Dice, Letter, Shop, ends, figure, kept, missing, size};
use guitai_tests::command::Serving;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Senders, each with a delivery of its own on the way.
const CONNECTIONS: usize = 24;

/// What the senders share.
struct Storm {
    shop: Shop,
    letters: Vec<Letter>,
    waiting: Mutex<VecDeque<usize>>,
    acks: Mutex<Vec<Ack>>,
    /// How many were acknowledged.
    acknowledged: watch::Sender<usize>,
    /// Where the listener is, while it is there.
    place: watch::Sender<Option<String>>,
}

impl Storm {
    /// Sends what waits until all of it was acknowledged; what got no yes waits again, as WeChat Pay would have it.
    async fn send(self: Arc<Self>, total: usize) {
        let mut place = self.place.subscribe();
        let mut acknowledged = self.acknowledged.subscribe();
        loop {
            let next = self.waiting.lock().expect("waiting").pop_front();
            let Some(letter) = next else {
                // the last ones are on their way with others and may come back
                if *acknowledged.borrow_and_update() >= total {
                    return;
                }
                let _ = tokio::time::timeout(Duration::from_millis(50), acknowledged.changed()).await;
                continue;
            };
            let at = place.wait_for(Option::is_some).await.expect("the storm goes on").clone().expect("there");
            match self.shop.deliver(&at, &self.letters[letter].body).await {
                Some((status, nonce, signature)) if (200..300).contains(&status) => {
                    self.acks.lock().expect("acks").push(Ack { letter, nonce, signature });
                    self.acknowledged.send_modify(|count| *count += 1);
                }
                _ => self.waiting.lock().expect("waiting").push_back(letter),
            }
        }
    }
}

fn listen(shop: &Shop, port: &str) -> Serving {
    shop.guitai.serve(&["listen", "--port", port, "--json"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_acknowledged_is_lost_or_doubled_by_kills() {
    let (orders, kills) = (size(150, 2_500), size(12, 500));
    let mut dice = Dice::new(1);
    let shop = Shop::open();
    let number = |order: usize| format!("KILL{order:06}");
    shop.orders((0..orders).map(number)).await;
    // of each order: its payment, twice, and two refunds, in whatever order they come
    let letters: Vec<Letter> = (0..orders)
        .flat_map(|order| {
            let no = number(order);
            [
                shop.paid(&format!("pay-{order}"), &no),
                shop.refunded(&format!("one-{order}"), &no, &format!("A{order:06}"), 300),
                shop.refunded(&format!("two-{order}"), &no, &format!("B{order:06}"), 200),
            ]
        })
        .collect();
    let mut waiting: Vec<usize> = (0..letters.len()).chain((0..orders).map(|order| order * 3)).collect();
    dice.shuffle(&mut waiting);
    let total = waiting.len();
    let storm = Arc::new(Storm {
        shop,
        letters,
        waiting: Mutex::new(waiting.into()),
        acks: Mutex::default(),
        acknowledged: watch::channel(0).0,
        place: watch::channel(None).0,
    });

    let mut listener = listen(&storm.shop, "0");
    let place = listener.ready["listening"].as_str().expect("where").to_owned();
    let port = place.rsplit(':').next().expect("a port").to_owned();
    storm.place.send_replace(Some(place.clone()));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        senders.spawn(storm.clone().send(total));
    }
    let mut acknowledged = storm.acknowledged.subscribe();
    let mut slowest = Duration::ZERO;
    for kill in 1..=kills {
        let at = kill * total / (kills + 1);
        acknowledged.wait_for(|count| *count >= at).await.expect("the storm goes on");
        // somewhere between two acknowledgements: in a batch, in a commit, in a checkpoint, while answering
        tokio::time::sleep(Duration::from_micros(u64::try_from(dice.roll(4_000)).expect("small"))).await;
        storm.place.send_replace(None);
        assert_eq!(listener.signal("KILL").code(), None, "it died of the kill and of nothing else");
        let since = Instant::now();
        listener = listen(&storm.shop, &port);
        slowest = slowest.max(since.elapsed());
        storm.place.send_replace(Some(place.clone()));
    }
    while let Some(sent) = senders.join_next().await {
        sent.expect("a sender");
    }
    assert_eq!(listener.signal("TERM").code(), Some(0));

    let acks = storm.acks.lock().expect("acks").clone();
    assert_eq!(acks.len(), total);
    storm.shop.sound();
    let store = storm.shop.store();
    let lost = missing(&store, &storm.letters, &acks);
    assert!(lost.is_empty(), "{} of {total} acknowledged deliveries are not there: {:?}", lost.len(), lost.first());
    let mut applied: HashMap<String, usize> = HashMap::new();
    let kept = kept(&store);
    for row in kept.values().filter(|row| row.verdict == "applied") {
        *applied.entry(row.notification_id.clone().expect("an id")).or_default() += 1;
    }
    for letter in &storm.letters {
        assert_eq!(applied.get(&letter.id), Some(&1), "{} of {} is applied once", letter.id, letter.no);
    }
    for (no, end) in ends(&store) {
        assert_eq!(end, "REFUND 500 1", "{no}");
    }
    figure(
        "R1",
        &format!(
            "{kills} kills in {total} callbacks over {CONNECTIONS} connections: {} acknowledged, 0 lost, 0 doubled, {} kept; \
             slowest start after a kill {} ms",
            acks.len(),
            kept.len(),
            slowest.as_millis()
        ),
    );
}
