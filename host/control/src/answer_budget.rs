//! How large an answer may be. Agents read answers with a window that is not ours, and some clients refuse what is too
//! long: what lists something ends after so many bytes, with whole rows, and says where to go on.
//!
//! A list that has pages cuts them itself ([`AnswerBudget::cut`]). What lists everything at once, or several things, is
//! cut here when it is too long: the former gets pages by the count of rows, the latter says how many were left off.

use brains_core::Fault;
use brains_core::caller::CallSurface;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::input::lenient;
use crate::input::page::bad_cursor;

/// The member by which a call says how long the answer may be.
pub(crate) const MAX_BYTES: &str = "max_bytes";
/// Where a list goes on, in an answer and in the next call.
const NEXT: &str = "next_cursor";
const CURSOR: &str = "cursor";
/// How many rows of which member an answer was too long for.
const LEFT_OFF: &str = "left_off";

const DEFAULT_BYTES: usize = 16_000;
const LEAST_BYTES: usize = 1_000;
pub(crate) const MOST_BYTES: usize = 256 << 10;
/// What an answer holds beside its rows.
const FRAME_BYTES: usize = 400;

/// The lists in an operation's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum AnswerLists {
    /// None, or it is for people, who ask for as much as they want to see.
    #[default]
    Unbounded,
    /// The operation cuts its list itself.
    Paged,
    /// Everything at once, in this member.
    Whole(&'static str),
    /// Several, or one beside other things.
    Several,
}

impl AnswerLists {
    /// What the schema of an answer says. `rows` is the member that a table of it shows, if it is a list.
    pub(crate) fn of(output: &Value, rows: Option<&'static str>) -> Self {
        let members = || output.get("properties").and_then(Value::as_object).into_iter().flatten();
        let is_list = |schema: &Value| match schema.get("type") {
            Some(Value::String(kind)) => kind == "array",
            Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "array"),
            _ => false,
        };
        let has = |name: &str| members().any(|(member, _)| member == name);
        let lists = members().filter(|(_, schema)| is_list(schema)).count();
        match (lists, rows) {
            (0, _) => Self::Unbounded,
            _ if has(NEXT) || has("after") => Self::Paged,
            (1, Some(rows)) if members().any(|(name, schema)| name == rows && is_list(schema)) => {
                Self::Whole(rows)
            }
            _ => Self::Several,
        }
    }

    /// What a call may say of it.
    pub(crate) fn input_members(self) -> Map<String, Value> {
        let mut members = Map::new();
        if self == Self::Unbounded {
            return members;
        }
        if matches!(self, Self::Whole(_)) {
            members.insert(
                CURSOR.into(),
                json!({ "type": "string", "description": "Where the page before ended: its `next_cursor`." }),
            );
        }
        members.insert(
            MAX_BYTES.into(),
            json!({
                "type": "integer",
                "minimum": LEAST_BYTES,
                "maximum": MOST_BYTES,
                "description": "Longest answer; 16 KB when left out.",
            }),
        );
        members
    }

    /// What an answer tells because of it.
    pub(crate) fn answer_members(self) -> Map<String, Value> {
        let (name, schema) = match self {
            Self::Unbounded | Self::Paged => return Map::new(),
            Self::Whole(_) => (
                NEXT,
                json!({
                    "type": ["string", "null"],
                    "description": "Give it as `cursor` for the next page; none on the last.",
                }),
            ),
            Self::Several => (
                LEFT_OFF,
                json!({
                    "type": "object",
                    "additionalProperties": { "type": "integer" },
                    "description": "How many rows of which list the answer had no room for.",
                }),
            ),
        };
        Map::from_iter([(name.to_owned(), schema)])
    }

    /// Takes what is said of it out of an input.
    pub(crate) fn open(
        self,
        input: &mut Map<String, Value>,
        surface: CallSurface,
    ) -> Result<AnswerBudget, Fault> {
        let mut budget = AnswerBudget { bytes: MOST_BYTES, begin: 0 };
        if self == Self::Unbounded {
            return Ok(budget);
        }
        budget.bytes = match input.remove(MAX_BYTES) {
            // Who reads at a terminal scrolls.
            None | Some(Value::Null) if surface == CallSurface::Cli => MOST_BYTES,
            None | Some(Value::Null) => DEFAULT_BYTES,
            Some(asked) => {
                let point =
                    || asked.as_number().and_then(lenient::whole).and_then(|bytes| bytes.try_into().ok());
                let bytes = asked.as_u64().or_else(point).and_then(|bytes| usize::try_from(bytes).ok());
                bytes.filter(|bytes| (LEAST_BYTES..=MOST_BYTES).contains(bytes)).ok_or_else(|| {
                    Fault::invalid(format!("`{MAX_BYTES}` must be between {LEAST_BYTES} and {MOST_BYTES}"))
                        .param(MAX_BYTES)
                })?
            }
        };
        if matches!(self, Self::Whole(_)) {
            budget.begin = match input.remove(CURSOR) {
                None | Some(Value::Null) => 0,
                Some(Value::String(cursor)) if cursor.is_empty() => 0,
                Some(Value::String(cursor)) => cursor.parse().map_err(|_| bad_cursor())?,
                Some(_) => return Err(bad_cursor()),
            };
        }
        Ok(budget)
    }

    /// Cuts an answer that the operation did not cut.
    pub(crate) fn bound(self, answer: &mut Value, budget: AnswerBudget) {
        let Some(members) = answer.as_object_mut() else { return };
        match self {
            Self::Unbounded | Self::Paged => {}
            Self::Whole(rows) => {
                let Some(Value::Array(rows)) = members.get_mut(rows) else { return };
                rows.drain(..budget.begin.min(rows.len()));
                let fitting = budget.fitting(rows);
                let more = (fitting < rows.len()).then(|| (budget.begin + fitting).to_string());
                rows.truncate(fitting);
                members.insert(NEXT.into(), more.into());
            }
            Self::Several => {
                let left_off = budget.shorten(members);
                if !left_off.is_empty() {
                    members.insert(LEFT_OFF.into(), left_off.into());
                }
            }
        }
    }
}

/// How many bytes of rows an answer has room for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerBudget {
    bytes: usize,
    /// How many rows were told before.
    begin: usize,
}

impl AnswerBudget {
    /// For what nobody asked for from outside.
    pub(crate) const MOST: Self = Self { bytes: MOST_BYTES, begin: 0 };

    /// Cuts a page to `limit` rows and to what there is room for, the first row at least. One row more than `limit` was
    /// read to see whether there is more; the cursor names the last row that stays.
    pub(crate) fn cut<T: Serialize>(
        self,
        rows: &mut Vec<T>,
        limit: u32,
        name: impl Fn(&T) -> String,
    ) -> Option<String> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let kept = self.fitting(rows).min(limit);
        if rows.len() <= kept {
            return None;
        }
        rows.truncate(kept);
        rows.last().map(name)
    }

    /// One of so many equal parts of it.
    pub(crate) fn part(self, of: usize) -> Self {
        Self { bytes: self.bytes / of.max(1), ..self }
    }

    /// What is left of it beside these rows.
    pub(crate) fn without<T: Serialize>(self, rows: &[T]) -> Self {
        Self { bytes: self.bytes.saturating_sub(size(&rows)), ..self }
    }

    /// How many of these rows there is room for, the first at least.
    pub(crate) fn fitting<T: Serialize>(self, rows: &[T]) -> usize {
        let mut room = self.bytes.saturating_sub(FRAME_BYTES);
        let fits = |row: &&T| {
            let size = size(row) + 1;
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        };
        rows.iter().take_while(fits).count().max(usize::from(!rows.is_empty()))
    }

    /// Takes rows off the ends of the longest lists until there is room, and tells how many of which.
    fn shorten(self, members: &mut Map<String, Value>) -> Map<String, Value> {
        let mut over = (size(members) + FRAME_BYTES).saturating_sub(self.bytes);
        let mut left_off: Map<String, Value> = Map::new();
        let mut lists: Vec<(String, usize)> = members
            .iter()
            .filter(|(_, value)| value.as_array().is_some_and(|rows| !rows.is_empty()))
            .map(|(name, value)| (name.clone(), size(value)))
            .collect();
        while over > 0 {
            let Some((name, bytes)) =
                lists.iter_mut().max_by_key(|(_, bytes)| *bytes).filter(|(_, bytes)| *bytes > 2)
            else {
                break;
            };
            let Some(last) = members.get_mut(name).and_then(Value::as_array_mut).and_then(Vec::pop) else {
                break;
            };
            let freed = size(&last) + 1;
            *bytes = bytes.saturating_sub(freed);
            over = over.saturating_sub(freed);
            let count = left_off.get(name).and_then(Value::as_u64).unwrap_or(0) + 1;
            left_off.insert(name.clone(), count.into());
        }
        left_off
    }
}

/// Bytes of a value as JSON.
fn size(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => usize::MAX / 2,
    }
}

#[cfg(test)]
mod tests;
