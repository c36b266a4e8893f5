//! The table as a page for people.

use std::fmt::Write as _;

use super::{Disposition, TranslationRow, UpstreamWire, rows};
use crate::forwarded::{self, ForwardedHeader};
use crate::ingress::Ingress;
use crate::sse::MAX_FRAME_BYTES;

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
        for nothing (`n: 1`, `store: false`, `logprobs: false`, an empty `logit_bias`) are neither lost nor refused.\n\n\
        Settings of a provider hold in both cases: what they take from a body that passes is named as a loss too. What is sent \
        although nobody asked for it, such as `stream_options.include_usage`, is left out once the upstream has refused it by \
        name; the request is made again without it, and the trace says so (`member_refused`).\n",
    );
    for ingress in Ingress::ALL {
        if rows().any(|row| !row.client_names(ingress).is_empty()) {
            section(ingress, &mut out);
        }
    }
    out.push_str(
        "\n## Completions\n\nClients of `POST /v1/completions` say what they share with chat completions by the same names, and \
        their text is one turn of a person's. `suffix`, `best_of`, `echo`, `logprobs`, several prompts and lists of tokens are \
        refused by their name.\n",
    );
    headers(&mut out);
    let _written = write!(
        out,
        "\n## Answers\n\nOne frame of a stream, or one line, is at most {} MiB, whichever way it goes; a larger one is an \
        upstream error. The arguments of a call that is to be run are one JSON object.\n",
        MAX_FRAME_BYTES >> 20
    );
    out
}

/// What of a client's headers goes on.
fn headers(out: &mut String) {
    out.push_str(
        "\n## Headers\n\nThese of a client's headers go on to vendors of a wire; the others that begin with ",
    );
    let (begin, sent): (Vec<&ForwardedHeader>, Vec<&ForwardedHeader>) =
        forwarded::HEADERS.iter().partition(|header| header.wires.is_empty());
    let names: Vec<String> = begin.iter().map(|header| format!("`{}`", header.name)).collect();
    let _written = write!(
        out,
        "or are {} are shown to components alone. Everything else stays here, as do parameters of the query that may be \
        credentials.\n\n| Header | Wires |\n|---|---|\n",
        names.join(", ")
    );
    for header in sent {
        let wires: Vec<String> = header.wires.iter().map(|wire| format!("`{wire}`")).collect();
        let _written = writeln!(out, "| `{}` | {} |", header.name, wires.join(", "));
    }
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
    let _written = writeln!(out, "\n|{}", "---|".repeat(1 + UpstreamWire::ALL.len()));
    for row in rows() {
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
