//! Terms and how they are found: whole words, stems and phrases in scripts with spaces, any place in those
//! without.

use std::collections::BTreeMap;

use crate::label::Meaning;

/// The built-in terms, one file a language.
const FILES: [&str; 6] = [
    include_str!("../hints/en.txt"),
    include_str!("../hints/de.txt"),
    include_str!("../hints/ru.txt"),
    include_str!("../hints/es.txt"),
    include_str!("../hints/fr.txt"),
    include_str!("../hints/zh.txt"),
];

/// One term.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Term {
    pub(crate) meaning: Meaning,
    pub(crate) weight: f32,
    words: Vec<Piece>,
}

/// One word of a term.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    text: String,
    stem: bool,
}

/// A term in a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hit<'a> {
    pub(crate) meaning: Meaning,
    pub(crate) weight: f32,
    /// The word where it was found.
    pub(crate) evidence: &'a str,
}

/// All terms, by the first word of each.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    terms: Vec<Term>,
    by_first: Trie,
}

/// First words of terms, byte by byte: most words of a text leave it at their first or second byte, where a table of
/// whole words would have to be asked for every beginning of every word.
#[derive(Debug)]
struct Trie {
    /// Where each first byte leads; 0 is nowhere. Every word of every text asks here.
    first: [u16; 256],
    /// The one at 0 is empty.
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// By their bytes, ascending.
    next: Vec<(u8, u16)>,
    /// Terms whose first word ends here.
    terms: Vec<usize>,
}

impl Node {
    fn after(&self, byte: u8) -> Option<u16> {
        self.next.iter().find(|(known, _)| *known == byte).map(|(_, next)| *next)
    }
}

impl Default for Trie {
    fn default() -> Self {
        Self { first: [0; 256], nodes: vec![Node::default()] }
    }
}

impl Trie {
    fn insert(&mut self, word: &str, term: usize) {
        let mut at = 0;
        for (place, byte) in word.bytes().enumerate() {
            let known = match place {
                0 => self.first.get(usize::from(byte)).copied().filter(|next| *next != 0),
                _ => self.nodes.get(usize::from(at)).and_then(|node| node.after(byte)),
            };
            at = if let Some(next) = known {
                next
            } else {
                // No settings come near as many: their size is bounded far below.
                let Ok(fresh) = u16::try_from(self.nodes.len()) else { return };
                self.nodes.push(Node::default());
                if place == 0 {
                    if let Some(first) = self.first.get_mut(usize::from(byte)) {
                        *first = fresh;
                    }
                } else if let Some(node) = self.nodes.get_mut(usize::from(at)) {
                    node.next.push((byte, fresh));
                    node.next.sort_unstable();
                }
                fresh
            };
        }
        if let Some(node) = self.nodes.get_mut(usize::from(at)) {
            node.terms.push(term);
        }
    }

    /// The terms whose first word is a beginning of `text`, the shortest first, with how many bytes it has.
    fn beginnings(&self, text: &str) -> impl Iterator<Item = (usize, &[usize])> {
        let mut at = None;
        let walked = text.bytes().enumerate().map_while(move |(place, byte)| {
            let next = match at {
                None => self.first.get(usize::from(byte)).copied().filter(|next| *next != 0)?,
                Some(at) => self.nodes.get(usize::from(at))?.after(byte)?,
            };
            at = Some(next);
            Some((place + 1, self.nodes.get(usize::from(next))?.terms.as_slice()))
        });
        walked.filter(|(_, terms)| !terms.is_empty())
    }
}

impl Vocabulary {
    /// The built-in terms with these over them; or what is wrong with these.
    pub(crate) fn new(own: &BTreeMap<String, BTreeMap<String, f32>>) -> Result<Self, Vec<String>> {
        let mut weights: BTreeMap<(&str, String), f32> = BTreeMap::new();
        for line in FILES.iter().flat_map(|file| file.lines()).filter(|line| !line.starts_with('#')) {
            let mut fields = line.splitn(3, ' ');
            if let (Some(label), Some(weight), Some(term)) = (fields.next(), fields.next(), fields.next())
                && let Ok(weight) = weight.parse()
            {
                weights.insert((label, term.to_owned()), weight);
            }
        }
        let mut problems = Vec::new();
        for (label, terms) in own {
            if Meaning::named(label).is_none() {
                problems.push(format!("hints: `{label}` is no label"));
            }
            for (term, weight) in terms {
                if words(&term.to_lowercase()).next().is_none() {
                    problems.push(format!("hints.{label}: `{term}` holds no word"));
                }
                weights.insert((label, term.to_lowercase()), *weight);
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut vocabulary = Self { terms: Vec::new(), by_first: Trie::default() };
        for ((label, term), weight) in weights {
            if weight > 0.0
                && let Some(meaning) = Meaning::named(label)
            {
                vocabulary.insert(meaning, weight, &term);
            }
        }
        Ok(vocabulary)
    }

    fn insert(&mut self, meaning: Meaning, weight: f32, term: &str) {
        let mut pieces = Vec::new();
        for word in term.split_whitespace() {
            let stem = word.ends_with('*');
            pieces.extend(words(word).map(|text| Piece { text: text.to_owned(), stem: false }));
            if let Some(last) = pieces.last_mut().filter(|_| stem) {
                last.stem = true;
            }
        }
        if let Some(first) = pieces.first() {
            self.by_first.insert(&first.text, self.terms.len());
            self.terms.push(Term { meaning, weight, words: pieces });
        }
    }

    /// Every term of a lower-case text, once each, in the order of the text.
    pub(crate) fn find<'a>(&self, text: &'a str) -> Vec<Hit<'a>> {
        let mut seen = vec![false; self.terms.len()];
        let mut hits = Vec::new();
        let mut words = words(text);
        while let Some(word) = words.next() {
            let spaced = word.is_ascii() || !word.chars().next().is_some_and(is_ideogram);
            for from in starts(word, spaced) {
                for (length, terms) in self.by_first.beginnings(from) {
                    let whole = !spaced || length == from.len();
                    for index in terms {
                        let (Some(term), Some(seen)) = (self.terms.get(*index), seen.get_mut(*index)) else {
                            continue;
                        };
                        if !*seen && term.stands(whole, words.clone()) {
                            *seen = true;
                            hits.push(Hit { meaning: term.meaning, weight: term.weight, evidence: word });
                        }
                    }
                }
            }
        }
        hits
    }
}

impl Term {
    /// Whether the rest of the term is there too, its first word being found wholly or as a beginning.
    fn stands(&self, whole: bool, mut after: Words<'_>) -> bool {
        let Some((first, rest)) = self.words.split_first() else { return false };
        (whole || first.stem)
            && rest.iter().all(|piece| {
                after.next().is_some_and(|word| {
                    if piece.stem { word.starts_with(&piece.text) } else { piece.text == word }
                })
            })
    }
}

/// The words of a text: runs of letters, digits and underscores.
pub(crate) const fn words(text: &str) -> Words<'_> {
    Words { text, at: 0 }
}

/// See [`words`].
#[derive(Debug, Clone)]
pub(crate) struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl Words<'_> {
    /// Where the next character from `at` on stands that belongs to a word, or to none. Goes by bytes as long as they
    /// are ASCII: a prompt is read in full for each request.
    fn seek(&self, mut at: usize, of_word: bool) -> usize {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(at) {
            if byte.is_ascii() {
                if (byte.is_ascii_alphanumeric() || *byte == b'_') == of_word {
                    break;
                }
                at += 1;
            } else {
                let Some(it) = self.text.get(at..).and_then(|rest| rest.chars().next()) else { break };
                if it.is_alphanumeric() == of_word {
                    break;
                }
                at += it.len_utf8();
            }
        }
        at
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let from = self.seek(self.at, true);
        self.at = self.seek(from, false);
        self.text.get(from..self.at).filter(|word| !word.is_empty())
    }
}

/// Where a term may begin in this word: at its beginning, or at any place where words are not spaced.
fn starts(word: &str, spaced: bool) -> impl Iterator<Item = &str> {
    let places = word.char_indices().take(if spaced { 1 } else { usize::MAX });
    places.filter_map(|(at, _)| word.get(at..))
}

/// Han, kana and the like: written without spaces.
const fn is_ideogram(it: char) -> bool {
    matches!(it, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::words;

    /// Every text of up to five of these characters falls into the words that a split by character gives.
    #[test]
    fn words_are_the_runs_between_what_belongs_to_none() {
        const ALPHABET: [char; 7] = ['a', '_', '7', ' ', 'é', '修', '·'];
        let mut texts = vec![String::new()];
        for _ in 0..5 {
            let longer = texts.iter().flat_map(|text| ALPHABET.map(|it| format!("{text}{it}")));
            texts = texts.iter().cloned().chain(longer).collect();
            texts.sort_unstable();
            texts.dedup();
        }
        for text in &texts {
            let split = text.split(|it: char| !(it.is_alphanumeric() || it == '_'));
            let split: Vec<&str> = split.filter(|word| !word.is_empty()).collect();
            assert_eq!(words(text).collect::<Vec<_>>(), split, "{text:?}");
        }
    }
}
