//! The real clock and the real generator: the one place of the program that asks the system for them.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use brains_core::{Ambient, Millis};

/// Time and entropy of this machine.
#[derive(Debug)]
pub(crate) struct SystemAmbient {
    started: Instant,
}

impl SystemAmbient {
    #[expect(clippy::disallowed_methods, reason = "this is the ambient that everyone else is handed")]
    pub(crate) fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Ambient for SystemAmbient {
    #[expect(clippy::disallowed_methods, reason = "this is the ambient that everyone else is handed")]
    fn now(&self) -> Millis {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// A machine without a generator cannot make keys: going on would mint guessable ones.
    #[expect(clippy::expect_used, reason = "there is no safe way on without the system's generator")]
    fn fill_random(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has no random generator");
    }
}
