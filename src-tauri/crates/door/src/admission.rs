//! Who is connected, and who has to go when it gets full: the oldest connection that is still
//! sending its request, never one that is being answered. One slow crowd must not lock out a caller.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;

use crate::counters::{Tally, count};

pub(crate) struct Admission {
    max: usize,
    open: AtomicUsize,
    /// Connections told to go that have not gone yet.
    leaving: AtomicUsize,
    reading: Mutex<Reading>,
    /// Rung when a connection has ended.
    ended: Notify,
}

#[derive(Default)]
struct Reading {
    next: u64,
    /// By the moment they began to read: the first is the oldest.
    places: BTreeMap<u64, Arc<Seat>>,
}

/// One connection's place. Dropping it frees the place.
pub(crate) struct Place {
    admission: Arc<Admission>,
    seat: Arc<Seat>,
    /// The key under which the seat is listed as reading.
    listed: Option<u64>,
}

/// What the door and a connection know of each other.
#[derive(Default)]
pub(crate) struct Seat {
    evicted: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Seat {
    pub(crate) fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::Acquire)
    }

    /// Wake this task when the seat is taken away.
    pub(crate) fn watch(&self, waker: &Waker) {
        let mut slot = lock(&self.waker);
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = lock(&self.waker).take() {
            waker.wake();
        }
    }
}

impl Admission {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Admission {
            max: max.max(1),
            open: AtomicUsize::new(0),
            leaving: AtomicUsize::new(0),
            reading: Mutex::default(),
            ended: Notify::new(),
        })
    }

    /// A place for one more, made at the cost of the oldest reader from four fifths of the limit on.
    /// Waits while every place is taken by a request being answered.
    pub(crate) async fn enter(self: &Arc<Self>, tally: &Tally) -> Place {
        loop {
            let ended = self.ended.notified();
            let staying = self.open().saturating_sub(self.leaving.load(Ordering::Acquire));
            if staying >= self.max * 4 / 5 {
                self.evict_oldest(tally);
            }
            if self.open() < self.max {
                break;
            }
            ended.await;
        }
        self.open.fetch_add(1, Ordering::AcqRel);
        let mut place = Place { admission: Arc::clone(self), seat: Arc::default(), listed: None };
        place.reading();
        place
    }

    /// Tell the oldest connection that is still reading to go; `false` when there is none.
    pub(crate) fn evict_oldest(&self, tally: &Tally) -> bool {
        let mut reading = lock(&self.reading);
        let Some((_, seat)) = reading.places.pop_first() else {
            return false;
        };
        // Under the lock, so that a place which drops meanwhile sees that it was told to go.
        self.leaving.fetch_add(1, Ordering::AcqRel);
        seat.evicted.store(true, Ordering::Release);
        drop(reading);
        seat.wake();
        count(&tally.evicted);
        true
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Resolves when nobody is connected.
    pub(crate) async fn empty(&self) {
        loop {
            let ended = self.ended.notified();
            if self.open() == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Place {
    pub(crate) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// From now on this connection reads, and may be sent away.
    pub(crate) fn reading(&mut self) {
        let mut reading = lock(&self.admission.reading);
        if self.listed.is_none() && !self.seat.is_evicted() {
            let key = reading.next;
            reading.next += 1;
            reading.places.insert(key, Arc::clone(&self.seat));
            self.listed = Some(key);
        }
    }

    /// From now on this connection is being answered, and stays. `false`: it was already sent away.
    pub(crate) fn answering(&mut self) -> bool {
        if let Some(key) = self.listed.take() {
            return lock(&self.admission.reading).places.remove(&key).is_some();
        }
        !self.seat.is_evicted()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(key) = self.listed.take() {
            lock(&self.admission.reading).places.remove(&key);
        }
        if self.seat.is_evicted() {
            self.admission.leaving.fetch_sub(1, Ordering::AcqRel);
        }
        self.admission.open.fetch_sub(1, Ordering::AcqRel);
        // Two may wait: the accept loop for a place, and close() for the end of all.
        self.admission.ended.notify_waiters();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_reader_goes_first_and_the_answered_stay() {
        let admission = Admission::new(10);
        let tally = Tally::default();
        let mut places = Vec::new();
        for _ in 0..8 {
            places.push(admission.enter(&tally).await);
        }
        assert!(places[0].answering());
        assert!(!places.iter().any(|p| p.seat().is_evicted()));

        // The ninth comes at four fifths: number 1 is the oldest that still reads.
        places.push(admission.enter(&tally).await);
        let gone = |places: &[Place]| places.iter().map(|p| p.seat().is_evicted()).collect::<Vec<_>>();
        assert_eq!(gone(&places), [false, true, false, false, false, false, false, false, false]);
        assert!(!places[1].answering(), "who was sent away can't be answered");

        // Number 2 is answered and reads again: it is now the youngest.
        assert!(places[2].answering());
        places[2].reading();
        assert!(admission.evict_oldest(&tally));
        assert!(places[3].seat().is_evicted());
        assert_eq!(tally.snapshot(0).evicted, 2);
    }

    #[tokio::test]
    async fn a_door_full_of_answers_waits_for_one_to_end() {
        let admission = Admission::new(2);
        let tally = Tally::default();
        let mut first = admission.enter(&tally).await;
        let mut second = admission.enter(&tally).await;
        // The second entry evicted the first, which had not been answered; it is still there.
        assert!(first.seat().is_evicted() && !first.answering());
        assert!(second.answering());
        let waiting = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.enter(&Tally::default()).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        assert!(waiting.await.is_ok());
        assert!(!second.seat().is_evicted());
    }
}
