//! What an operation is: one input type, one output type, one `run`; and its erased form, from which
//! every surface (HTTP, MCP, command line) and every generated document is made.

use std::future::Future;
use std::sync::Arc;

use brains_core::principal::{KeyScope, Role};
use brains_core::{Caller, Fault, Principal};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::answer_budget::AnswerLists;
use crate::call_requirement::CallRequirement;
use crate::context::Cx;
use crate::field::{self, InputField};
use crate::input;
use crate::input_redaction;
use crate::ports::BoxedFuture;
use crate::request_options::{self, Accepts, RequestOptions};
use crate::tool::{Audience, ToolShape};

pub use crate::cli_shape::{Alias, CliShape, Example, Table};
pub use crate::operation_kind::OperationKind;

/// A verb. The type is its input: its fields are the schema and their comments the descriptions.
pub trait Operation: DeserializeOwned + JsonSchema + Send + 'static {
    /// `verb_noun`, the name on every surface.
    const NAME: &'static str;
    /// The plane it belongs to; names the reference page.
    const NOUN: &'static str;
    const KIND: OperationKind;
    /// The scope that a key needs for it. `gateway` stands for every key: then the operation shows what was done with it.
    const SCOPE: KeyScope = Self::KIND.scope();
    /// The least role that may call it.
    const ROLE: Role;
    const CLI: CliShape;
    const EXAMPLES: &'static [Example];
    /// Names of the same thing in the reference product, accepted on call.
    const FORMER: &'static [&'static str] = &[];
    /// How agents see it.
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND);
    /// Whether a request may carry an idempotency key: its one write goes through [`Cx::write`].
    const ONCE: bool = matches!(Self::KIND, OperationKind::Write);
    /// Whether its input carries a file, so that its body may be as large as uploads are.
    const UPLOAD: bool = false;
    /// Whether its answer makes the caller a session.
    const MAKES_SESSION: bool = false;
    type Output: Serialize + JsonSchema;

    fn run(self, cx: &Cx<'_>) -> impl Future<Output = Result<Self::Output, Fault>> + Send;
}

type Call = for<'a> fn(&'a OperationEntry, Value, &'a Cx<'a>) -> BoxedFuture<'a, Result<Value, Fault>>;
type Check = fn(&OperationEntry, Value) -> Result<(), Fault>;
type Describe = fn(&mut schemars::SchemaGenerator) -> schemars::Schema;

/// An operation without its types.
#[derive(Debug, Clone)]
pub struct OperationEntry {
    pub name: &'static str,
    pub noun: &'static str,
    pub kind: OperationKind,
    pub role: Role,
    pub scope: KeyScope,
    /// The first sentence of the input type's comment.
    pub summary: String,
    /// The whole comment.
    pub description: String,
    /// Self-contained (nothing referenced), closed to unknown members.
    pub input_schema: Value,
    pub output_schema: Value,
    pub examples: &'static [Example],
    pub cli: CliShape,
    pub former: &'static [&'static str],
    pub tool: ToolShape,
    /// Whether a request may carry an idempotency key.
    pub once: bool,
    /// Whether its input carries a file.
    pub upload: bool,
    /// Whether it may be done as a session: its input has a member `session`.
    pub by_session: bool,
    /// The members beside its input that a request may carry.
    accepts: Accepts,
    pub(crate) lists: AnswerLists,
    pub(crate) describe_input: Describe,
    pub(crate) describe_output: Describe,
    call: Call,
    check: Check,
}

impl OperationEntry {
    pub(crate) fn of<O: Operation>() -> Self {
        let mut input_schema = inline_schema::<O>();
        let by_session = input_schema.pointer("/properties/session").is_some();
        let description =
            input_schema.get("description").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let summary = first_sentence(&description);
        let mut output_schema = inline_schema::<O::Output>();
        let lists = match O::TOOL.audience {
            Audience::Everyone => AnswerLists::of(&output_schema, O::CLI.table.map(|table| table.rows)),
            Audience::People => AnswerLists::Unbounded,
        };
        let accepts = Accepts {
            operation: O::NAME,
            once: O::ONCE,
            token: by_session || O::TOOL.audience == Audience::Everyone,
            by_session,
            makes_session: O::MAKES_SESSION,
            lists,
        };
        add_members(&mut input_schema, request_options::properties(accepts));
        add_members(&mut input_schema, lists.input_members());
        add_members(&mut output_schema, lists.answer_members());
        if O::KIND != OperationKind::Read {
            input_redaction::add_warnings_to_schema(&mut output_schema);
        }
        Self {
            name: O::NAME,
            noun: O::NOUN,
            kind: O::KIND,
            role: O::ROLE,
            scope: O::SCOPE,
            summary,
            description,
            input_schema,
            output_schema,
            examples: O::EXAMPLES,
            cli: O::CLI,
            former: O::FORMER,
            tool: O::TOOL,
            once: O::ONCE,
            upload: O::UPLOAD,
            by_session,
            accepts,
            lists,
            describe_input: |generator| generator.subschema_for::<O>(),
            describe_output: |generator| generator.subschema_for::<O::Output>(),
            call: |entry, value, cx| Box::pin(run::<O>(entry, value, cx)),
            check: |entry, mut value| {
                input::lenient::accept(&entry.input_schema, &mut value);
                RequestOptions::open(
                    entry.accepts(),
                    &mut value,
                    &Principal::local(),
                    &Caller::http(),
                    &Arc::default(),
                )?;
                input::read::<O>(&entry.input_schema, value).map(drop)
            },
        }
    }

    /// Whether its answer makes the caller a session.
    pub fn makes_session(&self) -> bool {
        self.accepts.makes_session
    }

    /// The verb on the command line.
    pub fn verb(&self) -> &'static str {
        self.cli.path.last().copied().unwrap_or(self.name)
    }

    /// The input's fields in the order of their declaration, positional ones marked.
    pub fn fields(&self) -> Vec<InputField> {
        field::fields(&self.input_schema, &self.cli)
    }

    /// Whether `principal` may call this at all. What it then sees is up to the operation.
    pub fn permits(&self, principal: &Principal) -> bool {
        self.requirement().permits(principal)
    }

    /// Refuses whoever may not call this at all, whatever the input is.
    pub(crate) fn admit(&self, principal: &Principal, caller: &Caller) -> Result<(), Fault> {
        if !self.permits(principal) {
            tracing::debug!(operation.name = self.name, operator.slug = %principal.operator, "call refused");
            return Err(self.requirement().refusal(principal));
        }
        // People's own business stays theirs, whatever key an agent holds (contract 5.3).
        if self.tool.audience == Audience::People && (caller.agent || principal.agent) {
            return Err(self.requirement().refusal_of_agents());
        }
        Ok(())
    }

    /// What a caller must be to call this.
    pub(crate) fn requirement(&self) -> CallRequirement {
        CallRequirement { operation: self.name, role: self.role, scope: self.scope }
    }

    /// The members beside its input that a request may carry.
    pub(crate) const fn accepts(&self) -> Accepts {
        self.accepts
    }

    /// Checks an input without running anything.
    pub fn check(&self, value: Value) -> Result<(), Fault> {
        (self.check)(self, value)
    }

    pub(crate) async fn call(&self, value: Value, cx: &Cx<'_>) -> Result<Value, Fault> {
        (self.call)(self, value, cx).await
    }
}

async fn run<O: Operation>(entry: &OperationEntry, value: Value, cx: &Cx<'_>) -> Result<Value, Fault> {
    let operation: O = input::read(&entry.input_schema, value)?;
    let output = operation.run(cx).await?;
    serde_json::to_value(output).map_err(|error| {
        tracing::error!(operation.name = entry.name, %error, "an answer could not be written as JSON");
        Fault::internal(format!("the answer of `{}` could not be written as JSON", entry.name))
    })
}

/// Draft 2020-12 with everything in place: what an MCP client and a form builder can read.
fn inline_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Adds members to the schema of an object.
pub(crate) fn add_members(schema: &mut Value, added: Map<String, Value>) {
    if added.is_empty() {
        return;
    }
    if let Some(schema) = schema.as_object_mut()
        && let Some(properties) =
            schema.entry("properties").or_insert_with(|| Value::Object(Map::new())).as_object_mut()
    {
        properties.extend(added);
    }
}

fn first_sentence(text: &str) -> String {
    let line = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    match line.split_once(". ") {
        Some((sentence, _)) => sentence.to_owned(),
        None => line.trim_end_matches('.').to_owned(),
    }
}
