//! The requests that are measured: on each client's wire over each upstream's, whole and streamed.

use brains_tests::Caller;

pub(crate) const EXPLICIT: &str = "openai_compatible/m";
pub(crate) const AUTO: &str = "brains-auto";

/// The upstreams' wires: the model at the gateway, and the path at the upstream.
const UPSTREAMS: [(&str, &str); 4] = [
    (EXPLICIT, "/v1/chat/completions"),
    ("openai_responses/m", "/v1/responses"),
    ("anthropic/m", "/v1/messages"),
    ("ollama/m", "/api/chat"),
];

pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) client: Caller,
    /// Model at the gateway; the relay takes anything.
    pub(crate) model: &'static str,
    pub(crate) prompt_bytes: usize,
    pub(crate) stream: bool,
    pub(crate) gap_ms: u64,
    /// What the upstream waits before it answers.
    pub(crate) latency_ms: u64,
    pub(crate) requests: usize,
    /// The shape whose cost this one's is held against: the same one relayed.
    pub(crate) beside: Option<String>,
}

impl Shape {
    pub(crate) fn whole(name: &str, model: &'static str, prompt_bytes: usize, requests: usize) -> Self {
        Self {
            name: name.to_owned(),
            client: Caller::Chat,
            model,
            prompt_bytes,
            stream: false,
            gap_ms: 0,
            latency_ms: 0,
            requests,
            beside: None,
        }
    }

    fn stream(name: &str, gap_ms: u64, requests: usize) -> Self {
        Self { stream: true, gap_ms, ..Self::whole(name, EXPLICIT, 1 << 10, requests) }
    }

    /// Where the upstream is asked.
    pub(crate) fn upstream_path(&self) -> &'static str {
        let known = UPSTREAMS.iter().find(|(model, _)| *model == self.model);
        known.map_or(self.client.path(), |(_, path)| path)
    }
}

pub(crate) fn all() -> Vec<Shape> {
    let mut shapes = vec![
        Shape::whole("explicit model, 1 KB", EXPLICIT, 1 << 10, 4000),
        Shape::whole("explicit model, 100 KB", EXPLICIT, 100 << 10, 1500),
        Shape::whole("brains-auto, 1 KB", AUTO, 1 << 10, 4000),
        Shape::whole("brains-auto, 100 KB", AUTO, 100 << 10, 1500),
        Shape::stream("stream of 100 tokens, no gaps", 0, 600),
        Shape::stream("stream of 100 tokens, 10 ms gaps", 10, 96),
    ];
    for client in Caller::ALL {
        let relayed =
            UPSTREAMS.iter().find(|(_, path)| *path == client.path()).map_or(EXPLICIT, |(model, _)| model);
        let latency =
            Shape { latency_ms: 20, ..Shape::stream(&format!("{client:?} behind 20 ms of latency"), 0, 600) };
        shapes.push(Shape { client, model: relayed, ..latency });
        for (model, _) in UPSTREAMS {
            let name = |model: &str, stream: bool| {
                format!("{client:?} over {model}, {}", if stream { "streamed" } else { "whole" })
            };
            for stream in [false, true] {
                let requests = if stream { 1000 } else { 4000 };
                let beside = (model != relayed).then(|| name(relayed, stream));
                let shape = Shape::whole(&name(model, stream), model, 1 << 10, requests);
                shapes.push(Shape { client, stream, beside, ..shape });
            }
        }
    }
    shapes
}
