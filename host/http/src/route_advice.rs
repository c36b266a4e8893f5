//! What a path that is no route was meant to be. Clients are given a base URL and add their own part, so what is missing,
//! doubled or another server's is at the beginning; what comes last says what was wanted.

use brains_dialect::ingress::Ingress;

/// Routes that people and clients ask for, each with the last segments by which it is known. `{}` is any one.
const KNOWN: [(&str, &[&str]); 11] = [
    ("POST /v1/messages/count_tokens", &["count_tokens"]),
    ("POST /v1/responses/input_tokens", &["input_tokens"]),
    ("POST /v1/embeddings", &["embeddings"]),
    ("GET /v1/models", &["models"]),
    ("GET /v1/models/{id}", &["models", "{}"]),
    ("POST /api/ops/{operation}", &["ops", "{}"]),
    ("GET /api/openapi.json", &["openapi.json"]),
    ("GET /health/ready", &["ready"]),
    ("GET /health", &["health"]),
    ("POST /mcp", &["mcp"]),
    ("GET /sse", &["sse"]),
];

/// How other servers call what is asked of a model, and its list.
const ELSEWHERE: [(&str, Wanted); 8] = [
    ("completions", Wanted::Answer),
    ("messages", Wanted::Answer),
    ("responses", Wanted::Answer),
    ("chat", Wanted::Answer),
    ("generate", Wanted::Answer),
    ("invocations", Wanted::Answer),
    ("tags", Wanted::Models),
    ("healthz", Wanted::Health),
];

#[derive(Clone, Copy)]
enum Wanted {
    Answer,
    Models,
    Health,
}

/// The route that was meant, as a method and a path; none when nobody can tell.
pub(crate) fn meant(path: &str) -> Option<String> {
    let lower = path.to_ascii_lowercase();
    let segments: Vec<&str> = lower.split('/').filter(|segment| !segment.is_empty()).collect();
    let ends_in = |tail: &[&str]| {
        segments.len().checked_sub(tail.len()).is_some_and(|from| {
            let last = segments.iter().skip(from);
            last.zip(tail).all(|(segment, known)| *known == "{}" || segment == known)
        })
    };
    for ingress in Ingress::ALL {
        let own: Vec<&str> =
            ingress.path().split('/').filter(|part| !part.is_empty() && *part != "v1").collect();
        if ends_in(&own) {
            return Some(format!("POST {}", ingress.path()));
        }
    }
    if let Some((route, _)) = KNOWN.iter().find(|(_, tail)| ends_in(tail)) {
        return Some((*route).to_owned());
    }
    let last = segments.last()?;
    let (_, wanted) = ELSEWHERE.iter().find(|(name, _)| name == last)?;
    Some(match wanted {
        Wanted::Answer => answers(),
        Wanted::Models => "GET /v1/models".to_owned(),
        Wanted::Health => "GET /health".to_owned(),
    })
}

/// Whether `path` is that of the route already.
pub(crate) fn is_at(route: &str, path: &str) -> bool {
    let known = route.split_once(' ').map_or(route, |(_, known)| known);
    match known.split_once('{') {
        Some((fixed, _)) => path.starts_with(fixed),
        None => path.trim_end_matches('/') == known,
    }
}

/// Where models answer: who says nothing of a wire most likely means the one that most programs speak.
fn answers() -> String {
    format!("POST {}", Ingress::OpenAiChat.path())
}

#[cfg(test)]
mod tests {
    use super::{is_at, meant};

    #[test]
    fn a_path_is_known_by_its_end() {
        for (path, expected) in [
            ("/chat/completions", "POST /v1/chat/completions"),
            ("/v1/v1/chat/completions", "POST /v1/chat/completions"),
            ("/v1/Chat/Completions/", "POST /v1/chat/completions"),
            ("/openai/deployments/x/chat/completions", "POST /v1/chat/completions"),
            ("/api/v1/chat/completions", "POST /v1/chat/completions"),
            ("/completions", "POST /v1/completions"),
            ("/messages", "POST /v1/messages"),
            ("/v1/v1/messages", "POST /v1/messages"),
            ("/openai/v1/responses", "POST /v1/responses"),
            ("/responses", "POST /v1/responses"),
            ("/api/chat", "POST /v1/chat/completions"),
            ("/api/generate", "POST /v1/chat/completions"),
            ("/models", "GET /v1/models"),
            ("/v1/v1/models", "GET /v1/models"),
            ("/models/gpt-5.2", "GET /v1/models/{id}"),
            ("/api/tags", "GET /v1/models"),
            ("/ops/create_task", "POST /api/ops/{operation}"),
            ("/openapi.json", "GET /api/openapi.json"),
            ("/v1/health", "GET /health"),
            ("/healthz", "GET /health"),
            ("/ready", "GET /health/ready"),
            ("/v1/mcp", "POST /mcp"),
        ] {
            assert_eq!(meant(path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn a_path_that_is_right_is_at_another_listener() {
        assert!(is_at("POST /mcp", "/mcp/") && is_at("GET /v1/models/{id}", "/v1/models/x"));
        assert!(!is_at("GET /v1/models/{id}", "/models/x") && !is_at("POST /mcp", "/v1/mcp"));
    }

    #[test]
    fn what_nobody_can_tell_is_left_alone() {
        for path in ["/", "", "/favicon.ico", "/v1", "/v1/rerank", "/api", "/%2e%2e/etc/passwd"] {
            assert_eq!(meant(path), None, "{path}");
        }
    }
}
