//! The id of a request that cannot be read, or that is too long to be kept: the member `id` of the outermost object,
//! wherever it stands. It is looked for byte by byte, so that any length takes the same room.

use serde_json::Value;

/// The longest text of an id, in bytes.
const MOST_BYTES: usize = 256;

/// What comes next in the outermost object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Next {
    /// The object itself.
    #[default]
    Object,
    Name,
    /// The colon behind a name; whether that was `id`.
    Colon(bool),
    Value(bool),
    Comma,
    /// Nothing: there is no object, or it is over.
    End,
}

/// Finds the id in what it is fed.
#[derive(Debug, Default)]
pub(crate) struct IdFinder {
    next: Next,
    depth: u32,
    in_text: bool,
    escaped: bool,
    /// The text or number that is read, unless it is too long.
    token: Vec<u8>,
    found: Option<Value>,
}

impl IdFinder {
    /// The id in a whole message.
    pub(crate) fn find(bytes: &[u8]) -> Option<Value> {
        let mut finder = Self::default();
        finder.feed(bytes);
        finder.found
    }

    pub(crate) fn found(self) -> Option<Value> {
        self.found
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.found.is_some() || self.next == Next::End {
                return;
            }
            self.step(*byte);
        }
    }

    fn step(&mut self, byte: u8) {
        if self.in_text {
            self.text(byte);
            return;
        }
        if self.next == Next::Value(true)
            && self.depth == 1
            && matches!(byte, b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n')
        {
            self.number();
        }
        match byte {
            b'"' => {
                self.in_text = true;
                self.token.clear();
            }
            b'{' | b'[' => {
                self.next = match self.next {
                    Next::Object if byte == b'{' => Next::Name,
                    Next::Object => Next::End,
                    Next::Value(_) => Next::Comma,
                    next => next,
                };
                self.depth += 1;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.next = Next::End;
                }
            }
            b',' if self.depth == 1 => self.next = Next::Name,
            b':' if self.depth == 1 => {
                if let Next::Colon(is_id) = self.next {
                    self.next = Next::Value(is_id);
                    self.token.clear();
                }
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ if self.depth == 1 => self.keep(byte),
            _ if self.depth == 0 => self.next = Next::End,
            _ => {}
        }
    }

    fn text(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_text = false;
                if self.depth == 1 {
                    self.end_of_text();
                }
                return;
            }
            _ => {}
        }
        self.keep(byte);
    }

    fn end_of_text(&mut self) {
        self.next = match self.next {
            Next::Name => Next::Colon(self.token == b"id"),
            Next::Value(true) => {
                let quoted = [b"\"", self.token.as_slice(), b"\""].concat();
                let whole = self.token.len() <= MOST_BYTES;
                self.found = serde_json::from_slice(&quoted).ok().filter(|_| whole);
                Next::Comma
            }
            _ => Next::Comma,
        };
    }

    fn number(&mut self) {
        let number: Option<Value> = serde_json::from_slice(&self.token).ok();
        self.found = number.filter(|number| number.is_i64() || number.is_u64());
        if !self.token.is_empty() {
            self.next = Next::Comma;
        }
    }

    /// One byte more than an id may have is kept, so that a longer one is told from it.
    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.token.len() <= MOST_BYTES {
            self.token.push(byte);
        }
    }
}
