//! What an upstream of this wire says when it refuses: an exception by name, in a header, in the body or in a stream.
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html> and
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html>, read on 2026-11-30.

use crate::canon::exchange::Head;
use crate::canon::{Fault, FaultKind};
use crate::fault::{self, QUOTA};
use crate::json::{Members, check, member};
use crate::refusal;

/// Exceptions that mean one thing, whatever their text says. What is not here is meant by its text, else by its status.
const EXCEPTIONS: [(&str, Meaning); 24] = [
    ("throttlingexception", Meaning::RateLimited),
    ("toomanyrequestsexception", Meaning::RateLimited),
    ("servicequotaexceededexception", Meaning::Quota),
    ("modelnotreadyexception", Meaning::Overloaded),
    ("serviceunavailableexception", Meaning::Overloaded),
    ("serviceunavailable", Meaning::Overloaded),
    ("modeltimeoutexception", Meaning::Timeout),
    ("modelerrorexception", Meaning::Upstream),
    ("modelstreamerrorexception", Meaning::Upstream),
    ("internalserverexception", Meaning::Upstream),
    ("internalfailure", Meaning::Upstream),
    ("accessdeniedexception", Meaning::Forbidden),
    ("accessdenied", Meaning::Forbidden),
    ("notauthorized", Meaning::Forbidden),
    ("optinrequired", Meaning::Forbidden),
    ("resourcenotfoundexception", Meaning::NotFound),
    ("expiredtokenexception", Meaning::Unauthorized),
    ("expiredtoken", Meaning::Unauthorized),
    ("unrecognizedclientexception", Meaning::Unauthorized),
    ("invalidclienttokenid", Meaning::Unauthorized),
    ("incompletesignature", Meaning::Unauthorized),
    ("missingauthenticationtokenexception", Meaning::Unauthorized),
    ("invalidsignatureexception", Meaning::Unauthorized),
    ("signaturedoesnotmatch", Meaning::Unauthorized),
];

#[derive(Debug, Clone, Copy)]
enum Meaning {
    RateLimited,
    Quota,
    Overloaded,
    Timeout,
    Upstream,
    Forbidden,
    NotFound,
    Unauthorized,
}

/// Refusals of a model's id, which are told as bad input: another candidate has another.
const UNKNOWN_MODEL: [&str; 3] =
    ["model identifier is invalid", "on-demand throughput isn", "model is not supported in this region"];

impl Meaning {
    fn kind(self) -> FaultKind {
        match self {
            Self::RateLimited => FaultKind::RateLimited,
            Self::Quota => fault::other(QUOTA),
            Self::Overloaded => FaultKind::Overloaded,
            Self::Timeout => FaultKind::Timeout,
            Self::Upstream => FaultKind::Upstream,
            Self::Forbidden => FaultKind::Forbidden,
            Self::NotFound => FaultKind::NotFound,
            Self::Unauthorized => FaultKind::Unauthorized,
        }
    }
}

/// Reads a non-2xx answer.
pub fn answered(head: &Head, body: &str) -> Fault {
    let fault = refusal::answered(head.status, &head.headers, body);
    let header = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("x-amzn-errortype"));
    let in_body = || {
        let body = Some(body).filter(|body| check(body.trim()).is_ok());
        let name = member(body, "__type").or_else(|| member(body, "code"))?;
        Some(crate::json::Node::root(&name).string().ok()?.into_owned())
    };
    let Some(exception) = header.map(|field| field.value.clone()).or_else(in_body) else { return fault };
    meant(&exception, fault)
}

/// An exception inside a stream, or in place of one.
pub(super) fn inside(exception: &str, payload: &str) -> Fault {
    let mut named = Members::new();
    named.string("__type", bare(exception));
    let is_object = check(payload.trim()).is_ok() && payload.trim_start().starts_with('{');
    if is_object {
        named.extra(Some(payload.trim()), &["__type"]);
    } else if !payload.trim().is_empty() {
        named.string("message", payload);
    }
    let fault = refusal::inside(&crate::json::Node::root(&named.finish()));
    // Without a status it is the request that is wrong, unless the text says more.
    let validation = bare(exception).eq_ignore_ascii_case("validationException");
    let kind = if validation && fault.kind == FaultKind::Upstream {
        FaultKind::InvalidRequest
    } else {
        fault.kind.clone()
    };
    meant(exception, of_kind(fault, kind))
}

/// `ThrottlingException` of `com.amazonaws.bedrock#ThrottlingException:http://internal.amazon.com/…`.
fn bare(exception: &str) -> &str {
    let name = exception.rsplit_once('#').map_or(exception, |(_, name)| name);
    name.split(':').next().unwrap_or(name).trim()
}

fn meant(exception: &str, fault: Fault) -> Fault {
    let lower = bare(exception).to_ascii_lowercase();
    let known = EXCEPTIONS.iter().find(|(known, _)| *known == lower);
    let text = fault.message.to_lowercase();
    let kind = match known {
        // That it is too long is told by whatever came first.
        _ if fault.kind == FaultKind::ContextTooLong => FaultKind::ContextTooLong,
        Some((_, meaning)) => meaning.kind(),
        None if UNKNOWN_MODEL.iter().any(|words| text.contains(words)) => FaultKind::NotFound,
        None => fault.kind.clone(),
    };
    let mut fault = of_kind(fault, kind);
    if lower == "invalidsignatureexception" && (text.contains("expired") || text.contains("not yet current"))
    {
        fault.message.push_str(" (is this machine's clock right?)");
    }
    fault
}

fn of_kind(fault: Fault, kind: FaultKind) -> Fault {
    Fault { failover: fault::fails_over(&kind), kind, ..fault }
}

#[cfg(test)]
mod tests {
    use super::{answered, inside};
    use crate::canon::FaultKind as K;
    use crate::canon::exchange::{Field, Head};
    use crate::fault::{QUOTA, other};

    #[track_caller]
    fn check(status: u16, exception: &str, message: &str, kind: &K) {
        let body = format!(r#"{{"message":"{message}"}}"#);
        let field = |value: &str| Field { name: "x-amzn-ErrorType".to_owned(), value: value.to_owned() };
        let heads = [exception.to_owned(), format!("{exception}:http://internal.amazon.com/coral/")];
        for value in heads {
            let head = Head { status, headers: vec![field(&value)] };
            let fault = answered(&head, &body);
            assert_eq!(&fault.kind, kind, "{value}: {message}");
            assert_eq!(fault.failover, !matches!(kind, K::InvalidRequest), "{value}: {message}");
            assert!(fault.message.starts_with(message), "{}", fault.message);
        }
        let head = Head { status, headers: Vec::new() };
        let named = format!(r#"{{"__type":"com.amazonaws.bedrock#{exception}","message":"{message}"}}"#);
        assert_eq!(&answered(&head, &named).kind, kind, "{exception} in the body: {message}");
        assert_eq!(&inside(exception, &body).kind, kind, "{exception} inside a stream: {message}");
    }

    #[test]
    fn every_exception_means_its_kind() {
        check(
            429,
            "ThrottlingException",
            "Too many requests, please wait before trying again.",
            &K::RateLimited,
        );
        check(400, "ServiceQuotaExceededException", "Your request exceeds the quota.", &other(QUOTA));
        check(429, "ModelNotReadyException", "The model is not ready for inference.", &K::Overloaded);
        check(
            503,
            "ServiceUnavailableException",
            "Bedrock is unable to process your request.",
            &K::Overloaded,
        );
        check(408, "ModelTimeoutException", "The model took too long.", &K::Timeout);
        check(424, "ModelErrorException", "The model failed.", &K::Upstream);
        check(500, "InternalServerException", "The system encountered an unexpected error.", &K::Upstream);
        check(
            403,
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
            &K::Forbidden,
        );
        check(404, "ResourceNotFoundException", "Could not resolve the foundation model.", &K::NotFound);
        check(
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            &K::Unauthorized,
        );
        check(
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            &K::Unauthorized,
        );
        check(
            400,
            "ValidationException",
            "The text field in the ContentBlock object is blank.",
            &K::InvalidRequest,
        );
        check(400, "ValidationException", "Input is too long for requested model.", &K::ContextTooLong);
        check(
            400,
            "ValidationException",
            "The model returned the following errors: prompt is too long: 9 tokens > 8 maximum",
            &K::ContextTooLong,
        );
        check(400, "ValidationException", "The provided model identifier is invalid.", &K::NotFound);
        check(
            400,
            "ValidationException",
            "Invocation of model ID m with on-demand throughput isn't supported. Retry your request with the ID or ARN of an inference profile that contains this model.",
            &K::NotFound,
        );
        check(424, "ModelStreamErrorException", "The stream broke.", &K::Upstream);
    }

    #[test]
    fn a_clock_that_is_wrong_is_hinted_at() {
        let message = "Signature expired: 20150830T123600Z is now earlier than 20261130T123100Z";
        check(403, "InvalidSignatureException", message, &K::Unauthorized);
        let fault = inside("InvalidSignatureException", &format!(r#"{{"message":"{message}"}}"#));
        assert!(fault.message.ends_with("(is this machine's clock right?)"), "{}", fault.message);
        let wrong_key = "The request signature we calculated does not match the signature you provided.";
        check(403, "InvalidSignatureException", wrong_key, &K::Unauthorized);
    }

    #[test]
    fn what_names_no_exception_is_meant_by_its_status() {
        for (status, kind) in [(400, K::InvalidRequest), (429, K::RateLimited), (503, K::Overloaded)] {
            let fault = answered(&Head { status, headers: Vec::new() }, "<html>");
            assert_eq!((fault.kind, fault.code), (kind, None));
        }
    }
}
