//! Who is connected, and who has to go when places or memory get scarce: the oldest connection that is
//! still sending its request, never one that is being answered. One slow crowd must not lock out a caller.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::counters::count;

pub(crate) struct Admission {
    max: usize,
    /// What all connections may hold in memory together.
    max_held: usize,
    /// Who began to read less long ago than this is not sent away for want of a place.
    grace: Duration,
    held: AtomicUsize,
    evicted: AtomicU64,
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
    places: BTreeMap<u64, (Instant, Arc<Seat>)>,
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
    /// Bytes of the present request in memory.
    held: AtomicUsize,
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
    pub(crate) fn new(max: usize, max_held: usize, grace: Duration) -> Arc<Self> {
        Arc::new(Admission {
            max: max.max(1),
            max_held,
            grace,
            held: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            leaving: AtomicUsize::new(0),
            reading: Mutex::default(),
            ended: Notify::new(),
        })
    }

    /// A place for one more, made at the cost of the oldest reader from four fifths of the limit on.
    /// Waits while every place is taken by a request being answered, or by a reader within its grace: a burst of
    /// honest callers must not send each other away.
    pub(crate) async fn enter(self: &Arc<Self>) -> Place {
        loop {
            let ended = self.ended.notified();
            let staying = self.open().saturating_sub(self.leaving.load(Ordering::Acquire));
            let ripe = lock(&self.reading).places.first_key_value().map(|(_, (since, _))| *since + self.grace);
            if staying >= self.max * 4 / 5 && ripe.is_some_and(|at| at <= Instant::now()) {
                self.evict_oldest();
            } else if let Some(at) = ripe.filter(|_| staying >= self.max) {
                let _ = tokio::time::timeout_at(at, ended).await;
                continue;
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
    pub(crate) fn evict_oldest(&self) -> bool {
        let mut reading = lock(&self.reading);
        let Some((_, (_, seat))) = reading.places.pop_first() else {
            return false;
        };
        // Under the lock, so that a place which drops meanwhile sees that it was told to go.
        self.leaving.fetch_add(1, Ordering::AcqRel);
        seat.evicted.store(true, Ordering::Release);
        drop(reading);
        // What it holds goes with it: counted out at once, or one request too many would cost several places.
        self.held.fetch_sub(seat.held.swap(0, Ordering::AcqRel), Ordering::AcqRel);
        seat.wake();
        count(&self.evicted);
        true
    }

    /// Connections sent away so far.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
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

    /// This connection's request takes so many bytes by now. Beyond what all may hold together the oldest
    /// readers go.
    pub(crate) fn hold(&self, bytes: usize) {
        let admission = &self.admission;
        // Added before the seat says so: an eviction meanwhile subtracts what the seat says.
        admission.held.fetch_add(bytes, Ordering::AcqRel);
        let before = self.seat.held.swap(bytes, Ordering::AcqRel);
        admission.held.fetch_sub(before, Ordering::AcqRel);
        while bytes > before && admission.held.load(Ordering::Acquire) > admission.max_held {
            if !admission.evict_oldest() {
                return;
            }
        }
    }

    /// From now on this connection reads, and may be sent away.
    pub(crate) fn reading(&mut self) {
        let mut reading = lock(&self.admission.reading);
        if self.listed.is_none() && !self.seat.is_evicted() {
            let key = reading.next;
            reading.next += 1;
            reading.places.insert(key, (Instant::now(), Arc::clone(&self.seat)));
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
        self.hold(0);
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
        let admission = Admission::new(10, 1000, Duration::ZERO);
        let mut places = Vec::new();
        for _ in 0..8 {
            places.push(admission.enter().await);
        }
        assert!(places[0].answering());
        assert!(!places.iter().any(|p| p.seat().is_evicted()));

        // The ninth comes at four fifths: number 1 is the oldest that still reads.
        places.push(admission.enter().await);
        let gone = |places: &[Place]| places.iter().map(|p| p.seat().is_evicted()).collect::<Vec<_>>();
        assert_eq!(gone(&places), [false, true, false, false, false, false, false, false, false]);
        assert!(!places[1].answering(), "who was sent away can't be answered");

        // Number 2 is answered and reads again: it is now the youngest.
        assert!(places[2].answering());
        places[2].reading();
        assert!(admission.evict_oldest());
        assert!(places[3].seat().is_evicted());
        assert_eq!(admission.evicted(), 2);
    }

    #[tokio::test]
    async fn a_door_full_of_answers_waits_for_one_to_end() {
        let admission = Admission::new(2, 1000, Duration::ZERO);
        let mut first = admission.enter().await;
        let mut second = admission.enter().await;
        // The second entry evicted the first, which had not been answered; it is still there.
        assert!(first.seat().is_evicted() && !first.answering());
        assert!(second.answering());
        let waiting = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.enter().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        assert!(waiting.await.is_ok());
        assert!(!second.seat().is_evicted());
    }

    #[tokio::test]
    async fn whoever_holds_oldest_goes_when_memory_is_scarce() {
        let admission = Admission::new(10, 1000, Duration::ZERO);
        let mut places = Vec::new();
        for _ in 0..4 {
            places.push(admission.enter().await);
        }
        for (place, bytes) in places.iter().zip([100, 400, 300, 200]) {
            place.hold(bytes);
        }
        assert_eq!(admission.evicted(), 0, "all of it is allowed");
        assert!(places[0].answering(), "the oldest is answered: it stays, and what it holds counts");
        places[3].hold(201);
        let gone = |places: &[Place]| places.iter().map(|p| p.seat().is_evicted()).collect::<Vec<_>>();
        assert_eq!(gone(&places), [false, true, false, false], "400 bytes are enough");
        places[3].hold(900);
        assert_eq!(gone(&places), [false, true, true, false], "100 of the answered and 900: all that is allowed");
        places[3].hold(901);
        assert!(places[3].seat().is_evicted(), "nobody older is left to go");
        drop(places);
        assert_eq!((admission.held.load(Ordering::Acquire), admission.open()), (0, 0));
    }

    #[tokio::test]
    async fn the_newly_come_are_not_sent_away_for_each_other() {
        let admission = Admission::new(4, 1000, Duration::from_secs(3600));
        let mut places = Vec::new();
        for _ in 0..4 {
            places.push(admission.enter().await);
        }
        let waiting = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.enter().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished() && admission.evicted() == 0, "it waits its turn");
        places.remove(0);
        assert!(waiting.await.is_ok());

        let admission = Admission::new(4, 1000, Duration::from_millis(5));
        let mut places = Vec::new();
        for _ in 0..4 {
            places.push(admission.enter().await);
        }
        let waiting = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.enter().await }
        });
        while !places[0].seat().is_evicted() {
            tokio::task::yield_now().await;
        }
        places.remove(0);
        assert!(waiting.await.is_ok(), "the oldest went when its grace was over");
        assert!(admission.evicted() >= 1);
    }
}
