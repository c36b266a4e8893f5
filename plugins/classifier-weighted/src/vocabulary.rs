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

/// First words of terms, byte by byte: most words of a text leave it at their second or third byte, where a table of
/// whole words would have to be asked for every beginning of every word.
#[derive(Debug)]
struct Trie {
    /// The first is the root.
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// By their bytes, ascending.
    next: Vec<(u8, usize)>,
    /// Terms whose first word ends here.
    terms: Vec<usize>,
}

impl Default for Trie {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl Trie {
    fn insert(&mut self, word: &str, term: usize) {
        let mut at = 0;
        for byte in word.bytes() {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            at = match node.next.binary_search_by_key(&byte, |(byte, _)| *byte) {
                Ok(found) => node.next.get(found).map_or(0, |(_, next)| *next),
                Err(place) => {
                    node.next.insert(place, (byte, fresh));
                    self.nodes.push(Node::default());
                    fresh
                }
            };
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.terms.push(term);
        }
    }

    /// The terms whose first word is a beginning of `text`, the shortest first, with how many bytes it has.
    fn beginnings(&self, text: &str) -> impl Iterator<Item = (usize, &[usize])> {
        let mut node = self.nodes.first();
        let walked = text.bytes().enumerate().map_while(move |(at, byte)| {
            let here = node?;
            let found = here.next.binary_search_by_key(&byte, |(byte, _)| *byte).ok()?;
            node = here.next.get(found).and_then(|(_, next)| self.nodes.get(*next));
            Some((at + 1, node?.terms.as_slice()))
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
        let words: Vec<&str> = words(text).collect();
        let mut seen = vec![false; self.terms.len()];
        let mut hits = Vec::new();
        let mut rest = words.as_slice();
        while let Some((word, after)) = rest.split_first() {
            rest = after;
            let spaced = !word.chars().next().is_some_and(is_ideogram);
            for from in starts(word, spaced) {
                for (length, terms) in self.by_first.beginnings(from) {
                    let whole = !spaced || length == from.len();
                    for index in terms {
                        let (Some(term), Some(seen)) = (self.terms.get(*index), seen.get_mut(*index)) else {
                            continue;
                        };
                        if !*seen && term.stands(whole, after) {
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
    fn stands(&self, whole: bool, after: &[&str]) -> bool {
        let Some((first, rest)) = self.words.split_first() else { return false };
        (whole || first.stem)
            && rest.len() <= after.len()
            && rest.iter().zip(after).all(|(piece, word)| {
                if piece.stem { word.starts_with(&piece.text) } else { piece.text == *word }
            })
    }
}

/// The words of a text: runs of letters, digits and underscores.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|it: char| !(it.is_alphanumeric() || it == '_')).filter(|word| !word.is_empty())
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
