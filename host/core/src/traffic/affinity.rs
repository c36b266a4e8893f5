//! Where a conversation stays. A vendor keeps the beginning of a prompt that it has read, so the next turn of a conversation
//! is cheap where the last one was answered, and nowhere else. A [`WarmPlace`] says where that was; it holds for as long as
//! a vendor keeps a prompt after its last use. Places are told by hashes alone.

mod places;

use sha2::{Digest as _, Sha256};

pub use places::{KnownPlaces, PlaceLimits, WarmPlaces};

use crate::Millis;

/// How long a vendor keeps a prompt whose client asked for an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// What tells a conversation from others, as a hash of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConversationMark([u8; 32]);

/// A conversation of one caller: who does not have the caller's key has another one, whatever they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationKey([u8; 32]);

/// Where the last turn of a conversation was answered, in one tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarmPlace {
    pub tier: String,
    pub provider: String,
    pub model: String,
    /// How often the conversation moved, while it was warm, until it came here: what is known of it here and elsewhere is
    /// put in order by that, for turns of one conversation may overlap.
    pub moves: u32,
    /// About how much of the next turn's prompt is there already.
    pub warm_tokens: u32,
    pub used_at: Millis,
    /// It is cold from then on.
    pub cold_at: Millis,
}

/// A turn that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweredTurn<'a> {
    pub tier: &'a str,
    pub provider: &'a str,
    pub model: &'a str,
    /// Tokens of its prompt.
    pub tokens: u32,
    pub lifetime_ms: i64,
}

impl ConversationMark {
    /// By the id that the client has for its own session.
    pub fn of_session(id: &str) -> Self {
        Self(digest("session", [id]))
    }

    /// By the name that the client gave to the prompt's cache.
    pub fn of_cache_key(key: &str) -> Self {
        Self(digest("cache key", [key]))
    }

    /// By how it began: the parts of its beginning, in their order.
    pub fn of_opening<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(digest("opening", parts))
    }

    /// The conversation as that of whoever holds this credential of an operator's.
    pub fn owned_by(self, operator: &str, credential: &str) -> ConversationKey {
        ConversationKey(digest(&hex::encode(self.0), [operator, credential]))
    }

    /// How strongly the conversation is drawn to a candidate, from 0 up to 1: the highest of all wins. Every process finds the
    /// same, conversations are shared out evenly, and a candidate that goes takes no other's with it.
    pub fn draw(self, candidate: &str) -> f64 {
        unit(&digest(&hex::encode(self.0), [candidate]))
    }
}

impl ConversationKey {
    /// As it is kept.
    pub fn to_text(self) -> String {
        hex::encode(self.0)
    }
}

/// A number from 0 up to 1 of so many random bits.
#[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
pub fn unit(random: &[u8]) -> f64 {
    let mut bits = [0; 8];
    bits.iter_mut().zip(random).for_each(|(bit, byte)| *bit = *byte);
    (u64::from_be_bytes(bits) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Each part with its length, so that no two lists of them are the same text.
fn digest<'a>(kind: &'a str, parts: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in std::iter::once(kind).chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

impl WarmPlace {
    pub fn is_warm(&self, now: Millis) -> bool {
        now < self.cold_at
    }

    pub fn is_at(&self, provider: &str, model: &str) -> bool {
        self.provider == provider && self.model == model
    }

    /// Where a conversation is after a turn, when it was at `before` in that tier.
    pub fn after(turn: AnsweredTurn<'_>, before: Option<&Self>, now: Millis) -> Self {
        let before = before.filter(|place| place.is_warm(now));
        let stays = before.filter(|place| place.is_at(turn.provider, turn.model));
        let moves = before.map_or(0, |place| place.moves);
        let cold_at = now.plus_ms(turn.lifetime_ms);
        Self {
            tier: turn.tier.to_owned(),
            provider: turn.provider.to_owned(),
            model: turn.model.to_owned(),
            moves: if stays.is_some() { moves } else { moves.saturating_add(u32::from(before.is_some())) },
            warm_tokens: stays.map_or(turn.tokens, |place| place.warm_tokens.max(turn.tokens)),
            used_at: now,
            cold_at: stays.map_or(cold_at, |place| place.cold_at.max(cold_at)),
        }
    }

    /// Whether this is the later knowledge of the two, of one conversation and tier. It never depends on who heard of what
    /// first: where a conversation went is later than where it was, and of two places that overlapping turns chose at once
    /// the one of the lesser name stands.
    pub fn supersedes(&self, other: &Self) -> bool {
        let (is_next, is_past) = (!other.is_warm(self.used_at), !self.is_warm(other.used_at));
        if is_next || is_past {
            return is_next;
        }
        if self.moves != other.moves {
            return self.moves > other.moves;
        }
        if self.is_at(&other.provider, &other.model) {
            return self.used_at >= other.used_at;
        }
        (&self.provider, &self.model) < (&other.provider, &other.model)
    }
}

#[cfg(test)]
mod tests;
