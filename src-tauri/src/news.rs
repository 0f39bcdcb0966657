//! Carries events from where they happen to the window: gathered, at most ten deliveries a second, never without bound.

use serde::{Deserialize, Serialize};
use specta::Type;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError, error::TryRecvError};
use tokio::time::{Instant, sleep_until};

/// Between two deliveries of one kind lies at least this much.
const PACE: Duration = Duration::from_millis(100);
/// A delivery holds at most this many events; what is more is dropped and `missed` says so.
const MOST: usize = 200;

/// What the desk tells the window.
#[derive(Debug, Clone, Serialize, Deserialize, Type, tauri_specta::Event)]
#[tauri_specta(event_name = "desk-event")]
pub struct DeskNews {
    /// In the order in which they happened.
    pub events: Vec<guitai_console::wire::Event>,
    /// Some were dropped: ask again for everything that is shown.
    pub missed: bool,
}

/// What the sandbox tells the window.
#[derive(Debug, Clone, Serialize, Deserialize, Type, tauri_specta::Event)]
#[tauri_specta(event_name = "sandbox-event")]
pub struct SandboxNews {
    /// In the order in which they happened.
    pub events: Vec<wechatpay_sandbox::SandboxEvent>,
    /// Some were dropped: ask again for everything that is shown.
    pub missed: bool,
}

/// Sandbox, listener or merchants are not what they were; carries what they are now.
#[derive(Debug, Clone, Serialize, Deserialize, Type, tauri_specta::Event)]
pub struct AppChanged(pub crate::state::AppState);

/// What a channel brings, in batches. The first event after a pause comes at once; a storm is gathered.
pub struct Batches<E> {
    receiver: Receiver<E>,
    next: Instant,
}

impl<E: Clone> Batches<E> {
    /// Nothing is taken from `receiver` before it is asked for.
    #[must_use]
    pub fn of(receiver: Receiver<E>) -> Self {
        Self { receiver, next: Instant::now() }
    }

    /// The next batch, and whether some events were dropped on the way; `None` once the sender is gone.
    pub async fn next(&mut self) -> Option<(Vec<E>, bool)> {
        let (mut events, mut missed) = match self.receiver.recv().await {
            Ok(event) => (vec![event], false),
            Err(RecvError::Lagged(_)) => (Vec::new(), true),
            Err(RecvError::Closed) => return None,
        };
        sleep_until(self.next).await;
        loop {
            match self.receiver.try_recv() {
                Ok(event) if events.len() < MOST => events.push(event),
                Ok(_) | Err(TryRecvError::Lagged(_)) => missed = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.next = Instant::now() + PACE;
        Some((events, missed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::broadcast;

    /// Sends all events, closes the channel, and gives what was delivered, in how many batches.
    async fn delivered(events: Vec<u32>, capacity: usize) -> Vec<(Vec<u32>, bool)> {
        let (sender, receiver) = broadcast::channel(capacity);
        for event in events {
            let _ = sender.send(event);
        }
        drop(sender);
        let mut batches = Batches::of(receiver);
        let mut all = Vec::new();
        while let Some(batch) = batches.next().await {
            all.push(batch);
        }
        all
    }

    #[tokio::test]
    async fn a_storm_is_one_delivery_in_order() {
        assert_eq!(delivered(vec![1, 2, 3], 16).await, [(vec![1, 2, 3], false)]);
    }

    #[tokio::test]
    async fn what_is_too_much_is_dropped_and_said() {
        let batches = delivered((0..500).collect(), 1024).await;
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].0, (0..200).collect::<Vec<_>>());
        assert!(batches[0].1);
    }

    #[tokio::test]
    async fn a_lagging_window_is_told() {
        let batches = delivered((0..40).collect(), 16).await;
        assert!(batches.iter().any(|(_, missed)| *missed), "{batches:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_pace_is_kept() {
        let (sender, receiver) = broadcast::channel(16);
        let start = Instant::now();
        let sending = async {
            for event in 0..5 {
                let _ = sender.send(event);
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            drop(sender);
        };
        let receiving = async {
            let (mut batches, mut at) = (Batches::of(receiver), Vec::new());
            while let Some((events, _)) = batches.next().await {
                at.push((start.elapsed().as_millis(), events));
            }
            at
        };
        let ((), at) = tokio::join!(sending, receiving);
        assert_eq!(at, [(0, vec![0]), (100, vec![1, 2, 3]), (200, vec![4])]);
    }
}
