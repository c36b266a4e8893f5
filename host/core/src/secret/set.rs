//! Secrets that are known, found and covered in every spelling, however deep it is escaped and wherever it is cut.
//! Built once, then read by whoever shows or keeps what somebody says who may have seen them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Range;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous;
use aho_corasick::{Anchored, StartKind, dfa};
use serde_json::{Map, Value};

use super::{Secret, spellings};
use crate::plain::{Plain, escapes, unfinished};
use crate::redact::COVER;

/// Escapes within escapes that are undone.
const LAYERS: usize = 4;
/// Bytes of all spellings up to which the fast form of the table is worth its memory.
const FAST_BYTES: usize = 4 << 10;

/// Some secrets, ready to be found. Nothing of fewer than eight bytes is: it could not be told from ordinary text.
#[derive(Default)]
pub struct SecretSet {
    finder: Option<Finder>,
    count: usize,
}

/// What was seen of a piece of text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Where secrets stand, in order, none touching another.
    pub spans: Vec<Range<usize>>,
    /// From here on a secret may have begun that goes on in the next piece.
    pub open: usize,
}

struct Finder {
    table: Table,
    /// How much of a spelling has been read in a state.
    depths: HashMap<StateID, usize>,
    /// What spellings are made of: any other byte that an escape stands for is of no interest.
    alphabet: [bool; 256],
}

enum Table {
    Fast(Box<dfa::DFA>),
    Small(Box<contiguous::NFA>),
}

impl fmt::Debug for SecretSet {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretSet").field("count", &self.count).finish_non_exhaustive()
    }
}

impl SecretSet {
    pub fn of<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let mut spelled: BTreeSet<Vec<u8>> = BTreeSet::new();
        let mut count = 0;
        for secret in secrets {
            let spellings = spellings::of(secret.expose());
            count += usize::from(!spellings.is_empty());
            spelled.extend(spellings);
        }
        Self { finder: Finder::of(&spelled), count }
    }

    pub const fn is_empty(&self) -> bool {
        self.finder.is_none()
    }

    /// The text without them.
    pub fn cover<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let spans = self.look(text.as_bytes()).spans;
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut covered = String::with_capacity(text.len());
        let mut done = 0;
        for span in spans {
            // Spans begin and end where spellings do, which are ASCII or whole characters.
            let (start, end) = (text.floor_char_boundary(span.start), text.ceil_char_boundary(span.end));
            covered.push_str(text.get(done..start).unwrap_or_default());
            covered.push_str(COVER);
            done = end;
        }
        covered.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(covered)
    }

    /// Covers them in `text` where it stands.
    pub fn cover_in(&self, text: &mut String) {
        if let Cow::Owned(covered) = self.cover(text) {
            *text = covered;
        }
    }

    /// Covers them in every name and text of `value`.
    pub fn cover_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.cover_in(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.cover_json(item)),
            Value::Object(members) => {
                members.values_mut().for_each(|member| self.cover_json(member));
                if members.keys().any(|name| matches!(self.cover(name), Cow::Owned(_))) {
                    let named = std::mem::take(members);
                    *members = named
                        .into_iter()
                        .map(|(name, member)| (self.cover(&name).into_owned(), member))
                        .collect::<Map<_, _>>();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Where they stand in a piece, and from where on it says too little to tell.
    pub fn look(&self, piece: &[u8]) -> Sight {
        let Some(finder) = &self.finder else { return Sight { spans: Vec::new(), open: piece.len() } };
        let mut spans = Vec::new();
        let mut whole = unfinished(piece).unwrap_or(piece.len());
        let mut open = finder.read(piece, whole, &mut |span| spans.push(span));
        let mut layer: Option<Plain> = None;
        for _ in 0..LAYERS {
            let bytes = layer.as_ref().map_or(piece, Plain::bytes);
            if !escapes(bytes).any(|byte| finder.is_of_interest(byte)) {
                break;
            }
            let plain = layer.as_ref().map_or_else(|| Plain::read(piece), Plain::again);
            if let Some(at) = unfinished(plain.bytes()) {
                whole = whole.min(plain.start(at));
            }
            let from = finder.read(plain.bytes(), plain.at(whole), &mut |span| spans.push(plain.raw(&span)));
            open = open.min(plain.start(from));
            layer = Some(plain);
        }
        Sight { spans: joined(spans), open: open.min(whole) }
    }
}

/// In order, with those in one that touch.
fn joined(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_unstable_by_key(|span| span.start);
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

impl Finder {
    /// None when there is nothing to find.
    fn of(spelled: &BTreeSet<Vec<u8>>) -> Option<Self> {
        if spelled.is_empty() {
            return None;
        }
        let small = contiguous::NFA::builder().ascii_case_insensitive(true).build(spelled).ok()?;
        let fast = spelled.iter().map(Vec::len).sum::<usize>() <= FAST_BYTES;
        let fast = fast.then(|| {
            dfa::DFA::builder()
                .ascii_case_insensitive(true)
                .start_kind(StartKind::Unanchored)
                .build(spelled)
                .ok()
                .map(Box::new)
        });
        let table = fast.flatten().map_or_else(|| Table::Small(Box::new(small)), Table::Fast);
        let mut alphabet = [false; 256];
        for byte in spelled.iter().flatten() {
            for byte in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                if let Some(known) = alphabet.get_mut(usize::from(byte)) {
                    *known = true;
                }
            }
        }
        let depths = match &table {
            Table::Fast(table) => depths(&**table, spelled),
            Table::Small(table) => depths(&**table, spelled),
        };
        Some(Self { table, depths, alphabet })
    }

    /// Whether an escape that stands for `byte` may be a part of a spelling, or of another escape.
    fn is_of_interest(&self, byte: u8) -> bool {
        self.alphabet.get(usize::from(byte)).copied().unwrap_or(false) || matches!(byte, b'%' | b'&' | b'\\')
    }

    /// Tells every span, and from where on a spelling may go on behind `whole`, up to which the bytes are certain, or
    /// behind the end.
    fn read(&self, bytes: &[u8], whole: usize, found: &mut impl FnMut(Range<usize>)) -> usize {
        match &self.table {
            Table::Fast(table) => self.walk(&**table, bytes, whole, found),
            Table::Small(table) => self.walk(&**table, bytes, whole, found),
        }
    }

    fn walk<A: Automaton>(
        &self,
        table: &A,
        bytes: &[u8],
        whole: usize,
        found: &mut impl FnMut(Range<usize>),
    ) -> usize {
        let Ok(mut state) = table.start_state(Anchored::No) else { return bytes.len() };
        let depth = |state: StateID| self.depths.get(&state).copied().unwrap_or(0);
        let mut open = bytes.len();
        for (at, byte) in bytes.iter().enumerate() {
            if at == whole {
                open = at.saturating_sub(depth(state));
            }
            state = table.next_state(Anchored::No, state, *byte);
            if table.is_special(state) && table.is_match(state) {
                let end = at + 1;
                // The first is the longest; what else ends here lies within it.
                let length = table.pattern_len(table.match_pattern(state, 0));
                found(end.saturating_sub(length)..end);
            }
        }
        open.min(bytes.len().saturating_sub(depth(state)))
    }
}

/// How far into a spelling each state is.
fn depths<A: Automaton>(table: &A, spelled: &BTreeSet<Vec<u8>>) -> HashMap<StateID, usize> {
    let mut depths = HashMap::new();
    let Ok(start) = table.start_state(Anchored::No) else { return depths };
    for spelling in spelled {
        let mut state = start;
        for (at, byte) in spelling.iter().enumerate() {
            state = table.next_state(Anchored::No, state, *byte);
            depths.insert(state, at + 1);
        }
    }
    depths
}

#[cfg(test)]
mod tests;
