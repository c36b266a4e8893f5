//! Globs over the paths of a workspace, and whether two of them can meet. `*` and `?` stay within one name, `**`
//! stands for any number of them, and whatever a pattern names it names with everything below it.

use std::fmt;

use crate::Fault;

/// Longest pattern.
const LENGTH_MAX: usize = 1_024;

/// A pattern in its normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `**`
    Any,
    /// One name, `*` and `?` in it.
    Name(Vec<char>),
}

impl Pattern {
    /// Reads a pattern: relative to the workspace, with `/` between names. `.` and the empty text are everything.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let refuse = |why: &str| {
            Fault::invalid(format!("`{}` {why}", text.chars().take(80).collect::<String>()))
                .code("invalid_path")
                .param("path")
                .hint("a path relative to the workspace such as `src/cart.rs`, `docs/` or `src/**/*.rs`")
        };
        if text.len() > LENGTH_MAX {
            return Err(refuse(&format!("is longer than {LENGTH_MAX} bytes")));
        }
        if text.starts_with('/') || text.starts_with('~') {
            return Err(refuse("is not relative to the workspace"));
        }
        if text.chars().any(|symbol| symbol.is_control() || matches!(symbol, '\\' | '[' | ']' | '{' | '}')) {
            return Err(refuse("has more than names, `/`, `*`, `**` and `?` in it"));
        }
        let mut parts: Vec<Part> = Vec::new();
        for name in text.split('/') {
            match name {
                "" | "." => {}
                ".." => return Err(refuse("leads out of the workspace")),
                "**" if parts.last() == Some(&Part::Any) => {}
                "**" => parts.push(Part::Any),
                name if name.contains("**") => return Err(refuse("has `**` beside other letters")),
                name => parts.push(Part::Name(name.chars().collect())),
            }
        }
        // Below what is named lies what is named with it.
        while parts.last() == Some(&Part::Any) {
            parts.pop();
        }
        Ok(Self { parts })
    }

    /// Whether a path can lie in both, or below what both name.
    pub fn overlaps(&self, other: &Self) -> bool {
        let with_below = |pattern: &Self| {
            let mut parts = pattern.parts.clone();
            parts.push(Part::Any);
            parts
        };
        meet(
            &with_below(self),
            &with_below(other),
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
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parts.is_empty() {
            return f.write_str("**");
        }
        for (place, part) in self.parts.iter().enumerate() {
            if place > 0 {
                f.write_str("/")?;
            }
            match part {
                Part::Any => f.write_str("**")?,
                Part::Name(name) => name.iter().try_for_each(|symbol| write!(f, "{symbol}"))?,
            }
        }
        Ok(())
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
