//! Whatever an upstream answers becomes a fault that is safe to show. Bodies are those of the vendors' documents and of the
//! reports that the table names.

use proptest::prelude::*;

use super::{answered, error_message, failed, in_place_of_an_answer, inside, kind_of_status};
use crate::canon::FaultKind as K;
use crate::fault::{BILLING, MODERATED, QUOTA, REGION, TOO_LARGE, other};
use crate::json::Node;

#[track_caller]
fn check(status: u16, body: &str, kind: &K, message: &str) {
    let fault = answered(status, &[], body);
    assert_eq!((&fault.kind, fault.message.as_str()), (kind, message), "{body}");
    assert_eq!(fault.failover, !matches!(kind, K::InvalidRequest), "{body}");
}

#[track_caller]
fn is(status: u16, kind: &K, bodies: &[&str]) {
    for body in bodies {
        assert_eq!(&answered(status, &[], body).kind, kind, "{status} {body}");
    }
}

#[test]
fn every_shape_of_error_body_is_read() {
    check(
        400,
        r#"{"error":{"message":"bad `n`","type":"invalid_request_error","code":null}}"#,
        &K::InvalidRequest,
        "bad `n`",
    );
    check(400, r#"{"error":"invalid options"}"#, &K::InvalidRequest, "invalid options");
    check(400, r#"{"message":"bad"}"#, &K::InvalidRequest, "bad");
    check(400, r#"{"detail":"bad"}"#, &K::InvalidRequest, "bad");
    check(
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"bad"},"request_id":"req_1"}"#,
        &K::InvalidRequest,
        "bad",
    );
    check(404, r#"[{"error":{"message":"gone","code":404,"status":"NOT_FOUND"}}]"#, &K::NotFound, "gone");
    check(
        400,
        r#"{"object":"error","message":{"detail":[{"loc":["body","messages",0],"msg":"wrong order","type":"value_error"}]}}"#,
        &K::InvalidRequest,
        "`body.messages.0`: wrong order",
    );
    check(
        422,
        r#"{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted","type":"extra_forbidden"},{"loc":["body","n"],"msg":"too many"}]}"#,
        &K::InvalidRequest,
        "`body.stream_options`: Extra inputs are not permitted: `body.n`: too many",
    );
    check(
        400,
        r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"no tools here\"}}","provider_name":"X"}}}"#,
        &K::InvalidRequest,
        "Provider returned error: no tools here",
    );
    check(
        400,
        r#"{"errors":[{"code":7003,"message":"no route"}],"success":false}"#,
        &K::InvalidRequest,
        "no route",
    );
    check(
        400,
        r#"{"__type":"com.amazon.coral.service#ValidationException","Message":"bad"}"#,
        &K::InvalidRequest,
        "bad",
    );
    check(400, r#"{"title":"Bad Request","status":400}"#, &K::InvalidRequest, "Bad Request");
    check(400, "\"quoted\"", &K::InvalidRequest, "quoted");
    check(503, "plain text", &K::Overloaded, "plain text");
    check(
        502,
        "<html><body>Bad Gateway</body></html>",
        &K::Upstream,
        "the upstream answered with a page of markup",
    );
    for nothing in ["", "null", "[]", "{}", "[1]", r#"{"error":null}"#, r#"{"error":{}}"#] {
        check(500, nothing, &K::Upstream, "the upstream answered 500");
    }
    check(401, r#"{"error":{"message":"key sk-ant-api03-secret"}}"#, &K::Unauthorized, "key ***");
}

#[test]
fn a_code_goes_along_and_a_wait_is_read() {
    let fault = answered(
        400,
        &[],
        r#"{"error":{"message":"m","type":"invalid_request_error","code":"invalid_value"}}"#,
    );
    assert_eq!(fault.code.as_deref(), Some("invalid_value"));
    let google = r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17.5s"}]}}"#;
    let fault = answered(429, &[], google);
    assert_eq!((fault.kind, fault.retry_after_ms), (K::RateLimited, Some(17_500)));
}

#[test]
fn a_conversation_that_is_too_long_is_seen_in_every_vendors_words() {
    let words = [
        r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#,
        r#"{"error":{"code":400,"message":"m","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":8}}"#,
        r#"{"error":{"message":"the request exceeds the available context size, try increasing it"}}"#,
        r#"{"message":"This model's maximum context length is 8192 tokens"}"#,
        r#"{"error":{"code":400,"message":"The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).","status":"INVALID_ARGUMENT"}}"#,
        r#"{"error":{"message":"Please reduce the length of the messages or completion."}}"#,
        r#"{"message":"Input is too long for requested model."}"#,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}"#,
        r#"{"error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 1 + 2 > 2"}}"#,
        r#"{"error":{"message":"Your input exceeds the context window of this model."}}"#,
        r#"{"error":"This model's maximum prompt length is 131072 but the request contains 537812 tokens."}"#,
        r#"{"error":{"message":"Invalid request: Your request exceeded model token limit: 8192"}}"#,
        r#"{"message":"Prompt contains 9 tokens and 0 draft tokens, too large for model with 8 maximum context length"}"#,
        r#"{"error":"prompt too long; exceeded max context length by 4 tokens"}"#,
        r#"{"error":"The number of tokens to keep from the initial prompt is greater than the context length."}"#,
        r#"{"error":{"message":"<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]"}}"#,
        r#"{"error":{"message":"invalid params, context window exceeds limit"}}"#,
        r#"{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 1","error_type":"validation"}"#,
        r#"{"error":{"message":"Provider returned error","metadata":{"raw":"{\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"m\"}}"}}}"#,
    ];
    is(400, &K::ContextTooLong, &words);
    is(413, &K::ContextTooLong, &words);
    is(500, &K::ContextTooLong, &words);
    is(429, &K::RateLimited, &[words[5]]);
    is(
        400,
        &K::InvalidRequest,
        &[r#"{"error":{"message":"max_tokens is too large: 9. This model supports at most 8"}}"#],
    );
}

#[test]
fn refusals_of_accounts_places_and_contents_are_told_apart() {
    let moderated = r#"{"error":{"code":403,"message":"m requires moderation on X. Your input was flagged for \"violence\"","metadata":{"reasons":["violence"]}}}"#;
    is(403, &other(MODERATED), &[moderated]);
    is(
        400,
        &K::ContentFiltered,
        &[
            r#"{"error":{"message":"m","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
            r#"{"error":{"message":"Content Exists Risk","type":"invalid_request_error"}}"#,
            r#"{"error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}"#,
        ],
    );
    let region = other(REGION);
    is(
        403,
        &region,
        &[
            r#"{"error":{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported","param":null,"type":"request_forbidden"}}"#,
            r#"{"error":{"type":"forbidden","message":"Request not allowed"}}"#,
        ],
    );
    is(
        400,
        &region,
        &[
            r#"{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}"#,
        ],
    );
    is(451, &region, &["{}"]);
    let billing = other(BILLING);
    is(402, &billing, &["{}", r#"{"error":{"message":"This request requires more credits","code":402}}"#]);
    is(
        400,
        &billing,
        &[
            r#"{"error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
        ],
    );
    is(429, &billing, &[r#"{"error":{"message":"m","code":"billing_not_active"}}"#]);
    let quota = other(QUOTA);
    is(
        429,
        &quota,
        &[
            r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            r#"{"error":{"message":"m","type":"exceeded_current_quota_error"}}"#,
        ],
    );
    is(403, &quota, &[r#"{"error":{"message":"Key limit exceeded (total limit)","code":403}}"#]);
    is(403, &K::Forbidden, &["{}", r#"{"detail":"denied"}"#]);
}

#[test]
fn what_a_status_says_is_not_overheard() {
    let too_large = other(TOO_LARGE);
    is(
        413,
        &too_large,
        &[
            "{}",
            "<html>413</html>",
            r#"{"error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#,
            r#"{"error":{"message":"Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 7000","type":"tokens","code":"rate_limit_exceeded"}}"#,
        ],
    );
    is(500, &K::Upstream, &[r#"{"error":{"message":"m","code":"model_not_found"}}"#]);
    is(503, &K::Overloaded, &[r#"{"error":{"type":"api_error","message":"busy"}}"#]);
    is(400, &K::Overloaded, &[r#"{"error":"server busy, please try again"}"#]);
    is(400, &K::Unsupported, &[r#"{"error":"\"llama3\" does not support thinking"}"#]);
    is(400, &K::NotFound, &[r#"{"error":{"message":"x is not a valid model ID","code":400}}"#]);
    is(
        400,
        &K::Unauthorized,
        &[
            r#"{"error":{"code":400,"message":"API key not valid.","details":[{"reason":"API_KEY_INVALID"}]}}"#,
        ],
    );
    for (kind, statuses) in [
        (K::Timeout, &[408, 504, 522, 524][..]),
        (K::Upstream, &[302, 409, 425, 499, 500, 502, 520, 521, 523, 525, 526, 530]),
        (K::Overloaded, &[498, 503, 529]),
        (K::InvalidRequest, &[400, 406, 415, 418, 422]),
        (K::NotFound, &[404, 405, 410]),
    ] {
        for status in statuses {
            assert_eq!(kind_of_status(*status), kind, "{status}");
        }
    }
}

#[test]
fn an_error_inside_an_answer_is_read_the_same_way() {
    let kind = |text: &str| inside(&Node::root(text)).kind;
    assert_eq!(kind(r#"{"message":"m","code":429}"#), K::RateLimited);
    assert_eq!(kind(r#"{"message":"m","code":"502"}"#), K::Upstream);
    assert_eq!(kind(r#"{"message":"m","type":"overloaded_error"}"#), K::Overloaded);
    assert_eq!(kind(r#"{"message":"m","type":"invalid_request_error"}"#), K::InvalidRequest);
    assert_eq!(kind(r#"{"message":"m","code":"insufficient_quota"}"#), other(QUOTA));
    assert_eq!(kind(r#""boom""#), K::Upstream);
    assert_eq!(kind("{}"), K::Upstream);
    assert_eq!(failed("error").kind, K::Upstream);
    let behind = |text: &str| in_place_of_an_answer(&Node::root(text), "no choices");
    assert_eq!(behind(r#"{"id":"x","choices":[]}"#).message, "no choices");
    assert_eq!(behind(r#"{"code":429,"msg":"slow down"}"#).kind, K::RateLimited);
}

#[test]
fn only_a_payload_with_an_error_has_the_text_of_one() {
    assert_eq!(error_message(r#"{"error":{"message":"m"}}"#).as_deref(), Some("m"));
    assert_eq!(error_message(r#"{"message":"m"}"#).as_deref(), Some("m"));
    for none in
        [r#"{"parts":[{"text":"a"}]}"#, r#"{"message":{"content":"hi"}}"#, r#"{"detail":"x"}"#, "[1]", "x"]
    {
        assert_eq!(error_message(none), None, "{none}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(status in 100..600_u16, text in any::<String>(), json in "[\\[\\]{}:,\"a-z0-9 ]{0,60}") {
        drop(answered(status, &[], &text));
        drop(answered(status, &[], &json));
    }
}

#[test]
fn a_plan_that_is_used_up_is_no_wrong_key_and_no_limit_per_minute() {
    is(
        403,
        &other(QUOTA),
        &[
            r#"{"error":{"message":"You've reached your weekly (7-day) usage limit. Your quota will reset when the current 7-day window ends.","type":"access_terminated_error"}}"#,
            r#"{"error":{"type":"permission_error","message":"You've reached your usage limit for this billing cycle. Your quota will be refreshed in the next cycle."},"type":"error"}"#,
        ],
    );
    is(
        429,
        &other(QUOTA),
        &[
            r#"{"error":"you (ae2055838) have reached your session usage limit, upgrade for higher limits"}"#,
            "\"you've reached your weekly usage limit, please wait or upgrade to continue\"",
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"usage limit exceeded, 5-hour usage limit reached for Token Plan Starter (0/0 used), resets at 2026-05-15T15:00:00Z (2056)"}}"#,
            r#"{"error":{"message":"You've hit your usage limit. Upgrade your plan.","type":"usage_limit_reached"}}"#,
        ],
    );
    is(
        429,
        &K::RateLimited,
        &[
            r#"{"error":{"message":"We're receiving too many requests at the moment. Please wait a moment and try again.","type":"rate_limit_reached_error"}}"#,
        ],
    );
}

/// Bodies of `docs.litellm.ai/docs/proxy/error_reference`, and of BerriAI/litellm#4208, 14144.
#[test]
fn a_proxy_in_front_of_vendors_is_understood() {
    let body = |message: &str, kind: &str, code: &str| {
        format!(r#"{{"error":{{"message":"{message}","type":{kind},"param":null,"code":"{code}"}}}}"#)
    };
    let check = |status: u16, message: &str, kind: &str, expected: &K| {
        let fault = answered(status, &[], &body(message, kind, &status.to_string()));
        assert_eq!((&fault.kind, fault.message.as_str()), (expected, message), "{status} {kind}");
    };
    let spent = "Budget has been exceeded! Key=analytics-team Current cost: 0.06, Max budget: 0.05";
    check(429, spent, "\"budget_exceeded\"", &other(QUOTA));
    check(400, spent, "\"auth_error\"", &other(QUOTA));
    check(
        400,
        "ExceededBudget: End User=ishaan3 over budget. Spend=0.0008, Budget=0.0001",
        "\"auth_error\"",
        &other(QUOTA),
    );
    check(
        429,
        "No deployments available - crossed budget: Exceeded budget for deployment",
        "null",
        &other(QUOTA),
    );
    let limited =
        "Rate limit exceeded for api_key: b2f139a7... Limit type: requests. Current limit: 1, Remaining: 0.";
    check(429, limited, "\"throttling_error\"", &K::RateLimited);
    let theirs = "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached for m";
    check(429, theirs, "\"throttling_error\"", &K::RateLimited);
    check(
        429,
        "No deployments available for selected model, Try again in 5 seconds.",
        "null",
        &K::Overloaded,
    );
    check(400, "There are no healthy deployments for this model", "null", &K::Overloaded);
    check(
        401,
        "Authentication Error, Invalid proxy server token passed.",
        "\"token_not_found_in_db\"",
        &K::Unauthorized,
    );
    check(401, "Authentication Error - Expired Key.", "\"expired_key\"", &K::Unauthorized);
    for status in [401, 403] {
        check(status, "key not allowed to access model.", "\"key_model_access_denied\"", &K::Forbidden);
    }
    check(400, "litellm.ContextWindowExceededError: BedrockException - too many", "null", &K::ContextTooLong);
    check(408, "litellm.Timeout: APITimeoutError - Request timed out.", "null", &K::Timeout);
    check(500, "litellm.InternalServerError: OpenAIException - Connection error.", "null", &K::Upstream);
    check(503, "the database cannot be reached", "\"no_db_connection\"", &K::Overloaded);
    check(400, "litellm.ContentPolicyViolationError: AzureException - filtered", "null", &K::ContentFiltered);
}
