//! Walking a chain from its first entry, or from a seal, to its head. It holds one position, whatever the chain's
//! length; rows are fed to it by whoever can read them.

use serde::Serialize;

use super::{Entry, GENESIS, Seal, Trusted};

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Break {
    /// The position at which it was noticed.
    pub seq: i64,
    pub reason: BreakReason,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakReason {
    /// An entry is not where the order wants it: something before it was deleted or moved.
    Missing,
    /// An entry does not follow from the one before it.
    Unlinked,
    /// A column of the entry was changed.
    Edited,
    /// The head does not name the last entry: the end was cut off, or the head was changed.
    Head,
    /// The head carries no signature.
    Unsealed,
    /// A signature does not fit what it stands under.
    Forged,
    /// Sealed by a key that no hand-over ties to ours.
    Stranger,
    /// A seal was given for an entry of another content: the chain was made anew.
    Rewritten,
    /// A seal was given for an entry that is no longer there: an older state was put back.
    RolledBack,
    /// A row stands where no write puts one: before the first position, at none, beside another, or in no scope.
    Foreign,
}

/// A chain that is being walked.
#[derive(Debug)]
pub struct ChainWalk<'a> {
    scope: &'a str,
    trusted: &'a Trusted,
    seq: i64,
    hash: String,
}

impl<'a> ChainWalk<'a> {
    /// From the first entry.
    pub fn new(scope: &'a str, trusted: &'a Trusted) -> Self {
        Self { scope, trusted, seq: 0, hash: GENESIS.to_owned() }
    }

    /// From a seal: what it covers is taken on its word.
    pub fn from_seal(scope: &'a str, trusted: &'a Trusted, seal: &Seal) -> Result<Self, Break> {
        let walk = Self { scope, trusted, seq: seal.seq, hash: seal.hash.clone() };
        walk.judge(seal)?;
        Ok(walk)
    }

    /// Position of the last sound entry.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// The next entry in order.
    pub fn entry(&mut self, entry: &Entry) -> Result<(), Break> {
        let reason = if entry.seq != self.seq + 1 || entry.scope != self.scope {
            BreakReason::Missing
        } else if entry.digest() != entry.hash {
            BreakReason::Edited
        } else if entry.prev_hash != self.hash {
            BreakReason::Unlinked
        } else {
            self.seq = entry.seq;
            self.hash.clone_from(&entry.hash);
            return Ok(());
        };
        Err(Break { seq: self.seq + 1, reason })
    }

    /// A seal that was given for where the walk stands.
    pub fn seal(&self, seal: &Seal) -> Result<(), Break> {
        if seal.seq > self.seq {
            return Err(Break { seq: self.seq + 1, reason: BreakReason::RolledBack });
        }
        self.judge(seal)?;
        if seal.seq == self.seq && seal.hash != self.hash {
            return Err(Break { seq: seal.seq, reason: BreakReason::Rewritten });
        }
        Ok(())
    }

    /// The end: what the head says of the chain. Without a row there is no head.
    pub fn end(&self, head: Option<(i64, &str, Option<&Seal>)>) -> Result<(), Break> {
        let broken = |reason| Err(Break { seq: self.seq, reason });
        let (seq, hash, seal) = head.unwrap_or((0, GENESIS, None));
        if (seq, hash) != (self.seq, self.hash.as_str()) {
            return broken(BreakReason::Head);
        }
        match seal {
            // A chain without an entry has nothing to sign.
            None if seq == 0 => Ok(()),
            None => broken(BreakReason::Unsealed),
            Some(seal) if (seal.seq, seal.hash.as_str()) != (seq, hash) => broken(BreakReason::Forged),
            Some(seal) => self.judge(seal),
        }
    }

    fn judge(&self, seal: &Seal) -> Result<(), Break> {
        let reason = if seal.scope != self.scope || !seal.is_signed() {
            BreakReason::Forged
        } else if !self.trusted.holds(&seal.key) {
            BreakReason::Stranger
        } else {
            return Ok(());
        };
        Err(Break { seq: seal.seq, reason })
    }
}
