//! What comes in and goes out on a connection with one stream each way, stdio or `/sse`: messages are read leniently, an id
//! that is under way is refused, and batches are taken apart and answered as one where the protocol's version has them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};
use serde_json::{Value, json};

use brains_core::sync::Unpoisoned as _;

use crate::message::{self, ParsedMessage, Unreadable};
use crate::pending::taken;

/// The last version of the protocol that has batches.
const LAST_WITH_BATCHES: &str = "2025-03-26";

/// One connection's.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCodec(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Requests that are not answered yet, and the batch that each came in.
    under_way: HashMap<RequestId, Option<u64>>,
    batches: HashMap<u64, Batch>,
    batches_seen: u64,
    has_batches: bool,
}

#[derive(Debug, Default)]
struct Batch {
    left: usize,
    answers: Vec<Value>,
}

/// What came of some bytes.
#[derive(Debug, Default)]
pub(crate) struct DecodedInput {
    /// To be served.
    pub(crate) messages: Vec<ClientJsonRpcMessage>,
    /// To be sent at once.
    pub(crate) answers: Vec<Value>,
}

impl ConnectionCodec {
    /// Takes what a client sent as one message.
    pub(crate) fn take(&self, bytes: &[u8]) -> DecodedInput {
        let mut state = self.state();
        let mut came = DecodedInput::default();
        match message::read(bytes) {
            ParsedMessage::Nothing => {}
            ParsedMessage::Unreadable(unreadable) => came.answers.push(unreadable.answer()),
            ParsedMessage::Message(message) => match state.admit(*message, None) {
                Ok(message) => came.messages.push(message),
                Err(refusal) => came.answers.push(refusal),
            },
            ParsedMessage::Batch(items) if state.has_batches && !items.is_empty() => {
                state.batches_seen += 1;
                let number = state.batches_seen;
                state.batches.insert(number, Batch::default());
                for item in items {
                    let refusal = match message::of_value(item) {
                        ParsedMessage::Message(message) => match state.admit(*message, Some(number)) {
                            Ok(message) => {
                                came.messages.push(message);
                                continue;
                            }
                            Err(refusal) => refusal,
                        },
                        ParsedMessage::Unreadable(unreadable) => unreadable.answer(),
                        ParsedMessage::Batch(_) | ParsedMessage::Nothing => continue,
                    };
                    if let Some(batch) = state.batches.get_mut(&number) {
                        batch.answers.push(refusal);
                    }
                }
                came.answers.extend(state.finished(number));
            }
            ParsedMessage::Batch(_) => came.answers.push(Unreadable::batch().answer()),
        }
        came
    }

    /// What is to be written for a message to the client; none while its batch waits for others. It cannot fail but for a
    /// message that is no JSON.
    pub(crate) fn give(&self, message: &ServerJsonRpcMessage) -> Result<Option<String>, serde_json::Error> {
        let id = match message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        let Some(id) = id else { return serde_json::to_string(message).map(Some) };
        let mut state = self.state();
        let batch = state.under_way.remove(id).flatten();
        let value = serde_json::to_value(message)?;
        if let Some(version) = value.pointer("/result/protocolVersion").and_then(Value::as_str) {
            state.has_batches = version <= LAST_WITH_BATCHES;
        }
        let Some(number) = batch else { return Ok(Some(value.to_string())) };
        if let Some(batch) = state.batches.get_mut(&number) {
            batch.left = batch.left.saturating_sub(1);
            batch.answers.push(value);
        }
        Ok(state.finished(number).map(|answers| answers.to_string()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock_unpoisoned()
    }
}

impl State {
    /// Lets a message through, or tells why it is refused.
    fn admit(
        &mut self,
        message: ClientJsonRpcMessage,
        batch: Option<u64>,
    ) -> Result<ClientJsonRpcMessage, Value> {
        match &message {
            JsonRpcMessage::Request(request) => {
                if self.under_way.contains_key(&request.id) {
                    let error = taken(&request.id);
                    return Err(json!({ "jsonrpc": "2.0", "id": request.id, "error": error }));
                }
                self.under_way.insert(request.id.clone(), batch);
                if let Some(batch) = batch.and_then(|number| self.batches.get_mut(&number)) {
                    batch.left += 1;
                }
            }
            // Nobody waits for its answer any more.
            JsonRpcMessage::Notification(note) => {
                if let ClientNotification::CancelledNotification(cancelled) = &note.notification
                    && let Some(id) = &cancelled.params.request_id
                    && let Some(Some(number)) = self.under_way.remove(id)
                    && let Some(batch) = self.batches.get_mut(&number)
                {
                    batch.left = batch.left.saturating_sub(1);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
        Ok(message)
    }

    /// The answers of a batch, when none is missing.
    fn finished(&mut self, number: u64) -> Option<Value> {
        if self.batches.get(&number)?.left > 0 {
            return None;
        }
        let batch = self.batches.remove(&number)?;
        (!batch.answers.is_empty()).then(|| Value::Array(batch.answers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: u64) -> Vec<u8> {
        json!({ "jsonrpc": "2.0", "id": id, "method": "ping" }).to_string().into_bytes()
    }

    fn answer(id: u32) -> ServerJsonRpcMessage {
        serde_json::from_value(json!({ "jsonrpc": "2.0", "id": id, "result": {} })).unwrap()
    }

    fn greet(codec: &ConnectionCodec, version: &str) {
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "result": {
            "protocolVersion": version, "capabilities": {}, "serverInfo": { "name": "s", "version": "1" } } });
        codec.give(&serde_json::from_value(hello).unwrap()).unwrap();
    }

    #[test]
    fn an_id_is_free_again_when_it_is_answered_or_cancelled() {
        let codec = ConnectionCodec::default();
        assert_eq!(codec.take(&request(1)).messages.len(), 1);
        let second = codec.take(&request(1));
        assert!(second.messages.is_empty() && second.answers[0]["error"]["code"] == -32600, "{second:?}");
        codec.give(&answer(1)).unwrap().unwrap();
        assert_eq!(codec.take(&request(1)).messages.len(), 1);
        codec.take(br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
        assert_eq!(codec.take(&request(1)).messages.len(), 1);
    }

    #[test]
    fn batches_are_answered_as_one_where_there_are_any() {
        let batch = json!([
            { "jsonrpc": "2.0", "id": 1, "method": "ping" },
            { "jsonrpc": "2.0", "method": "notifications/initialized" },
            { "jsonrpc": "2.0", "id": 2, "method": 5 },
            { "jsonrpc": "2.0", "id": 3, "method": "ping" },
        ]);
        let codec = ConnectionCodec::default();
        for version in [None, Some("2025-06-18"), Some("2025-11-25")] {
            if let Some(version) = version {
                greet(&codec, version);
            }
            let came = codec.take(batch.to_string().as_bytes());
            assert!(
                came.messages.is_empty() && came.answers[0].to_string().contains("no batches"),
                "{came:?}"
            );
        }
        greet(&codec, "2025-03-26");
        let came = codec.take(batch.to_string().as_bytes());
        assert_eq!((came.messages.len(), came.answers.len()), (3, 0));
        assert_eq!(codec.give(&answer(3)).unwrap(), None);
        let all: Vec<Value> = serde_json::from_str(&codec.give(&answer(1)).unwrap().unwrap()).unwrap();
        let ids: Vec<_> = all.iter().map(|one| one["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, [2, 3, 1]);
        assert!(codec.take(b"[]").answers[0]["error"]["code"] == -32600);
    }
}
