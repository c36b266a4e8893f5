//! The table as a page for people.

use std::fmt::Write as _;

use super::{Disposition, TABLE, TranslationRow, UpstreamWire};

/// `docs/reference/translation.md`.
pub fn page() -> String {
    let mut out = String::from(
        "# Translation\n\n\
        What becomes of each member of `POST /v1/chat/completions` when the model's provider speaks another wire. \
        Written from the table that the encoders ask (`host/dialect/src/translation`).\n\n\
        - **kept**: the upstream gets what the client said.\n\
        - **mapped**: the upstream gets the same meaning in its own words.\n\
        - **lost**: left out, and named in the header `x-brains-loss` and in the trace.\n\
        - **refused**: 400 with `code: unsupported_parameter` and the member as `param`, unless a fallback can do it.\n\n\
        A client and a provider that speak the same wire are not translated: the bytes pass as they are. A member that \
        stands nowhere here is kept on `openai-chat` and lost, by its own name, on the others. Values that ask for \
        nothing (`n: 1`, `store: false`, `logprobs: false`, an empty `logit_bias`) are neither lost nor refused.\n\n",
    );
    let _written = write!(out, "| Member |");
    for wire in UpstreamWire::ALL {
        let _written = write!(out, " `{}` |", wire.dialect());
    }
    out.push_str("\n|---|---|---|---|\n");
    for row in TABLE {
        line(row, &mut out);
    }
    out
}

fn line(row: &TranslationRow, out: &mut String) {
    let _written = write!(out, "| `{}` |", row.member);
    for wire in UpstreamWire::ALL {
        let _written = match row.disposition(wire) {
            Disposition::Kept => write!(out, " kept |"),
            Disposition::Mapped(how) => write!(out, " mapped: {how} |"),
            Disposition::Lost(why) => write!(out, " lost: {why} |"),
            Disposition::Refused(why) => write!(out, " **refused**: {why} |"),
        };
    }
    out.push('\n');
}
