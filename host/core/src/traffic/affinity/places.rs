//! The conversations that a process knows, bounded in number and in bytes: for one more, those go that will be cold first.

use std::collections::{BTreeSet, HashMap};

use super::{ConversationKey, WarmPlace};
use crate::Millis;

/// Tiers of one conversation that are remembered.
const TIERS: usize = 4;
/// What an entry takes beside its names, about.
const ENTRY_BYTES: usize = 256;

/// How much may be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceLimits {
    pub conversations: usize,
    pub bytes: usize,
}

/// What is known of one conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownPlaces {
    /// Warm ones, one a tier.
    pub places: Vec<WarmPlace>,
    /// As of which generation of what all processes share.
    pub generation: i64,
}

/// All that is known.
#[derive(Debug, Default)]
pub struct WarmPlaces {
    by_key: HashMap<ConversationKey, Entry>,
    by_end: BTreeSet<(Millis, ConversationKey)>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    slots: Vec<Slot>,
    generation: i64,
    cold_at: Millis,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    place: WarmPlace,
    /// What others can know of it.
    shared: Option<SharedPlace>,
}

#[derive(Debug, Clone, Copy)]
struct SharedPlace {
    used_at: Millis,
    warm_tokens: u32,
}

impl SharedPlace {
    const fn of(place: &WarmPlace) -> Self {
        Self { used_at: place.used_at, warm_tokens: place.warm_tokens }
    }
}

impl WarmPlaces {
    /// What is known of a conversation, and is still warm; none when that is nothing.
    pub fn find(&self, key: &ConversationKey, now: Millis) -> Option<KnownPlaces> {
        let entry = self.by_key.get(key)?;
        let warm = entry.slots.iter().map(|slot| &slot.place).filter(|place| place.is_warm(now));
        let places: Vec<WarmPlace> = warm.cloned().collect();
        (!places.is_empty()).then_some(KnownPlaces { places, generation: entry.generation })
    }

    /// Takes in what all processes share of a conversation.
    pub fn learn(&mut self, key: ConversationKey, told: &KnownPlaces, now: Millis, limits: PlaceLimits) {
        if told.places.is_empty() && !self.by_key.contains_key(&key) {
            return;
        }
        let mut entry = self.take(&key);
        entry.generation = told.generation;
        for place in &told.places {
            if put(&mut entry.slots, place)
                && let Some(slot) = slot(&mut entry.slots, &place.tier)
            {
                slot.shared = Some(SharedPlace::of(place));
            }
        }
        self.keep(key, entry, now, limits);
    }

    /// Takes in where a turn was answered. Gives the place when others should be told: that the conversation is there, that
    /// it was there for a good part of its life, or that there is much more of it.
    pub fn note(
        &mut self,
        key: ConversationKey,
        place: WarmPlace,
        generation: i64,
        limits: PlaceLimits,
    ) -> Option<WarmPlace> {
        let is_new = !self.by_key.contains_key(&key);
        let mut entry = self.take(&key);
        if is_new {
            entry.generation = generation;
        }
        let now = place.used_at;
        let mut told = None;
        if put(&mut entry.slots, &place)
            && let Some(slot) = slot(&mut entry.slots, &place.tier)
            && slot.shared.is_none_or(|shared| is_worth_telling(shared, &place))
        {
            slot.shared = Some(SharedPlace::of(&place));
            told = Some(place);
        }
        self.keep(key, entry, now, limits);
        told
    }

    /// How many conversations there are, and what they take, about.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.by_key.len(), self.bytes)
    }

    fn take(&mut self, key: &ConversationKey) -> Entry {
        let Some(entry) = self.by_key.remove(key) else {
            return Entry { slots: Vec::new(), generation: 0, cold_at: Millis::default(), bytes: 0 };
        };
        self.by_end.remove(&(entry.cold_at, *key));
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        entry
    }

    fn keep(&mut self, key: ConversationKey, mut entry: Entry, now: Millis, limits: PlaceLimits) {
        entry.slots.retain(|slot| slot.place.is_warm(now));
        while entry.slots.len() > TIERS {
            let oldest =
                (0..entry.slots.len()).min_by_key(|at| entry.slots.get(*at).map(|it| it.place.used_at));
            oldest.map(|at| entry.slots.swap_remove(at));
        }
        if let Some(end) = entry.slots.iter().map(|slot| slot.place.cold_at).max() {
            entry.cold_at = end;
            entry.bytes = ENTRY_BYTES + entry.slots.iter().map(|slot| bytes(&slot.place)).sum::<usize>();
            self.bytes = self.bytes.saturating_add(entry.bytes);
            self.by_end.insert((end, key));
            self.by_key.insert(key, entry);
        }
        while let Some((end, first)) = self.by_end.first().copied() {
            let fits = self.by_key.len() <= limits.conversations && self.bytes <= limits.bytes;
            if fits && now < end {
                break;
            }
            self.take(&first);
        }
    }
}

fn slot<'a>(slots: &'a mut [Slot], tier: &str) -> Option<&'a mut Slot> {
    slots.iter_mut().find(|slot| slot.place.tier == tier)
}

/// Puts a place in, unless a later one of its tier is there; false then.
fn put(slots: &mut Vec<Slot>, place: &WarmPlace) -> bool {
    match slot(slots, &place.tier) {
        Some(known) if !place.supersedes(&known.place) => return false,
        Some(known) => {
            // Who was told of it there knows nothing of here.
            known.shared = known.shared.filter(|_| known.place.is_at(&place.provider, &place.model));
            known.place = place.clone();
        }
        None => slots.push(Slot { place: place.clone(), shared: None }),
    }
    true
}

/// Whether it is a quarter of its life since others were told, or there is a half more of it.
const fn is_worth_telling(shared: SharedPlace, place: &WarmPlace) -> bool {
    let lifetime = place.cold_at.since(place.used_at);
    place.used_at.since(shared.used_at) >= lifetime / 4
        || place.warm_tokens > shared.warm_tokens.saturating_add(shared.warm_tokens / 2)
}

const fn bytes(place: &WarmPlace) -> usize {
    ENTRY_BYTES + place.tier.len() + place.provider.len() + place.model.len()
}
