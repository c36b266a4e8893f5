//! Modules of a room point one way. A module is a file; it knows the files that its code names in a path that begins with
//! `crate`, `super`, `self` or one of its own children. Declaring a child is no knowledge, and a `pub use` is a signpost:
//! whoever follows it knows the file that it points to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{files, read, root};

/// The segments of a module's path; none for `lib.rs`.
type Module = Vec<String>;

/// Circles that stand: the room, its modules, and why they are one thing.
const ALLOWED: &[(&str, &[&str], &str)] = &[];

/// Rooms whose modules point one way.
const ROOMS: [&str; 2] = ["store", "control"];

#[test]
fn modules_of_a_room_point_one_way() {
    let mut found = Vec::new();
    for room in ROOMS {
        let graph = Graph::of(&root().join("host").join(room).join("src"));
        assert!(graph.edges.len() > 10, "host/{room}: {} modules know others", graph.edges.len());
        for circle in graph.circles() {
            let names: Vec<String> = circle.iter().map(|module| name(module)).collect();
            let stands = |(place, modules, _): &(&str, &[&str], &str)| *place == room && *modules == names;
            if !ALLOWED.iter().any(stands) {
                found.push(format!("host/{room}: {}\n{}", names.join(", "), graph.inside(&circle)));
            }
        }
    }
    assert!(found.is_empty(), "modules that know each other in a circle:\n{}", found.join("\n"));
}

#[test]
fn a_circle_is_seen_through_re_exports_groups_and_macros() {
    let graph = Graph::read(&[
        ("lib", "mod a; mod b; mod c; pub use a::A; #[cfg(test)] mod tests { use crate::c::C; }"),
        ("a", "mod inner; pub use inner::Inner; use crate::b::{self, B as Other}; // crate::c::C"),
        ("a::inner", "pub struct Inner; macro_rules! m { () => { $crate::c::C } }"),
        ("b", "fn f() -> super::A { \"crate::c\"; todo!() }"),
        ("c", "use crate::{a::Inner, b as _};"),
    ]);
    let circles: Vec<Vec<String>> =
        graph.circles().iter().map(|circle| circle.iter().map(|module| name(module)).collect()).collect();
    assert_eq!(circles, [["a", "b"], ["a::inner", "c"]]);
}

fn name(module: &[String]) -> String {
    if module.is_empty() { "lib".to_owned() } else { module.join("::") }
}

#[derive(Debug, Default)]
struct Graph {
    /// Who knows whom.
    edges: BTreeMap<Module, BTreeSet<Module>>,
}

impl Graph {
    fn of(folder: &Path) -> Self {
        let sources: Vec<(String, String)> = files(folder, &[".rs"])
            .iter()
            .map(|path| {
                let below = path.strip_prefix(folder).expect("below").with_extension("");
                (below.to_string_lossy().replace('/', "::"), read(path))
            })
            .filter(|(name, _)| name.split("::").all(|part| part != "tests" && part != "testing"))
            .collect();
        let sources: Vec<(&str, &str)> =
            sources.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Self::read(&sources)
    }

    fn read(sources: &[(&str, &str)]) -> Self {
        let module = |name: &str| -> Module {
            if name == "lib" { Module::new() } else { name.split("::").map(str::to_owned).collect() }
        };
        let modules: BTreeSet<Module> = sources.iter().map(|(name, _)| module(name)).collect();
        let (mut named, mut signposts) = (Vec::new(), BTreeMap::new());
        for (file, text) in sources {
            let file = module(file);
            for path in paths(&file, &tokens(text)) {
                if let Some(item) = path.to.last().filter(|_| path.re_exported) {
                    let shown = path.alias.as_ref().unwrap_or(item).clone();
                    signposts.insert([file.as_slice(), &[shown]].concat(), path.to);
                } else {
                    named.push((file.clone(), path.to));
                }
            }
        }
        let mut graph = Self::default();
        for (from, path) in named {
            let to = follow(path, &modules, &signposts);
            if to != from {
                graph.edges.entry(from).or_default().insert(to);
            }
        }
        graph
    }

    /// Modules that reach each other, by name.
    fn circles(&self) -> Vec<Vec<Module>> {
        let reach: BTreeMap<&Module, BTreeSet<&Module>> =
            self.edges.keys().map(|module| (module, self.reached_from(module))).collect();
        let mut circles: Vec<Vec<Module>> = Vec::new();
        for (module, reached) in &reach {
            if !reached.contains(*module) || circles.iter().any(|circle| circle.contains(module)) {
                continue;
            }
            let back = |other: &&&Module| reach.get(**other).is_some_and(|theirs| theirs.contains(*module));
            circles.push(reached.iter().filter(back).map(|other| (*other).clone()).collect());
        }
        circles
    }

    fn reached_from<'g>(&'g self, module: &Module) -> BTreeSet<&'g Module> {
        let (mut reached, mut next) = (BTreeSet::new(), vec![module]);
        while let Some(module) = next.pop() {
            for other in self.edges.get(module).into_iter().flatten() {
                if reached.insert(other) {
                    next.push(other);
                }
            }
        }
        reached
    }

    /// The edges of a circle, for whoever has to open it.
    fn inside(&self, circle: &[Module]) -> String {
        let lines = circle.iter().map(|module| {
            let known = self.edges.get(module).into_iter().flatten().filter(|other| circle.contains(other));
            let known: Vec<String> = known.map(|other| name(other)).collect();
            format!("    {} knows {}", name(module), known.join(", "))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The file that a path leads to.
fn follow(mut path: Module, modules: &BTreeSet<Module>, signposts: &BTreeMap<Module, Module>) -> Module {
    // A signpost may point to another one.
    for _ in 0..8 {
        let posts = (1..=path.len()).rev().map(|length| path.split_at(length));
        let mut posts = posts.filter(|(head, _)| !modules.contains(*head));
        let Some(next) = posts.find_map(|(head, rest)| Some([signposts.get(head)?, rest].concat())) else {
            break;
        };
        path = next;
    }
    while !modules.contains(&path) {
        path.pop();
    }
    path
}

/// A path that a file names.
#[derive(Debug)]
struct Named {
    to: Module,
    /// What it is called here, when that is something else.
    alias: Option<String>,
    re_exported: bool,
}

/// Every path of this crate in a file's code.
fn paths(file: &[String], tokens: &[String]) -> Vec<Named> {
    let children: BTreeSet<&str> = tokens
        .windows(3)
        .filter(|three| three[0] == "mod" && three[2] == ";")
        .map(|three| three[1].as_str())
        .collect();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let before = |steps: usize| at.checked_sub(steps).map_or("", |at| tokens[at].as_str());
        if tokens.get(at + 1).is_none_or(|next| next != "::") || before(1) == "::" {
            continue;
        }
        let mut prefix = match token.as_str() {
            "crate" => Module::new(),
            "super" => file[..file.len().saturating_sub(1)].to_vec(),
            "self" => file.to_vec(),
            child if children.contains(child) && before(1) != "." => [file, &[child.to_owned()]].concat(),
            _ => continue,
        };
        let mut next = at + 2;
        while tokens.get(next).is_some_and(|token| token == "super") {
            prefix.pop();
            next += 2;
        }
        let re_exported = before(1) == "use" && matches!(before(2), "pub" | ")");
        let mut branches = Vec::new();
        branch(tokens, next, prefix, &mut branches);
        found.extend(branches.into_iter().map(|(to, alias)| Named { to, alias, re_exported }));
    }
    found
}

/// Reads one branch of a path that goes on at `at`; tells where it ends.
fn branch(
    tokens: &[String],
    mut at: usize,
    mut prefix: Module,
    found: &mut Vec<(Module, Option<String>)>,
) -> usize {
    loop {
        let Some(token) = tokens.get(at) else { return at };
        if token == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|token| token != "}") {
                at = if tokens[at] == "," { at + 1 } else { branch(tokens, at, prefix.clone(), found) };
            }
            return at + 1;
        }
        if token != "self" && token != "*" {
            prefix.push(token.clone());
        }
        if tokens.get(at + 1).is_some_and(|next| next == "::") {
            at += 2;
            continue;
        }
        let is_renamed = tokens.get(at + 1).is_some_and(|next| next == "as");
        found.push((prefix, tokens.get(at + 2).filter(|_| is_renamed).cloned()));
        return if is_renamed { at + 3 } else { at + 1 };
    }
}

/// Names, `::` and single characters of the code that runs: no comments, no strings, nothing that is for tests only.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '"' {
            string_length(rest)
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if first == '\'' {
            char_length(rest)
        } else {
            let word = rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
            let length = if rest.starts_with("::") { 2 } else { word.max(first.len_utf8()) };
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    without_tests(&tokens)
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    text.len()
}

/// A character in quotes, or the quote of a lifetime.
fn char_length(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some(_)) => characters.find(|(_, next)| *next == '\'').map_or(1, |(at, _)| at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// Leaves out each item behind `#[cfg(test)]`.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let (mut kept, mut at) = (Vec::with_capacity(tokens.len()), 0);
    while at < tokens.len() {
        if !tokens[at..].starts_with(&["#", "[", "cfg", "(", "test", ")", "]"].map(str::to_owned)) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut depth = 0_u32;
        for token in &tokens[at..] {
            at += 1;
            match token.as_str() {
                "{" => depth += 1,
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => {}
            }
        }
    }
    kept
}
