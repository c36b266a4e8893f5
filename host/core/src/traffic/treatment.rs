//! What each kind of failure of a candidate leads to: one table, which the walk along the candidates, the circuit breaker,
//! the answer to the client and the guide are read from.

use std::fmt::Write as _;

use crate::{Fault, FaultKind, Origin};

/// Whether the same candidate is worth another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It passes with time.
    Yes,
    /// It costs as long as the longest silence: only when nobody else is left.
    WhenAlone,
    /// It stays as it is at this candidate.
    No,
}

/// Whether another candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    Yes,
    /// One whose window is known to be larger.
    Larger,
    /// It is a matter of the request: it would fail the same way everywhere.
    No,
}

/// How one kind of failure is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Treatment {
    pub kind: FaultKind,
    pub again: Again,
    pub elsewhere: Elsewhere,
    /// Whether it says something about the model that the next caller would meet too: a breaker counts it.
    pub blames: bool,
    /// Statuses of the upstream that mean something to clients: they are passed on.
    pub keeps: &'static [u16],
    /// What people call it.
    failure: &'static str,
}

const fn row(
    kind: FaultKind,
    again: Again,
    elsewhere: Elsewhere,
    blames: bool,
    keeps: &'static [u16],
    failure: &'static str,
) -> Treatment {
    Treatment { kind, again, elsewhere, blames, keeps, failure }
}

use FaultKind as Kind;

const TABLE: [Treatment; 15] = [
    row(
        Kind::Upstream,
        Again::Yes,
        Elsewhere::Yes,
        true,
        &[],
        "5xx, 409, 421, 423, 424, 425, 499, a reset, an answer that is none",
    ),
    row(Kind::Unavailable, Again::Yes, Elsewhere::Yes, true, &[], "498, 503, 529, overloaded, still loading"),
    row(Kind::RateLimited, Again::Yes, Elsewhere::Yes, true, &[], "429"),
    row(
        Kind::Timeout,
        Again::WhenAlone,
        Elsewhere::Yes,
        true,
        &[],
        "silence before the first part, 408, 504, 522, 524, 598, 599",
    ),
    row(Kind::UpstreamAuth, Again::No, Elsewhere::Yes, true, &[], "401, 403, 407, a key that is none"),
    row(
        Kind::Quota,
        Again::No,
        Elsewhere::Yes,
        false,
        &[],
        "what was paid for is used up (`insufficient_quota` and the like)",
    ),
    row(Kind::Billing, Again::No, Elsewhere::Yes, false, &[], "402, no credit, an account that is overdue"),
    row(Kind::Moderated, Again::No, Elsewhere::Yes, false, &[], "403 by the moderation in front of a model"),
    row(Kind::Region, Again::No, Elsewhere::Yes, false, &[451], "the upstream does not serve this place"),
    row(Kind::NotFound, Again::No, Elsewhere::Yes, false, &[], "404, 405, 410, no such model"),
    row(Kind::TooLarge, Again::No, Elsewhere::Yes, false, &[], "413"),
    row(
        Kind::Unsupported,
        Again::No,
        Elsewhere::Yes,
        false,
        &[],
        "the model cannot do what was asked, as far as that is told",
    ),
    row(Kind::Plugin, Again::No, Elsewhere::Yes, true, &[], "a component traps or exceeds its limits"),
    row(
        Kind::ContextTooLong,
        Again::No,
        Elsewhere::Larger,
        false,
        &[413],
        "the conversation is too long, in whichever words",
    ),
    row(Kind::Invalid, Again::No, Elsewhere::No, false, &[], "any other 4xx, a content filter's verdict"),
];

/// The treatment of a kind. What stands nowhere in the table is a matter of the request.
pub fn of(kind: FaultKind) -> Treatment {
    let known = TABLE.iter().find(|row| row.kind == kind);
    known.copied().unwrap_or_else(|| row(kind, Again::No, Elsewhere::No, false, &[], ""))
}

impl Fault {
    /// The HTTP status of it: the upstream's own where that means something to clients, else that of its kind.
    pub fn http_status(&self) -> u16 {
        let told = self.upstream_status.filter(|_| self.origin == Origin::Upstream);
        told.filter(|status| of(self.kind).keeps.contains(status)).unwrap_or_else(|| self.kind.http_status())
    }
}

/// The table for people: a part of `docs/guides/failures.md`.
pub fn page() -> String {
    let mut out = String::from(
        "| Failure | Same candidate again | Next candidate | Counts for the breaker | Client gets |\n\
         |---|---|---|---|---|\n",
    );
    for row in TABLE {
        let again = match row.again {
            Again::Yes => "yes",
            Again::WhenAlone => "only when nobody else is left",
            Again::No => "no",
        };
        let elsewhere = match row.elsewhere {
            Elsewhere::Yes => "yes",
            Elsewhere::Larger => "only to a window that is known to be larger",
            Elsewhere::No => "no",
        };
        let blames = if row.blames { "yes" } else { "no" };
        let _written = write!(
            out,
            "| {} | {again} | {elsewhere} | {blames} | {} `{}`",
            row.failure,
            row.kind.http_status(),
            row.code()
        );
        for status in row.keeps {
            let _written = write!(out, ", {status} where the upstream said so");
        }
        out.push_str(" |\n");
    }
    out
}

impl Treatment {
    /// The code that a client sees when the upstream gave no closer one.
    const fn code(&self) -> &'static str {
        match self.kind {
            Kind::NotFound => "model_not_found",
            kind => kind.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_means_something_to_clients_is_kept() {
        let status = |kind, status| {
            let mut fault = Fault::new(kind, Origin::Upstream, "x");
            fault.upstream_status = Some(status);
            fault.http_status()
        };
        assert_eq!(status(FaultKind::ContextTooLong, 413), 413);
        assert_eq!(status(FaultKind::ContextTooLong, 400), 400);
        assert_eq!(status(FaultKind::Region, 451), 451);
        assert_eq!(status(FaultKind::Region, 400), 403);
        assert_eq!(status(FaultKind::UpstreamAuth, 401), 502, "whose credential it was is not the client's");
        let mut own = Fault::new(FaultKind::Region, Origin::Component, "x");
        own.upstream_status = Some(451);
        assert_eq!(own.http_status(), 403);
    }

    #[test]
    fn no_kind_stands_there_twice() {
        for (at, row) in TABLE.iter().enumerate() {
            assert!(TABLE.iter().skip(at + 1).all(|other| other.kind != row.kind), "{:?}", row.kind);
        }
    }
}
