//! An answer that broke off in the middle of a text, read back from the frames that its client got: whichever way they came, what
//! goes on with it is more of the same answer.

use super::{AnswerIdentity, ClientWire, Ingress, StreamWriter};
use crate::anthropic_messages::client::AnthropicMessagesClient;
use crate::openai_chat::client::OpenAiChatClient;
use crate::openai_responses::client::OpenAiResponsesClient;
use crate::sse::Frames;

/// One text, and nothing else, of an answer that has not said why it stops.
#[derive(Debug)]
pub struct BrokenAnswer {
    /// All of it so far.
    pub text: String,
    /// Writes what follows; the text is its block 0.
    pub writer: StreamWriter,
}

impl Ingress {
    /// Marks where an answer broke off and was gone on with: a comment, which readers of server-sent events leave out.
    pub const CONTINUED: &str = ": continued\n\n";

    /// Reads it; none where something else was said, or where the wire has no way to go on. `identity` is what the answer does
    /// not say of itself.
    pub fn broken_answer(
        self,
        sent: &[u8],
        identity: &AnswerIdentity,
        include_usage: bool,
    ) -> Option<BrokenAnswer> {
        let mut cut = Frames::default();
        let mut frames = cut.push(sent).ok()?;
        frames.extend(cut.finish());
        let (text, writer) = match self {
            Self::OpenAiChat => {
                let (text, writer) = OpenAiChatClient::resumed(&frames, identity, include_usage)?;
                (text, StreamWriter::OpenAiChat(writer))
            }
            Self::OpenAiResponses => {
                let (text, writer) = OpenAiResponsesClient::resumed(&frames, identity, include_usage)?;
                (text, StreamWriter::OpenAiResponses(Box::new(writer)))
            }
            Self::AnthropicMessages => {
                let (text, writer) = AnthropicMessagesClient::resumed(&frames, identity, include_usage)?;
                (text, StreamWriter::AnthropicMessages(writer))
            }
            // A completion is all one text; what is asked of it is not a turn.
            Self::OpenAiCompletions | Self::OpenAiCompaction => return None,
        };
        Some(BrokenAnswer { text, writer })
    }
}
