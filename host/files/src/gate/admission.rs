//! Admission: which piece of work may begin, as a pure count of what is under way by mount or name. One that does not answer
//! keeps a few threads and no more, and half of all threads stay free of those that have not answered yet.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// At once in a place that has answered, and in one that has not yet.
const SHARE: usize = 8;
const PROBATION: usize = 2;
/// Places that are remembered although nothing is under way there.
const REMEMBERED: usize = 1_024;

/// How much there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateLimits {
    /// Pieces of work at once; 0 is no limit.
    pub threads: u32,
    /// How long one may take.
    pub time: Duration,
}

/// Whether a piece of work may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AdmissionAnswer {
    Begun(u64),
    /// No thread is free for it now.
    Full,
    /// What is under way there has not answered in its time.
    Stalled,
}

#[derive(Debug, Default)]
struct There {
    under_way: BTreeMap<u64, Instant>,
    waiting: usize,
    answered: bool,
}

impl There {
    fn late(&self, now: Instant, time: Duration) -> usize {
        self.under_way.values().filter(|began| now.saturating_duration_since(**began) >= time).count()
    }

    fn is_full(&self) -> bool {
        self.under_way.len() >= if self.answered { SHARE } else { PROBATION }
    }
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct GateAdmission {
    places: BTreeMap<String, There>,
    next: u64,
    pub(super) refused: u64,
}

impl GateAdmission {
    pub(super) fn begin(&mut self, place: &str, now: Instant, limits: GateLimits) -> AdmissionAnswer {
        let doubtful = self.doubtful(now, limits.time);
        let used = self.used();
        let known = self.places.get(place);
        if let Some(there) = known.filter(|there| there.is_full()) {
            return if there.late(now, limits.time) > 0 {
                AdmissionAnswer::Stalled
            } else {
                AdmissionAnswer::Full
            };
        }
        let trusted = known.is_some_and(|there| there.answered);
        let threads = limits.threads as usize;
        if threads > 0 && (used >= threads || !trusted && doubtful >= (threads / 2).max(1)) {
            return AdmissionAnswer::Full;
        }
        self.forget();
        self.next += 1;
        self.places.entry(place.to_owned()).or_default().under_way.insert(self.next, now);
        AdmissionAnswer::Begun(self.next)
    }

    /// It came to its end.
    pub(super) fn end(&mut self, place: &str, ticket: u64, answered: bool) {
        if let Some(there) = self.places.get_mut(place) {
            there.under_way.remove(&ticket);
            there.answered |= answered;
        }
    }

    /// It left for another place, and waits for room there with its thread; false when too many do.
    pub(super) fn queue(&mut self, place: &str, now: Instant, limits: GateLimits) -> bool {
        let threads = limits.threads as usize;
        if threads > 0 && self.doubtful(now, limits.time) >= (threads / 2).max(1) {
            return false;
        }
        self.places.entry(place.to_owned()).or_default().waiting += 1;
        true
    }

    pub(super) fn unqueue(&mut self, place: &str) {
        if let Some(there) = self.places.get_mut(place) {
            there.waiting = there.waiting.saturating_sub(1);
        }
    }

    /// Threads that do something, or wait for somewhere to answer.
    pub(super) fn used(&self) -> usize {
        self.places.values().map(|there| there.under_way.len() + there.waiting).sum()
    }

    fn doubtful(&self, now: Instant, time: Duration) -> usize {
        let count = |there: &There| {
            let under_way = if there.answered { there.late(now, time) } else { there.under_way.len() };
            under_way + there.waiting
        };
        self.places.values().map(count).sum()
    }

    fn forget(&mut self) {
        if self.places.len() >= REMEMBERED {
            self.places.retain(|_, there| !there.under_way.is_empty() || there.waiting > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: GateLimits = GateLimits { threads: 32, time: Duration::from_secs(5) };

    fn fill(admission: &mut GateAdmission, place: &str, now: Instant) -> (usize, AdmissionAnswer) {
        for count in 0..100 {
            match admission.begin(place, now, LIMITS) {
                AdmissionAnswer::Begun(_) => {}
                answer => return (count, answer),
            }
        }
        (100, AdmissionAnswer::Full)
    }

    fn known(admission: &mut GateAdmission, place: &str, now: Instant) {
        let AdmissionAnswer::Begun(ticket) = admission.begin(place, now, LIMITS) else {
            panic!("no room in {place}")
        };
        admission.end(place, ticket, true);
    }

    #[test]
    fn a_place_that_does_not_answer_keeps_two_threads_and_is_told_of_then() {
        let (mut admission, now) = (GateAdmission::default(), Instant::now());
        known(&mut admission, "/", now);
        assert_eq!(fill(&mut admission, "/dead", now), (2, AdmissionAnswer::Full));
        let later = now + LIMITS.time;
        assert_eq!(fill(&mut admission, "/dead", later), (0, AdmissionAnswer::Stalled));
        assert_eq!(fill(&mut admission, "/", later), (8, AdmissionAnswer::Full));
    }

    #[test]
    fn many_dead_places_leave_half_of_all_threads_to_those_that_answer() {
        let (mut admission, now) = (GateAdmission::default(), Instant::now());
        for place in ["/", "/home", "/srv"] {
            known(&mut admission, place, now);
        }
        let taken: usize = (0..50).map(|at| fill(&mut admission, &format!("/dead{at}"), now).0).sum();
        assert_eq!(taken, 16);
        assert_eq!(fill(&mut admission, "/", now).0 + fill(&mut admission, "/home", now).0, 16);
        assert_eq!(fill(&mut admission, "/srv", now).0, 0);
    }

    #[test]
    fn a_place_that_comes_back_is_used_again() {
        let (mut admission, now) = (GateAdmission::default(), Instant::now());
        let AdmissionAnswer::Begun(ticket) = admission.begin("/nfs", now, LIMITS) else { panic!("no room") };
        let later = now + LIMITS.time;
        assert!(matches!(admission.begin("/nfs", later, LIMITS), AdmissionAnswer::Begun(_)));
        assert_eq!(admission.begin("/nfs", later, LIMITS), AdmissionAnswer::Stalled);
        admission.end("/nfs", ticket, true);
        assert!(matches!(admission.begin("/nfs", later, LIMITS), AdmissionAnswer::Begun(_)));
    }

    #[test]
    fn one_slow_piece_of_work_stops_no_other_where_answers_come() {
        let (mut admission, now) = (GateAdmission::default(), Instant::now());
        known(&mut admission, "/", now);
        let AdmissionAnswer::Begun(_) = admission.begin("/", now, LIMITS) else { panic!("no room") };
        assert_eq!(fill(&mut admission, "/", now + LIMITS.time * 2), (7, AdmissionAnswer::Stalled));
    }

    #[test]
    fn those_that_wait_within_their_work_count_as_doubtful() {
        let (mut admission, now) = (GateAdmission::default(), Instant::now());
        let waiting = (0..100).take_while(|_| admission.queue("/dead", now, LIMITS)).count();
        assert_eq!(waiting, 16);
        assert_eq!(admission.used(), 16);
        (0..16).for_each(|_| admission.unqueue("/dead"));
        assert_eq!(admission.used(), 0);
    }
}
