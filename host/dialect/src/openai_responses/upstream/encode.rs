//! The canonical request as a body of this wire. What it cannot say is named or refused, as the table of
//! `translation` decides.

mod content;
mod input;
mod settings;
#[cfg(test)]
mod tests;
mod tools;

use crate::canon::{ChatRequest, Fault};
use crate::json::{Members, member};
use crate::openai_responses::DIALECT;
use crate::translation::{Losses, UpstreamWire};

pub use crate::translation::Encoded;

/// Writes the request, or says what of it this wire refuses. Nothing is to be stored unless the client says so, and
/// thoughts come back encrypted, so that the next turn can bring them along.
pub fn encode(request: &ChatRequest) -> Result<Encoded, Fault> {
    let mut losses = Losses::new(UpstreamWire::OpenAiResponses);
    let mut body = Members::new();
    body.string("model", &request.model);
    let input = input::read(request, &mut losses)?;
    body.maybe_string("instructions", input.instructions.as_deref());
    body.raw("input", &crate::json::array(&input.items));
    tools::write(request, &mut losses, &mut body)?;
    settings::write(request, &mut losses, &mut body)?;
    Ok(Encoded { body: body.finish(), losses: losses.into_names() })
}

/// Paths of what [`encode`] writes into this request of its own accord.
pub fn added(request: &ChatRequest) -> Vec<&'static str> {
    let (store, include) = (settings::own_member(request, "store"), settings::client_include(request));
    [
        ("store", store.is_none()),
        ("include", include.is_empty()),
        ("reasoning.summary", settings::wants_summary(request)),
    ]
    .into_iter()
    .filter_map(|(path, ours)| ours.then_some(path))
    .collect()
}

/// What a client of this wire said at a place that the canonical form has no member for.
fn own(extra: Option<&str>) -> Option<String> {
    member(extra, DIALECT)
}

/// A thing that only clients of this wire can say, as they said it.
fn own_json(json: &str) -> Option<String> {
    own(Some(json))
}
