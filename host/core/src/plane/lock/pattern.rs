//! Globs over the paths of a workspace, and whether some path can match two of them. `*` and `?` stay within one name,
//! `**` stands for any number of names, every other symbol is itself: brackets and braces are letters of names. A path
//! without any of them names a file, or a folder with everything below it; a glob names what it matches and no more,
//! unless it ends with `/` or `/**`.

use std::fmt;

use crate::Fault;

/// Longest pattern.
const LENGTH_MAX: usize = 1_024;

/// A pattern in its normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
    /// Whether what it names may be a folder, so that it names everything below, too.
    folder: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `**`
    Any,
    /// One name, `*` and `?` in it.
    Name(Vec<char>),
}

impl Part {
    /// Whether it names one name and no other.
    fn is_literal(&self) -> bool {
        matches!(self, Self::Name(name) if !name.iter().any(|symbol| matches!(symbol, '*' | '?')))
    }

    /// Whether it may name a folder when nothing says so: it is one name, and has no ending as files have (`v1.2` has
    /// none, nor has `.github`).
    fn may_be_folder(&self) -> bool {
        let Self::Name(name) = self else { return true };
        let ending = name.iter().skip(1).rposition(|symbol| *symbol == '.').map(|dot| dot + 2);
        let ending = ending.and_then(|begin| name.get(begin..)).unwrap_or_default();
        let is_ending =
            ending.iter().all(char::is_ascii_alphanumeric) && ending.iter().any(char::is_ascii_alphabetic);
        self.is_literal() && !is_ending
    }
}

impl Pattern {
    /// Reads a pattern with `/` between names, relative to the workspace, whose directory is `root`; what lies in it
    /// may be written from the root of the file system, too. `.` and the empty text are everything.
    pub fn parse(text: &str, root: Option<&str>) -> Result<Self, Fault> {
        let refuse = |why: &str| {
            Fault::invalid(format!("`{}` {why}", text.chars().take(80).collect::<String>()))
                .code("invalid_path")
                .param("path")
                .hint("a path relative to the workspace such as `src/cart.rs`, `docs/` or `src/**/*.rs`")
        };
        if text.len() > LENGTH_MAX {
            return Err(refuse(&format!("is longer than {LENGTH_MAX} bytes")));
        }
        if text.chars().any(|symbol| symbol.is_control() || symbol == '\\') {
            return Err(refuse("has more than names, `/`, `*`, `**` and `?` in it"));
        }
        if text == "~" || text.starts_with("~/") {
            return Err(refuse("is not relative to the workspace"));
        }
        let mut parts: Vec<Part> = Vec::new();
        for name in text.split('/') {
            match name {
                "" | "." => {}
                ".." => match parts.pop() {
                    Some(Part::Name(_)) => {}
                    // A root has no parent; `**` has many.
                    Some(Part::Any) => return Err(refuse("goes up from a `**`, which is no one place")),
                    None if text.starts_with('/') => {}
                    None => return Err(refuse("leads out of the workspace")),
                },
                "**" if parts.last() == Some(&Part::Any) => {}
                "**" => parts.push(Part::Any),
                name if name.contains("**") => return Err(refuse("has `**` beside other letters")),
                name => parts.push(Part::Name(name.chars().collect())),
            }
        }
        if text.starts_with('/') {
            let below = root.and_then(|root| without_root(&parts, root));
            parts = below.ok_or_else(|| refuse("does not lie in the workspace"))?;
        }
        let told = text.ends_with('/') || text.ends_with("/.") || parts.last() == Some(&Part::Any);
        // Below what is named lies what is named with it.
        while parts.last() == Some(&Part::Any) {
            parts.pop();
        }
        let folder = told || parts.last().is_none_or(Part::may_be_folder);
        Ok(Self { parts, folder })
    }

    /// Whether some path can match both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let with_below = |pattern: &Self, other: &Self| {
            let mut parts = pattern.parts.clone();
            if pattern.folder || pattern.is_above(other) {
                parts.push(Part::Any);
            }
            parts
        };
        meet(
            &with_below(self, other),
            &with_below(other, self),
            |part| *part == Part::Any,
            |mine, theirs| match (mine, theirs) {
                (Part::Name(mine), Part::Name(theirs)) => meet(
                    mine,
                    theirs,
                    |symbol| *symbol == '*',
                    |mine, theirs| mine == theirs || *mine == '?' || *theirs == '?',
                ),
                (Part::Any, _) | (_, Part::Any) => true,
            },
        )
    }

    /// Whether `other` goes through the very place that this names, which is a folder then.
    fn is_above(&self, other: &Self) -> bool {
        other.parts.len() > self.parts.len()
            && other.parts.starts_with(&self.parts)
            && self.parts.iter().all(Part::is_literal)
    }
}

/// What of an absolute path lies below `root`; none when it lies elsewhere.
fn without_root(parts: &[Part], root: &str) -> Option<Vec<Part>> {
    let root = root.strip_prefix('/')?.split('/').filter(|name| !name.is_empty());
    let root: Vec<Part> = root.map(|name| Part::Name(name.chars().collect())).collect();
    parts.strip_prefix(root.as_slice()).map(<[Part]>::to_vec)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.parts.iter().enumerate() {
            if place > 0 {
                f.write_str("/")?;
            }
            match part {
                Part::Any => f.write_str("**")?,
                Part::Name(name) => name.iter().try_for_each(|symbol| write!(f, "{symbol}"))?,
            }
        }
        match self.parts.last() {
            None => f.write_str("**"),
            // What would be read as a file says that it is more.
            Some(last) if self.folder && !last.may_be_folder() => f.write_str("/**"),
            Some(_) => Ok(()),
        }
    }
}

/// Whether one sequence fits both patterns, where `wild` items stand for any number of items. Row by row over the
/// places of the two patterns, from their ends: `reach[i][j]` is whether what is left from there can meet.
fn meet<T>(mine: &[T], theirs: &[T], wild: impl Fn(&T) -> bool, fits: impl Fn(&T, &T) -> bool) -> bool {
    let width = theirs.len() + 1;
    let mut below = vec![false; width];
    for row in (0..=mine.len()).rev() {
        let mut here = vec![false; width];
        let mine_here = mine.get(row);
        for column in (0..width).rev() {
            let theirs_here = theirs.get(column);
            let at = |line: &[bool], column: usize| line.get(column).copied().unwrap_or(false);
            let reached = match (mine_here, theirs_here) {
                (None, None) => true,
                (Some(item), None) => wild(item) && at(&below, column),
                (None, Some(item)) => wild(item) && at(&here, column + 1),
                // A wild item ends here, or takes one more of the other's.
                (Some(a), Some(b)) if wild(a) || wild(b) => at(&below, column) || at(&here, column + 1),
                (Some(a), Some(b)) => fits(a, b) && at(&below, column + 1),
            };
            if let Some(place) = here.get_mut(column) {
                *place = reached;
            }
        }
        below = here;
    }
    below.first().copied().unwrap_or(false)
}
