//! The events of a stream, each by its name and with its number. JSON that came from elsewhere may be spread over lines, which
//! would end an event's data.

use std::fmt::Write as _;

use crate::json::quote;

/// Counts the events of one answer.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sequence {
    next: u64,
    /// Nobody reads the events: only the response at their end is wanted.
    unread: bool,
}

/// Where an event belongs.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventPlace<'a> {
    pub(super) item: &'a str,
    pub(super) output: usize,
    /// The member that counts the parts of its item, and which one; calls have none.
    pub(super) part: Option<(&'static str, usize)>,
}

impl Sequence {
    /// Goes on behind the events of another.
    pub(super) const fn from(next: u64) -> Self {
        Self { next, unread: false }
    }

    /// Of an answer that is told whole.
    pub(super) const fn unread() -> Self {
        Self { next: 0, unread: true }
    }

    pub(super) const fn is_unread(self) -> bool {
        self.unread
    }

    /// One event; the values are JSON.
    pub(super) fn event(&mut self, kind: &str, members: &[(&str, &str)], out: &mut String) {
        if self.unread {
            return;
        }
        for piece in ["event: ", kind, "\ndata: {\"type\":\"", kind, "\",\"sequence_number\":"] {
            out.push_str(piece);
        }
        let _written = write!(out, "{}", self.next);
        self.next += 1;
        for (name, value) in members {
            for piece in [",\"", name, "\":"] {
                out.push_str(piece);
            }
            if memchr::memchr2(b'\n', b'\r', value.as_bytes()).is_some() {
                out.push_str(&value.replace(['\n', '\r'], " "));
            } else {
                out.push_str(value);
            }
        }
        out.push_str("}\n\n");
    }

    /// An item begins or ends.
    pub(super) fn item(&mut self, kind: &str, output: usize, item: &str, out: &mut String) {
        self.event(kind, &[("output_index", &output.to_string()), ("item", item)], out);
    }

    /// Something about a part of an item.
    pub(super) fn part(
        &mut self,
        kind: &str,
        place: EventPlace<'_>,
        members: &[(&str, &str)],
        out: &mut String,
    ) {
        if self.unread {
            return;
        }
        let (item, output) = (quote(place.item), place.output.to_string());
        let number = place.part.map(|(_, number)| number.to_string()).unwrap_or_default();
        let mut all = vec![("item_id", item.as_str()), ("output_index", output.as_str())];
        if let Some((name, _)) = place.part {
            all.push((name, number.as_str()));
        }
        all.extend_from_slice(members);
        self.event(kind, &all, out);
    }
}
