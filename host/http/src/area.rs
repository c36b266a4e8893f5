//! The parts of the surface, and what each asks of a request before a handler sees it. Which part a request is for follows
//! from its path and headers alone, so that one that reaches no route is answered in the right shape too.

use brains_core::principal::KeyScope;
use brains_core::{Fault, Principal};
use brains_dialect::ingress::Ingress;
use http::HeaderMap;

use crate::counters::Carries;

/// The part of the surface that a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// `/v1/*`: models, spoken to in a client's wire.
    Models(Ingress),
    /// `/api/*`: operations.
    Operations,
    /// `/mcp`, `/sse`, `/messages/`: agents' tools.
    Tools,
    /// Health and everything that is not there.
    Open,
}

/// The family of clients that speak to models, where a path alone does not tell: `/v1/models` is one path with a shape for
/// each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientFamily {
    OpenAi,
    /// Its clients name the version of their wire in every request.
    Anthropic,
}

/// What an area asks of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AreaPolicy {
    pub(crate) credential: CredentialKind,
    /// Which keys are let in; every key when there is no rule.
    scopes: Option<ScopeRule>,
    pub(crate) rate: RateLimits,
    /// Whether a request takes one of the places that `max_concurrent_requests` sets.
    pub(crate) takes_place: bool,
    /// What the body counts as that is read whole before the handler; a handler without it reads its body itself.
    pub(crate) whole_body: Option<Carries>,
}

/// What proves who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    /// Nothing does, and nothing has to.
    None,
    /// A key in `authorization` or `x-api-key`.
    ApiKey,
}

/// Which limits per key count a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RateLimits {
    None,
    /// Requests a minute.
    Requests,
    /// Requests a minute, and operations a minute.
    RequestsAndOperations,
}

/// A key needs one of these scopes.
#[derive(Debug, PartialEq, Eq)]
struct ScopeRule {
    any: &'static [KeyScope],
    refusal: &'static str,
    hint: &'static str,
}

const MODELS: AreaPolicy = AreaPolicy {
    credential: CredentialKind::ApiKey,
    scopes: Some(ScopeRule {
        any: &[KeyScope::Gateway],
        refusal: "this key may not use models",
        hint: "it takes a key with the scope `gateway`",
    }),
    rate: RateLimits::Requests,
    takes_place: true,
    whole_body: None,
};

/// Whether a caller may call an operation, and how often, is settled by the operation's name.
const OPERATIONS: AreaPolicy = AreaPolicy {
    credential: CredentialKind::ApiKey,
    scopes: None,
    rate: RateLimits::None,
    takes_place: false,
    whole_body: None,
};

/// Tools wait for people and for each other: they take no place from requests to models.
const TOOLS: AreaPolicy = AreaPolicy {
    credential: CredentialKind::ApiKey,
    scopes: Some(ScopeRule {
        any: &[KeyScope::Read, KeyScope::Write],
        refusal: "this key may not use tools",
        hint: "it takes a key with the scope `read` or `write`",
    }),
    rate: RateLimits::RequestsAndOperations,
    takes_place: false,
    whole_body: Some(Carries::Operation),
};

const OPEN: AreaPolicy = AreaPolicy {
    credential: CredentialKind::None,
    scopes: None,
    rate: RateLimits::None,
    takes_place: false,
    whole_body: None,
};

impl Area {
    pub(crate) fn of(path: &str, headers: &HeaderMap) -> Self {
        let under = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if under("/v1") {
            // What lies below the path of another is looked for first.
            let known = [Ingress::OpenAiCompaction].into_iter().chain(Ingress::ALL);
            let own = known.into_iter().find(|ingress| under(ingress.path()));
            Self::Models(own.unwrap_or_else(|| ClientFamily::of(headers).ingress()))
        } else if under("/api") {
            Self::Operations
        } else if ["/mcp", "/sse", "/messages"].into_iter().any(under) {
            Self::Tools
        } else {
            Self::Open
        }
    }

    /// The wire of whoever asks for a path of models; that of most clients where the path is none.
    pub(crate) const fn ingress(self) -> Ingress {
        match self {
            Self::Models(ingress) => ingress,
            Self::Operations | Self::Tools | Self::Open => Ingress::OpenAiChat,
        }
    }

    pub(crate) const fn policy(self) -> &'static AreaPolicy {
        match self {
            Self::Models(_) => &MODELS,
            Self::Operations => &OPERATIONS,
            Self::Tools => &TOOLS,
            Self::Open => &OPEN,
        }
    }
}

impl ClientFamily {
    fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key("anthropic-version") { Self::Anthropic } else { Self::OpenAi }
    }

    /// What clients of the family are answered in.
    const fn ingress(self) -> Ingress {
        match self {
            Self::OpenAi => Ingress::OpenAiChat,
            Self::Anthropic => Ingress::AnthropicMessages,
        }
    }
}

impl AreaPolicy {
    /// Refuses a key that has none of the scopes.
    pub(crate) fn check_scopes(&self, principal: &Principal) -> Result<(), Fault> {
        match &self.scopes {
            Some(rule) if !rule.any.iter().any(|scope| principal.may(*scope)) => {
                Err(Fault::forbidden(rule.refusal).hint(rule.hint))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_is_a_whole_segment() {
        for (path, area) in [
            ("/v1", Area::Models(Ingress::OpenAiChat)),
            ("/v1/models/x", Area::Models(Ingress::OpenAiChat)),
            ("/v1/responses/x", Area::Models(Ingress::OpenAiResponses)),
            ("/v1/responses/compact", Area::Models(Ingress::OpenAiCompaction)),
            ("/v1/messages/count_tokens", Area::Models(Ingress::AnthropicMessages)),
            ("/v10", Area::Open),
            ("/api/ops/x", Area::Operations),
            ("/apis", Area::Open),
            ("/mcp", Area::Tools),
            ("/messages/", Area::Tools),
            ("/health/ready", Area::Open),
            ("/", Area::Open),
        ] {
            assert_eq!(Area::of(path, &HeaderMap::new()), area, "{path}");
        }
    }

    #[test]
    fn a_family_shows_in_the_headers() {
        let mut headers = HeaderMap::new();
        assert_eq!(ClientFamily::of(&headers), ClientFamily::OpenAi);
        headers.insert("anthropic-version", http::HeaderValue::from_static("2023-06-01"));
        assert_eq!(ClientFamily::of(&headers), ClientFamily::Anthropic);
    }

    #[test]
    fn only_what_is_open_to_all_takes_no_key() {
        for area in [Area::Models(Ingress::OpenAiChat), Area::Operations, Area::Tools] {
            assert_eq!(area.policy().credential, CredentialKind::ApiKey, "{area:?}");
        }
        assert_eq!(Area::Open.policy().credential, CredentialKind::None);
    }
}
