//! Checking a chain: its rows and the seals that were kept of it, page by page, fed to the walk of `brains_core`.

use std::collections::VecDeque;

use brains_core::plane::audit::{Break, BreakReason, ChainWalk, Entry, HandOver, Seal, Trusted};

use crate::error::StoreError;
use crate::rows::{Rows, fetch_all, fetch_optional};
use crate::write::scope::Scope;

/// Entries read at a time.
const PAGE: u32 = 1_000;
/// Kept seals read at a time.
const SEALS: u32 = 256;

const HAND_OVERS: &str =
    "SELECT detail FROM audit_entry WHERE action = 'audit.hand_over' AND detail IS NOT NULL ORDER BY seq";
/// What stands before the first position, or at none.
const ASTRAY: &str = "
    SELECT COALESCE(seq, 0) FROM audit_entry WHERE scope = $1 AND (seq IS NULL OR seq <= 0)
    UNION ALL SELECT COALESCE(seq, 0) FROM audit_seal WHERE scope = $1 AND (seq IS NULL OR seq <= 0)
    ORDER BY 1 LIMIT 1";
/// A position at which several entries stand.
const DOUBLED: &str = "
    SELECT seq FROM audit_entry WHERE scope = $1 AND seq > $2 GROUP BY seq HAVING COUNT(*) > 1 ORDER BY seq LIMIT 1";

/// Where a check of a chain begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyFrom {
    /// At the first entry.
    Start,
    /// Behind the newest seal that was kept: what that one covers is taken on its word.
    Checkpoint,
}

/// What verifying one chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    pub scope: String,
    /// Entries that were looked at and are sound.
    pub entries: i64,
    /// The position behind which it began.
    pub from: i64,
    /// The first thing that is wrong.
    pub broken: Option<Break>,
}

impl Rows {
    /// Every hand-over of sealing. Their own signatures tell which are sound.
    pub async fn hand_overs(&mut self) -> Result<Vec<HandOver>, StoreError> {
        let found = fetch_all!(self, String, HAND_OVERS)?;
        Ok(found.iter().filter_map(|detail| serde_json::from_str(detail).ok()).collect())
    }

    /// Walks one chain in pages, from its first entry or its newest kept seal, to its head; memory does not grow with
    /// its length. `anchors` are seals of this scope that were kept elsewhere.
    pub async fn verify_audit(
        &mut self,
        scope: &Scope,
        trusted: &Trusted,
        anchors: &[Seal],
        from: VerifyFrom,
    ) -> Result<Verification, StoreError> {
        let name = scope.as_str();
        let found = |entries, from, broken| Verification { scope: name.to_owned(), entries, from, broken };
        if name.is_empty() {
            // Rows without a scope: no write leaves any.
            return Ok(found(0, 0, Some(Break { seq: 0, reason: BreakReason::Foreign })));
        }
        let begun = match from {
            VerifyFrom::Start => None,
            VerifyFrom::Checkpoint => self.last_audit_seal(scope).await?,
        };
        let began = begun.as_ref().map_or(0, |seal| seal.seq);
        let walk = match &begun {
            Some(seal) => ChainWalk::from_seal(name, trusted, seal),
            None => Ok(ChainWalk::new(name, trusted)),
        };
        let mut walk = match walk {
            Ok(walk) => walk,
            Err(broken) => return Ok(found(0, began, Some(broken))),
        };
        let mut marks = Marks::new(anchors, began);
        let broken = 'chain: loop {
            let page: Vec<Entry> = self.audit_entries_after(scope, walk.seq(), PAGE).await?;
            if page.is_empty() {
                break None;
            }
            for entry in page {
                if let Err(broken) = walk.entry(&entry) {
                    break 'chain Some(broken);
                }
                while let Some(seal) = marks.next(self, scope, entry.seq).await? {
                    if let Err(broken) = walk.seal(&seal) {
                        break 'chain Some(broken);
                    }
                }
            }
        };
        let entries = walk.seq() - began;
        if broken.is_some() {
            return Ok(found(entries, began, broken));
        }
        // What was sealed behind the last entry was cut off.
        if let Some(seal) = marks.next(self, scope, i64::MAX).await?
            && let Err(broken) = walk.seal(&seal)
        {
            return Ok(found(entries, began, Some(broken)));
        }
        let head = self.audit_head(scope).await?;
        let head = head.as_ref().map(|head| (head.seq, head.hash.as_str(), head.seal.as_ref()));
        let broken = match walk.end(head) {
            Ok(()) => {
                self.foreign(scope, began).await?.map(|seq| Break { seq, reason: BreakReason::Foreign })
            }
            Err(broken) => Some(broken),
        };
        Ok(found(entries, began, broken))
    }

    /// Where a row stands that the walk cannot meet: before the first position, at none, or beside another.
    async fn foreign(&mut self, scope: &Scope, after: i64) -> Result<Option<i64>, StoreError> {
        if let Some(seq) = fetch_optional!(self, i64, ASTRAY, scope.as_str())? {
            return Ok(Some(seq));
        }
        fetch_optional!(self, i64, DOUBLED, scope.as_str(), after)
    }
}

/// Seals of a scope in order of their positions: those that were kept in the database and those kept elsewhere.
#[derive(Debug)]
struct Marks {
    elsewhere: VecDeque<Seal>,
    kept: VecDeque<Seal>,
    read: i64,
    done: bool,
}

impl Marks {
    fn new(anchors: &[Seal], after: i64) -> Self {
        let mut anchors: Vec<Seal> = anchors.iter().filter(|seal| seal.seq > after).cloned().collect();
        anchors.sort_by_key(|seal| seal.seq);
        Self { elsewhere: anchors.into(), kept: VecDeque::new(), read: after, done: false }
    }

    /// The next seal up to position `seq`.
    async fn next(&mut self, rows: &mut Rows, scope: &Scope, seq: i64) -> Result<Option<Seal>, StoreError> {
        if self.kept.is_empty() && !self.done {
            self.kept = rows.audit_seals(scope, self.read, SEALS).await?.into();
            match self.kept.back() {
                Some(last) => self.read = last.seq,
                None => self.done = true,
            }
        }
        if self.elsewhere.front().is_some_and(|seal| seal.seq <= seq) {
            return Ok(self.elsewhere.pop_front());
        }
        if self.kept.front().is_some_and(|seal| seal.seq <= seq) {
            return Ok(self.kept.pop_front());
        }
        Ok(None)
    }
}
