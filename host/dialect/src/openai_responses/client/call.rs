//! A call as an item, under the name that the client knows, and the events that tell it.

use super::events::{EventPlace, Sequence};
use crate::canon::{Json, ToolStart};
use crate::ingress::{RequestEcho, ToolAlias};
use crate::json::{Members, Node, check, quote};

/// A call while it is told.
#[derive(Debug)]
pub(super) struct SaidCall {
    pub(super) id: String,
    pub(super) call_id: String,
    name: String,
    namespace: Option<String>,
    free_form: bool,
    /// As it came from upstream.
    pub(super) arguments: String,
}

/// What goes upstream instead of free text has this one member.
pub(super) const INPUT: &str = "input";

impl SaidCall {
    /// `unique` is what item ids of the answer are told apart by.
    pub(super) fn new(start: &ToolStart, echo: &RequestEcho, unique: &str) -> Self {
        let sent = match &start.namespace {
            Some(namespace) => format!("{namespace}__{}", start.name),
            None => start.name.clone(),
        };
        let alias = echo.tools.iter().find(|alias| alias.sent == sent);
        let (name, namespace, free_form) = match alias {
            Some(ToolAlias { name, namespace, free_form, .. }) => {
                (name.clone(), namespace.clone(), *free_form)
            }
            None => (start.name.clone(), start.namespace.clone(), false),
        };
        let id = format!("{}_{unique}", if free_form { "ctc" } else { "fc" });
        Self { id, call_id: start.id.clone(), name, namespace, free_form, arguments: String::new() }
    }

    fn item(&self, status: &str, said: &str) -> Json {
        let (kind, member) =
            if self.free_form { ("custom_tool_call", INPUT) } else { ("function_call", "arguments") };
        let mut out = Members::new();
        out.string("id", &self.id)
            .string("type", kind)
            .string("status", status)
            .string("call_id", &self.call_id)
            .string("name", &self.name)
            .maybe_string("namespace", self.namespace.as_deref())
            .string(member, said);
        out.finish()
    }

    pub(super) fn begin(&self, output: usize, sequence: &mut Sequence, out: &mut String) {
        sequence.item("response.output_item.added", output, &self.item("in_progress", ""), out);
    }

    /// Free text is told at the end: until then nobody knows what of it is text.
    pub(super) fn say(&mut self, text: &str, output: usize, sequence: &mut Sequence, out: &mut String) {
        self.arguments.push_str(text);
        if !self.free_form {
            self.delta("response.function_call_arguments.delta", text, output, sequence, out);
        }
    }

    /// Ends the call, and gives its item.
    pub(super) fn end(mut self, output: usize, sequence: &mut Sequence, out: &mut String) -> Json {
        let place = |id| EventPlace { item: id, output, part: None };
        let item = if self.free_form {
            let input = free_text(&self.arguments);
            self.delta("response.custom_tool_call_input.delta", &input, output, sequence, out);
            let kind = "response.custom_tool_call_input.done";
            sequence.part(kind, place(&self.id), &[(INPUT, &quote(&input))], out);
            self.item("completed", &input)
        } else {
            if self.arguments.is_empty() {
                // What takes nothing gets an object with nothing in it.
                self.say("{}", output, sequence, out);
            }
            let (arguments, name) = (quote(&self.arguments), quote(&self.name));
            let members = [("name", name.as_str()), ("arguments", arguments.as_str())];
            sequence.part("response.function_call_arguments.done", place(&self.id), &members, out);
            // One that a limit cut is none to be run.
            let whole = self.arguments.trim_start().starts_with('{') && check(&self.arguments).is_ok();
            self.item(if whole { "completed" } else { "incomplete" }, &self.arguments)
        };
        sequence.item("response.output_item.done", output, &item, out);
        item
    }

    fn delta(&self, kind: &str, text: &str, output: usize, sequence: &mut Sequence, out: &mut String) {
        let place = EventPlace { item: &self.id, output, part: None };
        sequence.part(kind, place, &[("delta", &quote(text))], out);
    }
}

/// The text inside of the object that went upstream instead of it. What a model made up otherwise is shown as it is.
fn free_text(arguments: &str) -> String {
    let read = || {
        let mut object = Node::root(arguments).object().ok()?;
        object.string(INPUT).ok().flatten()
    };
    read().unwrap_or_else(|| arguments.to_owned())
}
