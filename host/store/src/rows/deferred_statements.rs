//! Statements whose outcome nobody looks at wait on Postgres and go there together, as one statement of several parts:
//! one round trip for all of them. Whatever is asked next goes behind them, so a write meets its own rows as if each had
//! been sent at once; and a refusal costs the write wherever it shows. On SQLite, where nothing travels, they run at once.

use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, AssertSqlSafe};

/// Statements that wait together at most, so that there are few texts to prepare.
const MOST: usize = 12;

#[derive(Default)]
pub(crate) struct DeferredStatements {
    /// Each with the number of values that stand before its own.
    texts: Vec<(&'static str, usize)>,
    values: PgArguments,
}

impl DeferredStatements {
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Whether `text` may wait beside what waits. The parts of one statement do not see what the others did to a row,
    /// so of those that change rows no two of a kind stand together.
    pub(crate) fn takes(&self, text: &'static str) -> bool {
        self.texts.len() < MOST && (only_adds(text) || self.texts.iter().all(|(other, _)| *other != text))
    }

    pub(crate) fn add(&mut self, text: &'static str) -> &mut PgArguments {
        self.texts.push((text, self.values.len()));
        &mut self.values
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What waits, as one text with its values.
    pub(crate) fn take(&mut self) -> (AssertSqlSafe<String>, PgArguments) {
        let Self { texts, values } = std::mem::take(self);
        // Made of constants of this program and of numbers.
        (AssertSqlSafe(parts(&texts)), values)
    }
}

fn only_adds(text: &str) -> bool {
    text.trim_start().starts_with("INSERT") && !text.contains("DO UPDATE")
}

fn parts(texts: &[(&str, usize)]) -> String {
    let mut whole = String::new();
    let Some(((text, before), others)) = texts.split_last() else { return whole };
    for (at, (text, before)) in others.iter().enumerate() {
        whole.push_str(if at == 0 { "WITH " } else { ", " });
        whole.extend(["part_", &at.to_string(), " AS ("]);
        push(&mut whole, text, *before);
        whole.push_str(") ");
    }
    push(&mut whole, text, *before);
    whole
}

/// Adds a statement whose values stand behind `before` others.
fn push(whole: &mut String, text: &str, before: usize) {
    let mut pieces = text.split('$');
    whole.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = piece.split_at(digits);
        let number: usize = number.parse().unwrap_or(0);
        whole.extend(["$", &(number + before).to_string(), rest]);
    }
}

#[cfg(test)]
mod tests {
    use super::DeferredStatements;
    use sqlx::SqlSafeStr as _;

    const TEXTS: [&str; 3] = [
        "INSERT INTO a (x, y) VALUES ($1, $2)",
        "UPDATE b SET x = $2 WHERE y = $1",
        "INSERT INTO c (x) VALUES ($1) ON CONFLICT (x) DO UPDATE SET n = n + 1",
    ];

    fn waiting() -> DeferredStatements {
        let mut deferred = DeferredStatements::default();
        for text in &TEXTS[..2] {
            let values = deferred.add(text);
            for value in 0..2_i64 {
                sqlx::Arguments::add(values, value).unwrap();
            }
        }
        deferred
    }

    #[test]
    fn places_are_numbered_on() {
        let text = waiting().take().0.into_sql_str().as_str().to_owned();
        assert_eq!(
            text,
            "WITH part_0 AS (INSERT INTO a (x, y) VALUES ($1, $2)) UPDATE b SET x = $4 WHERE y = $3"
        );
    }

    #[test]
    fn two_that_change_rows_do_not_wait_together() {
        let [add, change, count] = TEXTS;
        let mut deferred = waiting();
        assert!(deferred.takes(add) && deferred.takes(count) && !deferred.takes(change));
        deferred.add(count);
        assert!(!deferred.takes(count) && deferred.takes(add));
        deferred.clear();
        assert!(deferred.is_empty() && deferred.takes(change));
    }
}
