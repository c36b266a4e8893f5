//! What the operations need from rooms that this one does not know. The program implements these traits
//! over the gateway, the runtime and the files of the state directory.

mod events;
mod prices;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use brains_core::config::manifest::Manifest;
use brains_core::config::{Config, Findings, Problem, Provenance};
use brains_core::plane::audit::{Seal, SealingKey};
use brains_core::plane::component::{ComponentLogLine, ComponentRecord, StagedVersion};
use brains_core::plane::session::Process;
use brains_core::plane::workspace::Location;
use brains_core::{Fault, Millis, Principal, Secret};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

pub use events::{BroughtBack, FileEventsPort, Quarantine, VersionEventsPort, VersionNews};
pub use prices::PricesPort;

/// A boxed future: ports and operations are called through tables, where an `async fn` cannot stand.
pub type BoxedFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The ports that an operation may use.
#[derive(Debug, Clone)]
pub struct Ports {
    pub routing: Arc<dyn RoutingPort>,
    pub prices: Arc<dyn PricesPort>,
    pub settings: Arc<dyn ConfigPort>,
    pub files: Arc<dyn KeyFilesPort>,
    pub directories: Arc<dyn DirectoriesPort>,
    pub processes: Arc<dyn ProcessesPort>,
    pub service: Arc<dyn ServicePort>,
    pub components: Arc<dyn ComponentsPort>,
    pub callers: Arc<dyn CallersPort>,
    pub file_events: Arc<dyn FileEventsPort>,
    pub version_events: Arc<dyn VersionEventsPort>,
}

/// The gateway's own classification and routing, run without sending anything. `body` is a chat
/// completions request as a client would send it.
pub trait RoutingPort: Debug + Send + Sync {
    fn classify(&self, body: Vec<u8>) -> BoxedFuture<'_, Result<Classification, Fault>>;
    fn plan(&self, body: Vec<u8>) -> BoxedFuture<'_, Result<RoutePlan, Fault>>;
    /// `request_class` is what a client says that the request is for.
    fn explain(
        &self,
        body: Vec<u8>,
        request_class: Option<String>,
    ) -> BoxedFuture<'_, Result<Explanation, Fault>>;
    /// The names that a request may carry as `model`.
    fn models(&self) -> BoxedFuture<'_, Result<Vec<ModelName>, Fault>>;
}

/// The configuration in force and its overlay.
pub trait ConfigPort: Debug + Send + Sync {
    fn active(&self) -> ActiveConfig;
    /// The JSON Schema of the whole configuration.
    fn schema(&self) -> Value;
    /// Validates one document as the configuration file, over the defaults and under nothing, with the components that it
    /// names and their settings. The fault says why it could not be.
    fn check(&self, document: String) -> BoxedFuture<'_, Result<Findings, Fault>>;
    /// The overlay as it stands in its file.
    fn overlay(&self) -> BoxedFuture<'_, Result<Overlay, Fault>>;
    /// The overlay as proposed, all layers validated with it; nothing is changed. Edits that bring a raw secret
    /// or a key that the overlay may not hold are problems.
    fn plan(&self, proposal: Proposal) -> BoxedFuture<'_, Result<OverlayCandidate, Vec<Problem>>>;
    /// Replaces the overlay in one step, mode 0600, when its text is still `expected`; says whether it was.
    fn write_overlay(&self, text: String, expected: String) -> BoxedFuture<'_, Result<bool, Fault>>;
    /// Reads all layers again and puts them in force; the last good state stays when they are not sound.
    fn reload(&self, reading: FileReading) -> BoxedFuture<'_, Result<Reloaded, Vec<Problem>>>;
    /// Every component, those that were rejected included.
    fn components(&self) -> Vec<ComponentRecord>;
    /// The JSON Schema of a component's settings; none when it has none or could not be asked. It may be loaded for that.
    fn component_schema(&self, id: String) -> BoxedFuture<'_, Result<Option<Value>, Fault>>;
}

/// Versions of components and what is known of them beside the configuration.
pub trait ComponentsPort: Debug + Send + Sync {
    /// Checks, compiles and keeps a version, without using it. It takes its time.
    fn stage(
        &self,
        id: String,
        wasm: Vec<u8>,
        manifest: Option<Manifest>,
    ) -> BoxedFuture<'_, Result<StagedVersion, Fault>>;
    /// The version that waits for somebody to take it.
    fn waiting(&self, id: String) -> BoxedFuture<'_, Result<Option<StagedVersion>, Fault>>;
    /// Versions that can be brought back, newest first.
    fn earlier(&self, id: &str) -> Vec<String>;
    /// Whether the program itself brings this version.
    fn is_bundled(&self, id: &str, digest: &str) -> bool;
    /// A version that was taken out of service may be used again.
    fn unquarantine(&self, id: String, digest: String) -> BoxedFuture<'_, Result<(), Fault>>;
    /// Nothing of a component is remembered any more; its file in the plugins directory goes too.
    fn forget(&self, id: String) -> BoxedFuture<'_, Result<(), Fault>>;
    /// The newest lines that a component or one of its instances wrote, oldest first.
    fn lines(&self, name: &str, limit: usize) -> Vec<ComponentLogLine>;
}

/// Key files of the state directory.
pub trait KeyFilesPort: Debug + Send + Sync {
    /// Writes `operator-keys/<slug>.key`, mode 0600, in one step.
    fn write_operator_key(&self, slug: String, key: Secret) -> BoxedFuture<'_, Result<(), Fault>>;
    /// Removes it; a file that is not there is no error.
    fn remove_operator_key(&self, slug: String) -> BoxedFuture<'_, Result<(), Fault>>;
    fn admin_key(&self) -> BoxedFuture<'_, Result<ActiveAdminKey, Fault>>;
    /// Replaces `admin-key`, mode 0600, in one step; it counts at once.
    fn write_admin_key(&self, key: Secret) -> BoxedFuture<'_, Result<(), Fault>>;
    /// Replaces `audit-key`, mode 0600, in one step.
    fn write_audit_key(&self, key: SealingKey) -> BoxedFuture<'_, Result<(), Fault>>;
    /// Where each chain of the audit log stood, as it was kept outside of the database.
    fn audit_anchors(&self) -> BoxedFuture<'_, Result<Vec<Seal>, Fault>>;
    fn keep_audit_anchors(&self, anchors: Vec<Seal>) -> BoxedFuture<'_, Result<(), Fault>>;
}

/// Directories of this machine.
pub trait DirectoriesPort: Debug + Send + Sync {
    /// Which working tree `path`, which is absolute, belongs to. One that does not exist is told by its name alone.
    /// Nothing in the directory is run, and no more of it is read than what names the tree.
    fn locate(&self, path: PathBuf) -> BoxedFuture<'_, Result<Location, Fault>>;
    /// The branch that a working tree is on; none without git, or off every branch.
    fn branch(&self, tree: PathBuf) -> BoxedFuture<'_, Option<String>>;
}

/// Those who call, by their keys.
pub trait CallersPort: Debug + Send + Sync {
    /// Who `principal` is now: its key may have another role or other scopes than when it was presented. One that counts
    /// no more is refused as any wrong key is. Asked often: cheap.
    fn still<'a>(&'a self, principal: &'a Principal) -> BoxedFuture<'a, Result<Principal, Fault>>;
}

/// Processes of this machine.
pub trait ProcessesPort: Debug + Send + Sync {
    /// Names this machine since its last start.
    fn machine(&self) -> String;
    /// The process that has `pid` now; none when there is none.
    fn find(&self, pid: u32) -> Option<Process>;
    /// Whether the very process still runs.
    fn is_alive(&self, process: &Process) -> bool;
}

/// The process that answers.
pub trait ServicePort: Debug + Send + Sync {
    fn facts(&self) -> ServiceFacts;
}

/// The admin key in force.
#[derive(Debug, Clone)]
pub struct ActiveAdminKey {
    pub source: AdminKeySource,
    pub fingerprint: String,
}

/// Where the admin key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdminKeySource {
    /// The file `admin-key` of the state directory.
    File,
    /// Configuration: `BRAINS_API_KEY` or the key `api_key`.
    Configuration,
}

/// The configuration in force.
#[derive(Debug, Clone, Default)]
pub struct ActiveConfig {
    pub config: Arc<Config>,
    pub provenance: Arc<Provenance>,
    pub warnings: Vec<Problem>,
    /// Why the newest files are not in force; empty when they are.
    pub problems: Vec<Problem>,
}

/// One change of the overlay.
#[derive(Debug, Clone, PartialEq)]
pub struct OverlayEdit {
    /// Dotted path, `models.cheap.model`.
    pub key: String,
    /// `None` removes it.
    pub value: Option<Value>,
}

/// What the overlay shall be.
#[derive(Debug, Clone, PartialEq)]
pub enum Proposal {
    /// As it is, with these edits.
    Edits(Vec<OverlayEdit>),
    /// This text.
    Text(String),
}

/// The overlay at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overlay {
    /// The text of the file, as it stands there.
    pub text: String,
    /// What may be kept of it elsewhere: its tree, raw secrets covered.
    pub shown: Value,
    /// Whether the text holds no raw secret, comments included, so that it may be kept as it is.
    pub open: bool,
}

/// An overlay that may be written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OverlayCandidate {
    pub next: Overlay,
    /// What it replaces.
    pub previous: Overlay,
    pub warnings: Vec<Problem>,
}

/// How a reload reads the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileReading {
    /// As they are: whoever asks for it has written them.
    AtOnce,
    /// Once they hold still: whoever writes them may not be done, and a file that was emptied to be written in place is
    /// a sound one.
    Settled,
}

/// A reload that went well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reloaded {
    /// Whether anything differs from before.
    pub changed: bool,
    /// Since when what is in force is: an edit may have come into force by itself before anybody asked.
    pub since: Millis,
    pub warnings: Vec<Problem>,
}

/// What there is to know about the running process.
#[derive(Debug, Clone, Default)]
pub struct ServiceFacts {
    pub version: String,
    pub started_at: Option<Millis>,
    /// Base URL by listener: `gateway`, later `dashboard` and `mcp`.
    pub urls: BTreeMap<String, String>,
}

/// A name that a request may carry as `model`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Model")]
pub struct ModelName {
    /// What a request writes into `model`.
    pub id: String,
    /// What it stands for: `automatic`, `tier` or `model`.
    pub kind: String,
    /// The tier, when it names one.
    pub tier: Option<String>,
    /// The provider instance that answers first.
    pub provider: Option<String>,
    /// The model's name at that provider.
    pub model: Option<String>,
}

/// A label's share.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LabelScore {
    pub label: String,
    pub score: f64,
}

/// One thing that the classifier noticed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SignalSeen {
    pub name: String,
    pub weight: f64,
    /// What in the request it saw.
    pub evidence: String,
}

/// What the classifier says about a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Classification {
    /// The task label, `unknown` when nothing spoke for any.
    pub task_type: String,
    /// Between 0 and 1.
    pub confidence: f64,
    /// `trivial`, `easy`, `medium` or `hard`, when the classifier tells it.
    pub complexity: Option<String>,
    /// The tier that the classifier recommends, when it does.
    pub recommended_model_tier: Option<String>,
    pub needs_codebase: bool,
    pub needs_external_docs: bool,
    pub freshness_required: bool,
    /// Every label with its score, best first.
    pub scores: Vec<LabelScore>,
    /// What spoke for and against.
    pub signals: Vec<SignalSeen>,
    /// The component that said so; none when the configured default stood in for it.
    pub component: Option<String>,
}

/// One candidate in the order of trying.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PlannedAttempt {
    pub provider: String,
    pub model: String,
    pub tier: Option<String>,
    /// `relay` or `translate`, when the provider has told.
    pub lane: Option<String>,
    /// The policy's score.
    pub score: Option<f64>,
}

/// Where a request would go, in order.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RoutePlan {
    /// None when the request names its model itself.
    pub classification: Option<Classification>,
    /// The tier that was picked, when one was.
    pub tier: Option<String>,
    /// How the candidates were found, as in the header `x-brains-strategy`.
    pub strategy: String,
    /// Why, in one line, as in the header `x-brains-route-reason`.
    pub reason: String,
    /// Candidates in the order of trying.
    pub attempts: Vec<PlannedAttempt>,
}

/// One step of the way from request to model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExplainedStep {
    /// `resolve`, `classify`, `route`, …
    pub step: String,
    /// What happened in it.
    pub detail: String,
}

/// Why a request would go where it goes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Explanation {
    /// The model name that the request carries.
    pub requested: String,
    /// The provider instance tried first.
    pub provider: String,
    /// The model asked for there.
    pub model: String,
    /// None when the request names its model itself.
    pub classification: Option<Classification>,
    /// The tier that was picked, when one was.
    pub tier: Option<String>,
    /// How the candidates were found, as in the header `x-brains-strategy`.
    pub strategy: String,
    /// Why, in one line, as in the header `x-brains-route-reason`.
    pub reason: String,
    /// Candidates in the order of trying.
    pub attempts: Vec<PlannedAttempt>,
    /// Step by step.
    pub steps: Vec<ExplainedStep>,
    /// The routing headers that the next such request would carry.
    pub headers: BTreeMap<String, String>,
}
