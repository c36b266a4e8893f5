//! What refusals mean, as data: a sign, where it counts, and who says it. The first row that fits decides; where none
//! does, the status.

use super::said::Said;
use crate::canon::FaultKind;
use crate::fault::{self, BILLING, MODERATED, QUOTA, REGION, TOO_LARGE};

/// What a refusal is known by.
#[derive(Debug, Clone, Copy)]
enum Sign {
    /// A type, a code or the name of a status.
    Word(&'static str),
    /// Its text holds these, one behind the other, in whatever case.
    Says(&'static [&'static str]),
    /// The status alone.
    Status,
}

/// Which answers a sign counts in. Errors inside an answer or a stream have a status when they name one.
#[derive(Debug, Clone, Copy)]
enum On {
    Any,
    /// All but 401 and 429, whose texts speak of tokens as well.
    AnyButLimits,
    /// Not behind 5xx, where it is the server that is broken.
    Below500,
    /// Where the status says next to nothing: 400, 422, 5xx, or none.
    Vague,
    Only(u16),
    /// There is no status.
    Inside,
}

#[derive(Debug, Clone, Copy)]
enum Meaning {
    ContextTooLong,
    Moderated,
    Region,
    Quota,
    Billing,
    TooLarge,
    RateLimited,
    Overloaded,
    NotFound,
    Unauthorized,
    Forbidden,
    Unsupported,
    Invalid,
    Timeout,
}

/// Refusals of one meaning, each with its source.
struct Group {
    meaning: Meaning,
    on: On,
    signs: &'static [(Sign, &'static str)],
}

use Sign::{Says, Status, Word};

const TABLE: &[Group] = &[
    Group {
        meaning: Meaning::ContextTooLong,
        on: On::AnyButLimits,
        signs: &[
            (Word("context_length_exceeded"), "OpenAI, Groq, Azure: error codes"),
            (Word("string_above_max_length"), "OpenAI: error codes"),
            (Word("exceed_context_size_error"), "llama.cpp server; janhq/jan#8646"),
            (Word("model_context_window_exceeded"), "Anthropic, Z.ai: stop reasons"),
            (Word("context_window_exceeded"), "LiteLLM: ContextWindowExceededError"),
            (Says(&["contextwindowexceedederror"]), "LiteLLM: exception mapping"),
            (Says(&["maximum context length"]), "OpenAI, vLLM, OpenRouter"),
            (Says(&["context length exceeded"]), "Ollama, SambaNova"),
            (Says(&["exceed", "context length"]), "Ollama, Cohere, Fireworks"),
            (Says(&["longer than", "context length"]), "SGLang"),
            (Says(&["greater than the context length"]), "LM Studio"),
            (Says(&["context length is only"]), "Together, LM Studio"),
            (Says(&["exceed", "context limit"]), "Anthropic: input and `max_tokens`"),
            (Says(&["exceed", "context window"]), "OpenAI Responses, Cloudflare"),
            (Says(&["context window exceed"]), "MiniMax"),
            (Says(&["context window is full"]), "mlx-lm"),
            (Says(&["available context size"]), "llama.cpp server"),
            (Says(&["context size has been exceeded"]), "llama.cpp server"),
            (Says(&["exceed", "context size"]), "llama.cpp server, LocalAI"),
            (Says(&["larger than", "context"]), "Together, DeepInfra"),
            (Says(&["prompt is too long"]), "Anthropic"),
            (Says(&["prompt too long"]), "Ollama"),
            (Says(&["input is too long"]), "Amazon Bedrock"),
            (Says(&["input length", "exceed"]), "Amazon Bedrock, SiliconFlow"),
            (Says(&["range of input length should be"]), "Alibaba DashScope"),
            (Says(&["input token count", "exceeds the maximum"]), "Google Gemini"),
            (Says(&["input tokens exceed"]), "OpenAI: configured limit"),
            (Says(&["too many input tokens"]), "Amazon Bedrock"),
            (Says(&["maximum prompt length is"]), "xAI"),
            (Says(&["prompt", "exceeds", "length"]), "Z.ai, Cerebras, Novita"),
            (Says(&["reduce the length of the messages"]), "OpenAI, Groq"),
            (Says(&["reduce the length of the prompt"]), "Cerebras, vLLM"),
            (Says(&["exceeded model token limit"]), "Moonshot"),
            (Says(&["too large for model with", "context length"]), "Mistral"),
            (Says(&["more than max tokens allowed"]), "Baidu, Volcengine"),
            (Says(&["prompt token count", "exceeds the limit"]), "GitHub Copilot"),
            (Says(&["tokens", "max_new_tokens", "must be <="]), "Hugging Face TGI"),
            (Says(&["input validation error", "`inputs` must have less than"]), "Hugging Face TGI"),
            (Says(&["max_total_tokens"]), "Hugging Face TGI, Databricks"),
        ],
    },
    Group {
        meaning: Meaning::Moderated,
        on: On::Any,
        signs: &[
            (Word("content_filter"), "Azure OpenAI"),
            (Word("content_filtered"), "Azure AI Foundry"),
            (Word("content_policy_violation"), "OpenAI"),
            (Word("responsibleaipolicyviolation"), "Azure OpenAI: inner code"),
            (Word("moderation_blocked"), "OpenAI: images"),
            (Says(&["contentpolicyviolationerror"]), "LiteLLM: exception mapping"),
            (Word("datainspectionfailed"), "Alibaba DashScope"),
            (Word("data_inspection_failed"), "Alibaba DashScope"),
            (Word("sensitive"), "Z.ai: finish reasons"),
            (Says(&["input was flagged"]), "OpenRouter 403; crmne/ruby_llm#431"),
            (Says(&["requires moderation"]), "OpenRouter 403; BerriAI/litellm#9305"),
            (Says(&["flagged", "usage policy"]), "OpenAI: invalid_prompt"),
            (Says(&["content management policy"]), "Azure OpenAI"),
            (Says(&["content filtering policy"]), "Anthropic"),
            (Says(&["content exists risk"]), "DeepSeek"),
            (Says(&["inappropriate content"]), "Alibaba DashScope"),
            (Says(&["safety system"]), "OpenAI"),
        ],
    },
    Group {
        meaning: Meaning::Region,
        on: On::Any,
        signs: &[
            (Word("unsupported_country_region_territory"), "OpenAI: error codes, 403"),
            (Says(&["country, region, or territory"]), "OpenAI 403"),
            (Says(&["unsupported countries, regions"]), "Amazon Bedrock"),
            (Says(&["location is not supported"]), "Google Gemini: 400 FAILED_PRECONDITION"),
            (Says(&["not available in your", "region"]), "OpenRouter 403"),
            (Says(&["not available in your country"]), "Mistral, Perplexity"),
            (Says(&["not supported in your", "region"]), "GitHub Models"),
        ],
    },
    Group {
        meaning: Meaning::Region,
        on: On::Only(403),
        signs: &[
            (Says(&["request not allowed"]), "Anthropic: unsupported places"),
            (Says(&["check your network settings"]), "Groq"),
        ],
    },
    // Google says the same words of a limit per minute as others of one that was paid for.
    Group {
        meaning: Meaning::RateLimited,
        on: On::Only(429),
        signs: &[(Word("resource_exhausted"), "Google Gemini: 429")],
    },
    Group {
        meaning: Meaning::Quota,
        on: On::Any,
        signs: &[
            (Word("insufficient_quota"), "OpenAI: error codes, 429"),
            (Word("exceeded_current_quota_error"), "Moonshot 429"),
            (Word("quota_exceeded"), "Azure, ElevenLabs"),
            (Word("usage_limit_reached"), "OpenAI: plans"),
            (Word("servicequotaexceededexception"), "Amazon Bedrock"),
            (Says(&["exceeded your current quota"]), "OpenAI 429"),
            (Says(&["reached your specified api usage limits"]), "Anthropic 400"),
            (Says(&["key limit exceeded"]), "OpenRouter 403"),
            (Word("access_terminated_error"), "Kimi, plans: 403; openclaw/openclaw#142656"),
            (Says(&["reached your", "usage limit"]), "Kimi 403, Ollama 429; continuedev/continue#11444"),
            (Says(&["hit your usage limit"]), "OpenAI: plans; openai/codex#20391"),
            (Word("budget_exceeded"), "LiteLLM: error reference, 429"),
            (Says(&["budget has been exceeded"]), "LiteLLM: 400; BerriAI/litellm#4208, 14144"),
            (Says(&["exceededbudget"]), "LiteLLM: 400 of end users"),
            (Says(&["crossed budget"]), "LiteLLM: 429 of deployments; BerriAI/litellm#14144"),
            (Says(&["usage limit reached"]), "MiniMax, plans: 429; MiniMax-AI/MiniMax-M2.7#36"),
        ],
    },
    Group {
        meaning: Meaning::Billing,
        on: On::Any,
        signs: &[
            (Word("billing_error"), "Anthropic: 402"),
            (Word("billing_not_active"), "OpenAI: 429"),
            (Word("billing_hard_limit_reached"), "OpenAI: 400"),
            (Word("insufficient_balance"), "DeepSeek, Novita"),
            (Word("insufficient_credits"), "OpenRouter, Vercel"),
            (Word("payment_required"), "Hugging Face, Together"),
            (Word("arrearage"), "Alibaba DashScope: 400"),
            (Word("accountoverdueerror"), "Volcengine: 403"),
            (Says(&["credit balance is too low"]), "Anthropic: 400"),
            (Says(&["insufficient balance"]), "DeepSeek: 402"),
            (Says(&["insufficient credits"]), "OpenRouter: 402; decocms/studio#6827"),
            (Says(&["requires more credits"]), "OpenRouter: 402"),
            (Says(&["have any credits"]), "xAI: 403"),
            (Says(&["balance is insufficient"]), "SiliconFlow: 403"),
            (Says(&["billing to be enabled"]), "Google: 403"),
            (Says(&["account is in good standing"]), "Alibaba DashScope: 400"),
        ],
    },
    // A request that is larger than the limit per minute is not helped by waiting.
    Group { meaning: Meaning::TooLarge, on: On::Only(413), signs: &[(Status, "RFC 9110; Anthropic, Groq")] },
    Group {
        meaning: Meaning::RateLimited,
        on: On::Any,
        signs: &[
            (Word("rate_limit_exceeded"), "OpenAI: error codes"),
            (Word("rate_limit_error"), "Anthropic: errors"),
            (Word("throttlingexception"), "Amazon Bedrock"),
            (Word("throttling"), "Alibaba DashScope"),
            (Word("throttling_error"), "LiteLLM: error reference, 429"),
        ],
    },
    Group {
        meaning: Meaning::Overloaded,
        on: On::Any,
        signs: &[
            (Word("server_is_overloaded"), "OpenAI Responses"),
            (Word("slow_down"), "OpenAI: 503"),
            (Word("overloaded_error"), "Anthropic: 529"),
            (Word("engine_overloaded_error"), "Moonshot 429"),
            (Word("insufficient_system_resource"), "DeepSeek: finish reasons"),
            (Word("modelnotreadyexception"), "Amazon Bedrock: 429"),
            (Says(&["no deployments available for selected model"]), "LiteLLM: 429, all of them cool down"),
            (Says(&["no healthy deployments for this model"]), "LiteLLM: 400"),
        ],
    },
    Group {
        meaning: Meaning::Forbidden,
        on: On::Below500,
        signs: &[
            (Word("key_model_access_denied"), "LiteLLM: error reference, 403, before 401"),
            (Word("team_model_access_denied"), "LiteLLM: error reference"),
            (Word("user_model_access_denied"), "LiteLLM: error reference"),
            (Word("org_model_access_denied"), "LiteLLM: error reference"),
            (Word("project_model_access_denied"), "LiteLLM: error reference"),
            (Says(&["not allowed to access model due to tags"]), "LiteLLM: 401"),
        ],
    },
    Group {
        meaning: Meaning::Overloaded,
        on: On::Vague,
        signs: &[
            (Says(&["server busy"]), "Ollama: 503"),
            (Says(&["overloaded"]), "Google, Hugging Face"),
            (Says(&["maximum pending requests"]), "Ollama"),
            (Says(&["currently loading"]), "Hugging Face, LocalAI"),
            (Says(&["loading model"]), "llama.cpp server: 503"),
        ],
    },
    Group {
        meaning: Meaning::NotFound,
        on: On::Below500,
        signs: &[
            (Word("model_not_found"), "OpenAI: error codes"),
            (Says(&["is not a valid model id"]), "OpenRouter: 400"),
            (Says(&["model not exist"]), "DeepSeek: 400"),
        ],
    },
    Group {
        meaning: Meaning::Unauthorized,
        on: On::Below500,
        signs: &[
            (Word("invalid_api_key"), "OpenAI: error codes"),
            (Word("api_key_invalid"), "Google: 400"),
            (Says(&["incorrect api key"]), "xAI: 400"),
        ],
    },
    Group {
        meaning: Meaning::Unsupported,
        on: On::Below500,
        signs: &[
            (Says(&["does not support chat"]), "Ollama: 400"),
            (Says(&["does not support thinking"]), "Ollama: 400"),
            (Says(&["does not support tools"]), "Ollama: 400"),
            (Says(&["does not support generate"]), "Ollama: 400"),
            (Says(&["does not support image"]), "Ollama, Fireworks: 400"),
        ],
    },
    Group {
        meaning: Meaning::Invalid,
        on: On::Inside,
        signs: &[(Word("invalid_request_error"), "OpenAI, Anthropic: errors")],
    },
    Group {
        meaning: Meaning::Unauthorized,
        on: On::Inside,
        signs: &[(Word("authentication_error"), "Anthropic: errors")],
    },
    Group {
        meaning: Meaning::Forbidden,
        on: On::Inside,
        signs: &[(Word("permission_error"), "Anthropic: errors")],
    },
    Group {
        meaning: Meaning::NotFound,
        on: On::Inside,
        signs: &[(Word("not_found_error"), "Anthropic: errors")],
    },
    Group {
        meaning: Meaning::TooLarge,
        on: On::Inside,
        signs: &[(Word("request_too_large"), "Anthropic: errors")],
    },
    Group {
        meaning: Meaning::Timeout,
        on: On::Inside,
        signs: &[(Word("timeout_error"), "Anthropic: errors")],
    },
];

/// What a refusal means.
pub(super) fn meaning(status: Option<u16>, said: &Said) -> FaultKind {
    let text = said.message().unwrap_or_default().to_lowercase();
    let fits = |group: &&Group| {
        group.on.counts(status) && group.signs.iter().any(|(sign, _)| sign.is_in(said, &text))
    };
    match TABLE.iter().find(fits) {
        // With 403 it was not let through to the model; else the request was judged.
        Some(Group { meaning: Meaning::Moderated, .. }) if status == Some(403) => fault::other(MODERATED),
        Some(group) => group.meaning.kind(),
        None => status.map_or(FaultKind::Upstream, super::kind_of_status),
    }
}

impl Sign {
    fn is_in(self, said: &Said, text: &str) -> bool {
        match self {
            Word(word) => said.names(word),
            Says(parts) => parts
                .iter()
                .try_fold(text, |rest, part| rest.split_once(part).map(|(_, after)| after))
                .is_some(),
            Status => true,
        }
    }
}

impl On {
    const fn counts(self, status: Option<u16>) -> bool {
        match (self, status) {
            (Self::Any, _) | (Self::AnyButLimits | Self::Below500 | Self::Vague | Self::Inside, None) => true,
            (Self::AnyButLimits, Some(status)) => !matches!(status, 401 | 429),
            (Self::Below500, Some(status)) => status < 500,
            (Self::Vague, Some(status)) => matches!(status, 400 | 422 | 500..),
            (Self::Only(only), Some(status)) => only == status,
            (Self::Inside, Some(_)) | (Self::Only(_), None) => false,
        }
    }
}

impl Meaning {
    fn kind(self) -> FaultKind {
        match self {
            Self::ContextTooLong => FaultKind::ContextTooLong,
            Self::Moderated => FaultKind::ContentFiltered,
            Self::Region => fault::other(REGION),
            Self::Quota => fault::other(QUOTA),
            Self::Billing => fault::other(BILLING),
            Self::TooLarge => fault::other(TOO_LARGE),
            Self::RateLimited => FaultKind::RateLimited,
            Self::Overloaded => FaultKind::Overloaded,
            Self::NotFound => FaultKind::NotFound,
            Self::Unauthorized => FaultKind::Unauthorized,
            Self::Forbidden => FaultKind::Forbidden,
            Self::Unsupported => FaultKind::Unsupported,
            Self::Invalid => FaultKind::InvalidRequest,
            Self::Timeout => FaultKind::Timeout,
        }
    }
}
