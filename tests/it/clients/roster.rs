//! Which clients there are: each on each wire that it speaks, with what it can do.

use tokio::process::Command;

use brains_tests::wire::{ANTHROPIC, OPENAI, RESPONSES};

use super::agents::{self, Place};
use super::feature::{Feature, Hands, LIBRARY};

/// Where a client comes from, which says its version.
#[derive(Debug, Clone, Copy)]
pub(super) enum Package {
    Npm(&'static str),
    Python(&'static str),
    /// In a Python of its own.
    Aider(&'static str),
}

/// One client on one wire.
#[derive(Debug)]
pub(super) struct RealClient {
    pub(super) name: &'static str,
    /// What it speaks, as its settings call it.
    pub(super) speaks: &'static str,
    /// The provider whose wire that is.
    pub(super) own: &'static str,
    pub(super) package: Package,
    pub(super) hands: Hands,
    pub(super) features: &'static [Feature],
    /// The member of what it prints that holds its own name of the session; empty without one.
    pub(super) session: &'static str,
    pub(super) start: fn(&Place<'_>) -> Command,
}

impl RealClient {
    pub(super) fn title(&self) -> String {
        format!("{}, {}", self.name, self.speaks)
    }

    /// What the short run has it do.
    pub(super) fn in_short(&self, feature: Feature) -> bool {
        let loops = ["Claude Code", "Codex"].contains(&self.name);
        matches!(feature, Feature::Text | Feature::Tool) || feature == Feature::Loop && loops
    }
}

const OF_AGENTS: &[Feature] = &Feature::ALL;
/// Nothing that it can be told to do without a screen compacts.
const OF_OTHERS: &[Feature] = &[
    Feature::Text,
    Feature::Tool,
    Feature::Loop,
    Feature::Parallel,
    Feature::Thinking,
    Feature::Image,
    Feature::Resume,
    Feature::Subagent,
    Feature::Cut,
    Feature::HangUp,
];
const OF_LIBRARIES: &[Feature] = &[
    Feature::Text,
    Feature::Tool,
    Feature::Loop,
    Feature::Parallel,
    Feature::Thinking,
    Feature::Image,
    Feature::Cut,
    Feature::HangUp,
];
const OF_AIDER: &[Feature] = &[Feature::Text, Feature::Tool, Feature::Cut, Feature::HangUp];

const CHAT: &str = "chat completions";
const TO_RESPONSES: &str = "Responses";
const TO_MESSAGES: &str = "Messages";

const fn library(
    name: &'static str,
    speaks: &'static str,
    own: &'static str,
    package: Package,
    start: fn(&Place<'_>) -> Command,
) -> RealClient {
    RealClient { name, speaks, own, package, hands: LIBRARY, features: OF_LIBRARIES, session: "", start }
}

pub(super) const ROSTER: [RealClient; 19] = [
    RealClient {
        name: "Claude Code",
        speaks: TO_MESSAGES,
        own: ANTHROPIC.provider,
        package: Package::Npm("@anthropic-ai/claude-code"),
        hands: agents::CLAUDE_HANDS,
        features: OF_AGENTS,
        session: "session_id",
        start: agents::claude,
    },
    RealClient {
        name: "Codex",
        speaks: TO_RESPONSES,
        own: RESPONSES.provider,
        package: Package::Npm("@openai/codex"),
        hands: agents::CODEX_HANDS,
        features: OF_AGENTS,
        session: "thread_id",
        start: agents::codex,
    },
    copilot(CHAT, OPENAI.provider, agents::copilot_chat),
    copilot(TO_RESPONSES, RESPONSES.provider, agents::copilot_responses),
    copilot(TO_MESSAGES, ANTHROPIC.provider, agents::copilot_messages),
    opencode(CHAT, OPENAI.provider, agents::opencode_chat),
    opencode(TO_RESPONSES, RESPONSES.provider, agents::opencode_responses),
    opencode(TO_MESSAGES, ANTHROPIC.provider, agents::opencode_messages),
    RealClient {
        name: "aider",
        speaks: CHAT,
        own: OPENAI.provider,
        package: Package::Aider("aider_chat"),
        hands: agents::AIDER_HANDS,
        features: OF_AIDER,
        session: "",
        start: agents::aider,
    },
    library("openai for Python", CHAT, OPENAI.provider, Package::Python("openai"), |place| {
        agents::python(place, "chat")
    }),
    library("openai for Python", TO_RESPONSES, RESPONSES.provider, Package::Python("openai"), |place| {
        agents::python(place, "responses")
    }),
    library("anthropic for Python", TO_MESSAGES, ANTHROPIC.provider, Package::Python("anthropic"), |place| {
        agents::python(place, "messages")
    }),
    library("openai for Node", CHAT, OPENAI.provider, Package::Npm("openai"), |place| {
        agents::node(place, "chat")
    }),
    library("openai for Node", TO_RESPONSES, RESPONSES.provider, Package::Npm("openai"), |place| {
        agents::node(place, "responses")
    }),
    library(
        "anthropic for Node",
        TO_MESSAGES,
        ANTHROPIC.provider,
        Package::Npm("@anthropic-ai/sdk"),
        |place| agents::node(place, "messages"),
    ),
    library("AI SDK openai", CHAT, OPENAI.provider, Package::Npm("@ai-sdk/openai"), |place| {
        agents::node(place, "ai-openai-chat")
    }),
    library("AI SDK openai", TO_RESPONSES, RESPONSES.provider, Package::Npm("@ai-sdk/openai"), |place| {
        agents::node(place, "ai-openai-responses")
    }),
    library(
        "AI SDK anthropic",
        TO_MESSAGES,
        ANTHROPIC.provider,
        Package::Npm("@ai-sdk/anthropic"),
        |place| agents::node(place, "ai-anthropic"),
    ),
    library(
        "AI SDK openai-compatible",
        CHAT,
        OPENAI.provider,
        Package::Npm("@ai-sdk/openai-compatible"),
        |place| agents::node(place, "ai-openai-compatible"),
    ),
];

const fn copilot(speaks: &'static str, own: &'static str, start: fn(&Place<'_>) -> Command) -> RealClient {
    RealClient {
        name: "Copilot CLI",
        speaks,
        own,
        package: Package::Npm("@github/copilot"),
        hands: agents::COPILOT_HANDS,
        features: OF_OTHERS,
        session: "",
        start,
    }
}

const fn opencode(speaks: &'static str, own: &'static str, start: fn(&Place<'_>) -> Command) -> RealClient {
    RealClient {
        name: "opencode",
        speaks,
        own,
        package: Package::Npm("opencode-linux-x64"),
        hands: agents::OPENCODE_HANDS,
        features: OF_OTHERS,
        session: "sessionID",
        start,
    }
}

impl Package {
    /// The version that is installed.
    pub(super) fn version(self) -> String {
        match self {
            Self::Npm(name) => {
                let manifest = agents::modules().join(name).join("package.json");
                let text = fs_err::read_to_string(manifest).expect("the package is installed");
                let manifest: serde_json::Value = serde_json::from_str(&text).expect("a manifest");
                manifest["version"].as_str().expect("a version").to_owned()
            }
            Self::Python(name) => of_wheel("BRAINS_TEST_PYTHON", name),
            Self::Aider(name) => of_wheel("BRAINS_TEST_AIDER", name),
        }
    }
}

/// What the folder of a package's metadata is called, beside the program that the runner names.
fn of_wheel(program: &str, package: &str) -> String {
    let home = agents::named(program);
    let home = home.ancestors().nth(2).expect("a virtual environment");
    let libraries = fs_err::read_dir(home.join("lib")).expect("a library").flatten();
    let entries = libraries.filter_map(|python| fs_err::read_dir(python.path().join("site-packages")).ok());
    let mut names = entries.flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let version = names.find_map(|name| {
        Some(name.strip_prefix(&format!("{package}-"))?.strip_suffix(".dist-info")?.to_owned())
    });
    version.expect("the package is installed")
}
