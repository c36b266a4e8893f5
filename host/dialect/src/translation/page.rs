//! The table as a page for people.

use std::fmt::Write as _;

use super::{Disposition, TABLE, TranslationRow, UpstreamWire};
use crate::ingress::Ingress;

/// `docs/reference/translation.md`.
pub fn page() -> String {
    let mut out = String::from(
        "# Translation\n\n\
        What becomes of each member of a request when the model's provider speaks another wire than the client. \
        Written from the table that the encoders ask (`host/dialect/src/translation`).\n\n\
        - **kept**: the upstream gets what the client said.\n\
        - **mapped**: the upstream gets the same meaning in its own words.\n\
        - **lost**: left out, and named in the header `x-brains-loss` and in the trace.\n\
        - **refused**: 400 with `code: unsupported_parameter` and the member as `param`, unless a fallback can do it.\n\n\
        A client and a provider that speak the same wire are not translated: the bytes pass as they are. Values that ask \
        for nothing (`n: 1`, `store: false`, `logprobs: false`, an empty `logit_bias`) are neither lost nor refused.\n",
    );
    for ingress in Ingress::ALL {
        section(ingress, &mut out);
    }
    out
}

/// What the clients of one wire can say.
fn section(ingress: Ingress, out: &mut String) {
    let _written = write!(
        out,
        "\n## Requests to `POST {}`\n\n\
        A member that stands nowhere here is kept on `{}` and lost, by its own name, on the others.\n\n| Member |",
        ingress.path(),
        ingress.name()
    );
    for wire in UpstreamWire::ALL {
        let _written = write!(out, " `{}` |", wire.dialect());
    }
    out.push_str("\n|---|---|---|---|\n");
    for row in TABLE {
        let names = row.client_names(ingress);
        if !names.is_empty() {
            line(names, row, out);
        }
    }
}

fn line(names: &[&str], row: &TranslationRow, out: &mut String) {
    let _written = write!(out, "| `{}` |", names.join("`, `"));
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
