//! Whether a caller's key still counts, asked of the ring that the listeners judge by.

use std::pin::Pin;

use brains_control::ports;
use brains_core::principal::unknown_key;
use brains_core::{Fault, Principal};
use brains_http::{ANONYMOUS, KeyRing};

/// The keys of this process.
#[derive(Debug)]
pub(crate) struct KeyRingCallers {
    pub(crate) ring: KeyRing,
}

impl ports::CallersPort for KeyRingCallers {
    fn still<'a>(
        &'a self,
        principal: &'a Principal,
    ) -> Pin<Box<dyn Future<Output = Result<Principal, Fault>> + Send + 'a>> {
        Box::pin(async move {
            // Whoever needed no key: a command of this machine's user, a listener that is open to all.
            if principal.fingerprint == principal.operator || principal.fingerprint == ANONYMOUS {
                return Ok(principal.clone());
            }
            self.ring.find_by_fingerprint(&principal.fingerprint).await?.ok_or_else(unknown_key)
        })
    }
}
