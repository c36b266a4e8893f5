//! Lines in, lines out. A line that is too long is read past and thrown away as it comes; all that is kept of it is its id.
//! Nothing is lost when a read is given up midway: what came is in here.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::service::RoleServer;
use rmcp::transport::Transport;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::connection_codec::{ConnectionCodec, DecodedInput};
use crate::message::{IdFinder, MOST_BYTES, Unreadable};

/// Answers that may wait to be written.
const QUEUE: usize = 64;

/// Standard input and output as a transport.
pub(super) struct StdioTransport<R> {
    input: BufReader<R>,
    line: Line,
    codec: Arc<ConnectionCodec>,
    messages: VecDeque<ClientJsonRpcMessage>,
    owed: VecDeque<String>,
    answers: Option<mpsc::Sender<String>>,
}

/// The line that is being read.
#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    /// What looks for the id in a line that is longer than any message may be.
    too_long: Option<IdFinder>,
}

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        if let Some(finder) = &mut self.too_long {
            finder.feed(bytes);
        } else if self.bytes.len() + bytes.len() <= MOST_BYTES {
            self.bytes.extend_from_slice(bytes);
        } else {
            let mut finder = IdFinder::default();
            finder.feed(&std::mem::take(&mut self.bytes));
            finder.feed(bytes);
            self.too_long = Some(finder);
        }
    }

    /// What the line came to; the next one begins.
    fn end(&mut self, codec: &ConnectionCodec) -> DecodedInput {
        let line = std::mem::take(self);
        match line.too_long {
            Some(finder) => {
                let answer = Unreadable::too_long(finder.found()).answer();
                DecodedInput { messages: Vec::new(), answers: vec![answer] }
            }
            None => codec.take(&line.bytes),
        }
    }
}

impl<R: AsyncRead + Unpin> StdioTransport<R> {
    /// `tasks` own the writing.
    pub(super) fn new(
        input: R,
        output: impl AsyncWrite + Send + Unpin + 'static,
        tasks: &TaskTracker,
    ) -> Self {
        let (answers, waiting) = mpsc::channel(QUEUE);
        tasks.spawn(write(waiting, output));
        Self {
            input: BufReader::new(input),
            line: Line::default(),
            codec: Arc::default(),
            messages: VecDeque::new(),
            owed: VecDeque::new(),
            answers: Some(answers),
        }
    }

    /// The next line, or none at the end of the input.
    async fn next_line(&mut self) -> Option<DecodedInput> {
        loop {
            let (used, ended) = match self.input.fill_buf().await {
                // A last line without its end counts, too.
                Ok([]) | Err(_) if self.line.bytes.is_empty() && self.line.too_long.is_none() => return None,
                Ok([]) | Err(_) => (0, true),
                Ok(bytes) => {
                    let at = bytes.iter().position(|byte| *byte == b'\n');
                    self.line.push(bytes.get(..at.unwrap_or(bytes.len())).unwrap_or_default());
                    (at.map_or(bytes.len(), |at| at + 1), at.is_some())
                }
            };
            self.input.consume(used);
            if ended {
                return Some(self.line.end(&self.codec));
            }
        }
    }
}

/// Writes lines until nobody sends any more, or nobody reads them.
async fn write(mut waiting: mpsc::Receiver<String>, mut output: impl AsyncWrite + Unpin) {
    while let Some(mut line) = waiting.recv().await {
        line.push('\n');
        let written = async {
            output.write_all(line.as_bytes()).await?;
            output.flush().await
        };
        if written.await.is_err() {
            return;
        }
    }
}

/// Nobody reads the output any more.
#[derive(Debug)]
pub(super) struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the standard output is closed")
    }
}

impl std::error::Error for Closed {}

impl<R: AsyncRead + Send + Unpin> Transport<RoleServer> for StdioTransport<R> {
    type Error = Closed;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Closed>> + Send + 'static {
        let (codec, answers) = (Arc::clone(&self.codec), self.answers.clone());
        async move {
            let text = codec.give(&message).map_err(|error| {
                tracing::error!(%error, "an answer could not be written as JSON");
                Closed
            })?;
            match (text, answers) {
                (Some(text), Some(answers)) => answers.send(text).await.map_err(|_| Closed),
                (None, Some(_)) => Ok(()),
                (_, None) => Err(Closed),
            }
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            while !self.owed.is_empty() {
                let place = self.answers.as_ref()?.reserve().await.ok()?;
                if let Some(text) = self.owed.pop_front() {
                    place.send(text);
                }
            }
            if let Some(message) = self.messages.pop_front() {
                return Some(message);
            }
            let DecodedInput { messages, answers } = self.next_line().await?;
            self.messages.extend(messages);
            self.owed.extend(answers.iter().map(ToString::to_string));
        }
    }

    async fn close(&mut self) -> Result<(), Closed> {
        self.answers = None;
        Ok(())
    }
}

impl<R> fmt::Debug for StdioTransport<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}
