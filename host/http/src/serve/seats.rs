//! The open connections of all listeners: how many there are, whose each is, and which one gives way when there are too
//! many. A connection has no owner before its key was checked; an idle one without an owner is closed first.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use brains_core::sync::Unpoisoned as _;
use brains_core::traffic::budget::{Draw, Standing};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::consumers::RequestConsumers;

/// How long to wait for a connection that was asked to close before another one is asked.
const LEAVING: Duration = Duration::from_millis(250);

/// The connections. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seats(Arc<Room>);

#[derive(Debug, Default)]
struct Room {
    taken: Mutex<BTreeMap<u64, Arc<Seat>>>,
    next: AtomicU64,
    /// Orders what became idle when; it takes no clock for that.
    ticks: AtomicU64,
    freed: Notify,
    sent_away: AtomicU64,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Arc<Room>,
    /// Requests under way; one after the other on HTTP/1.1, but the answer of the last may still be read.
    busy: AtomicU32,
    idle_since: AtomicU64,
    begun: AtomicBool,
    leave: CancellationToken,
    owner: Mutex<Option<Owner>>,
}

/// Whose connection it is, and what it counts against.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) consumers: RequestConsumers,
    pub(crate) operator: String,
    pub(crate) _draws: [Draw; 2],
}

/// A seat that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct TakenSeat {
    number: u64,
    pub(crate) seat: Arc<Seat>,
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Seat>);

impl Seats {
    /// A seat among at most `limit`. When all are taken, the idle connection of the least worth is closed; when none idles,
    /// this waits until one ends.
    pub(crate) async fn take(&self, limit: impl Fn() -> u64) -> TakenSeat {
        loop {
            let freed = self.0.freed.notified();
            if let Some(taken) = self.try_take(limit()) {
                return taken;
            }
            self.send_away(|_| true);
            // What is asked to leave leaves at once, or after the answer that it is being sent.
            drop(tokio::time::timeout(LEAVING, freed).await);
        }
    }

    fn try_take(&self, limit: u64) -> Option<TakenSeat> {
        let mut taken = self.0.held();
        if taken.len() as u64 >= limit {
            return None;
        }
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let seat = Arc::new(Seat {
            room: Arc::clone(&self.0),
            busy: AtomicU32::new(0),
            idle_since: AtomicU64::new(self.0.tick()),
            begun: AtomicBool::new(false),
            leave: CancellationToken::new(),
            owner: Mutex::new(None),
        });
        taken.insert(number, Arc::clone(&seat));
        Some(TakenSeat { number, seat })
    }

    /// Asks the idle connection that is worth the least to leave; none when nobody idles.
    pub(crate) fn send_away(&self, among: impl Fn(&Seat) -> bool) -> Option<Arc<Seat>> {
        let chosen = {
            let taken = self.0.held();
            let idle =
                taken.values().filter(|seat| !seat.leave.is_cancelled() && seat.idles() && among(seat));
            idle.min_by_key(|seat| (seat.is_owned(), seat.idle_since.load(Ordering::Relaxed)))
                .map(Arc::clone)?
        };
        chosen.leave.cancel();
        self.0.sent_away.fetch_add(1, Ordering::Relaxed);
        Some(chosen)
    }

    /// As the health endpoint shows it.
    pub(crate) fn standing(&self, limit: u64) -> Standing {
        Standing {
            used: self.0.held().len() as u64,
            limit,
            refused: self.0.sent_away.load(Ordering::Relaxed),
        }
    }
}

impl Room {
    fn held(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Seat>>> {
        self.taken.lock_unpoisoned()
    }

    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }
}

impl Seat {
    /// A request has arrived.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.begun.store(true, Ordering::Relaxed);
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Whether any request has arrived yet.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Waits until it is asked to leave.
    pub(crate) async fn asked_to_leave(&self) {
        self.leave.cancelled().await;
    }

    pub(crate) fn owner(&self) -> MutexGuard<'_, Option<Owner>> {
        self.owner.lock_unpoisoned()
    }

    fn idles(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    fn is_owned(&self) -> bool {
        self.owner().is_some()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.room.tick(), Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for TakenSeat {
    fn drop(&mut self) {
        self.seat.owner().take();
        self.seat.room.held().remove(&self.number);
        self.seat.room.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(count: usize) -> (Seats, Vec<TakenSeat>) {
        let seats = Seats::default();
        let taken = (0..count).map(|_| seats.try_take(count as u64).unwrap()).collect();
        (seats, taken)
    }

    #[tokio::test]
    async fn the_longest_idle_gives_way_and_who_is_served_stays() {
        let (seats, mut taken) = seats(3);
        assert!(seats.try_take(3).is_none());
        let first = taken[0].seat.begin();
        let second = taken[1].seat.begin();
        drop(second);
        // The third never asked for anything and idles longest; then the second; the first is being served.
        assert!(Arc::ptr_eq(&seats.send_away(|_| true).unwrap(), &taken[2].seat));
        assert!(Arc::ptr_eq(&seats.send_away(|_| true).unwrap(), &taken[1].seat));
        assert!(seats.send_away(|_| true).is_none());
        drop(first);
        assert!(Arc::ptr_eq(&seats.send_away(|_| true).unwrap(), &taken[0].seat));
        taken.clear();
        assert_eq!(seats.standing(3), Standing { used: 0, limit: 3, refused: 3 });
    }

    #[tokio::test]
    async fn a_seat_is_waited_for_while_all_are_served() {
        let (seats, mut taken) = seats(2);
        let busy: Vec<Busy> = taken.iter().map(|taken| taken.seat.begin()).collect();
        let waiting = seats.take(|| 2);
        tokio::pin!(waiting);
        assert!(tokio::time::timeout(LEAVING * 2, waiting.as_mut()).await.is_err());
        drop(taken.pop());
        drop(waiting.await);
        drop(busy);
    }
}
