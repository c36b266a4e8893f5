//! Ids of calls, once in a request: some clients and servers count from one in every turn, and vendors refuse an id that
//! comes twice. Results follow their calls.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::canon::{Content, Message};

/// What an id means now.
struct Meaning {
    /// Calls of the newest turn that used it, whose results have not come yet, the first one last.
    waiting: Vec<String>,
    /// The newest of them.
    newest: String,
    turn: usize,
}

/// Gives every call that has the id of an earlier one, or none, an id of its own.
pub(crate) fn make_unique(messages: &mut [Message]) {
    let calls = || {
        messages.iter().flat_map(|message| &message.parts).filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some(call.id.as_str()),
            _ => None,
        })
    };
    let mut taken: HashMap<String, usize> = HashMap::new();
    let repeated = calls().any(|id| id.is_empty() || taken.insert(id.to_owned(), 0).is_some());
    if !repeated {
        return;
    }
    taken.extend(calls().map(|id| (id.to_owned(), 0)));
    let mut meanings: HashMap<String, Meaning> = HashMap::new();
    for (turn, message) in messages.iter_mut().enumerate() {
        for part in &mut message.parts {
            match &mut part.content {
                Content::ToolCall(call) => {
                    let own = if call.id.is_empty() || meanings.contains_key(&call.id) {
                        free(&call.id, &mut taken)
                    } else {
                        call.id.clone()
                    };
                    meanings.entry(call.id.clone()).or_insert_with(|| Meaning::new(turn)).called(turn, &own);
                    call.id = own;
                }
                Content::ToolResult(result) => {
                    if let Some(meaning) = meanings.get_mut(&result.call_id) {
                        result.call_id = meaning.waiting.pop().unwrap_or_else(|| meaning.newest.clone());
                    }
                }
                _ => {}
            }
        }
    }
}

impl Meaning {
    const fn new(turn: usize) -> Self {
        Self { waiting: Vec::new(), newest: String::new(), turn }
    }

    fn called(&mut self, turn: usize, id: &str) {
        if self.turn != turn {
            self.waiting.clear();
            self.turn = turn;
        }
        self.waiting.insert(0, id.to_owned());
        id.clone_into(&mut self.newest);
    }
}

/// An id that begins like `id` and that no call has.
fn free(id: &str, taken: &mut HashMap<String, usize>) -> String {
    let begin = if id.is_empty() { "call" } else { id };
    let mut count = taken.get(begin).copied().unwrap_or(0).max(1);
    loop {
        count += 1;
        let candidate = format!("{begin}_{count}");
        if let Entry::Vacant(entry) = taken.entry(candidate.clone()) {
            entry.insert(0);
            taken.insert(begin.to_owned(), count);
            return candidate;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::canon::{Content, Message};
    use crate::openai_chat::client::decode;

    /// Every call and result in order, each as it is bound.
    fn bound(messages: &str) -> String {
        let body = format!(r#"{{"model":"m","messages":{messages}}}"#);
        let request = decode(body.as_bytes()).unwrap();
        let said = |message: &Message| {
            let ids = message.parts.iter().filter_map(|part| match &part.content {
                Content::ToolCall(call) => Some(format!("{}={}", call.name, call.id)),
                Content::ToolResult(result) => Some(format!("<{}", result.call_id)),
                _ => None,
            });
            ids.collect::<Vec<_>>()
        };
        request.messages.iter().flat_map(said).collect::<Vec<_>>().join(" ")
    }

    fn turn(calls: &[(&str, &str)]) -> String {
        let calls = calls.iter().map(|(id, name)| {
            format!(r#"{{"id":"{id}","type":"function","function":{{"name":"{name}","arguments":"{{}}"}}}}"#)
        });
        format!(r#"{{"role":"assistant","tool_calls":[{}]}}"#, calls.collect::<Vec<_>>().join(","))
    }

    fn result(id: &str) -> String {
        format!(r#"{{"role":"tool","tool_call_id":"{id}","content":"x"}}"#)
    }

    /// BerriAI/litellm#23510.
    #[test]
    fn an_id_that_comes_twice_is_two() {
        let messages = [
            turn(&[("a", "f"), ("b", "g")]),
            result("b"),
            result("a"),
            turn(&[("a", "h"), ("a_2", "i")]),
            result("a"),
            result("a_2"),
            turn(&[("", "j"), ("", "k")]),
            result(""),
            result(""),
            turn(&[("a", "l"), ("a", "m")]),
            result("a"),
            result("a"),
            result("a"),
        ];
        assert_eq!(
            bound(&format!("[{}]", messages.join(","))),
            "f=a g=b <b <a h=a_3 i=a_2 <a_3 <a_2 j=call_2 k=call_3 <call_2 <call_3 l=a_4 m=a_5 <a_4 <a_5 <a_5"
        );
        assert_eq!(bound(&format!("[{},{}]", turn(&[("a", "f")]), result("a"))), "f=a <a");
    }
}
