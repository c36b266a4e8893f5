//! What a client is asked to do in one cell of the matrix, what the scripted model says to it, and how it is told that it did it.

use std::path::Path;

use base64::Engine as _;
use brains_tests::model::agent::{Ask, Next, SIGNATURE};
use brains_tests::upstream::End;
use serde_json::{Value, json};

/// How many calls one loop takes.
const TURNS: usize = 20;
/// What only a helper of the agent knows.
const CELLAR: &str = "The cellar is dry.";
/// What stands for a thought that the vendor keeps itself.
const REFERENCE: &str = "\"id\":\"rs_scripted\"";
const SUBTASK: &str = "SUBTASK: look into the cellar";

/// One thing that agents do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feature {
    Text,
    Tool,
    Loop,
    Parallel,
    Thinking,
    Image,
    Resume,
    Subagent,
    Compaction,
    Cut,
    HangUp,
}

impl Feature {
    pub(super) const ALL: [Self; 11] = [
        Self::Text,
        Self::Tool,
        Self::Loop,
        Self::Parallel,
        Self::Thinking,
        Self::Image,
        Self::Resume,
        Self::Subagent,
        Self::Compaction,
        Self::Cut,
        Self::HangUp,
    ];

    /// As the page names it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Tool => "tool",
            Self::Loop => "20 tool turns",
            Self::Parallel => "parallel tools",
            Self::Thinking => "thinking",
            Self::Image => "image",
            Self::Resume => "resume",
            Self::Subagent => "sub-agent",
            Self::Compaction => "compaction",
            Self::Cut => "a stream that is cut",
            Self::HangUp => "a client that leaves",
        }
    }

    /// How often the client is started: once more where it goes on with what it began.
    pub(super) fn runs(self) -> usize {
        if matches!(self, Self::Resume | Self::Compaction) { 2 } else { 1 }
    }
}

/// How this client's tools are called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hands {
    /// Reads a file, as a text or as a picture.
    pub(super) read: fn(&Path) -> (&'static str, Value),
    pub(super) picture: Option<fn(&Path) -> (&'static str, Value)>,
    /// Asks a helper this.
    pub(super) delegate: Option<fn(&str) -> (&'static str, Value)>,
    /// Waits for the helper, where asking does not; made of what asking came back with.
    pub(super) wait: Option<fn(&str) -> (&'static str, Value)>,
    /// Whether it writes what it does into the text itself, and edits `door.txt` so.
    pub(super) edits: bool,
}

/// One cell: the client's words for its model, its place and what it is to do.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) feature: Feature,
    pub(super) number: usize,
    pub(super) folder: std::path::PathBuf,
    pub(super) hands: Hands,
    /// Whether the model signs what it thinks, and the client's wire has a place for that.
    pub(super) signed: bool,
}

impl Scene {
    /// What the user says.
    pub(super) fn prompt(&self, run: usize) -> String {
        let prompt = match self.feature {
            Feature::Text | Feature::Cut | Feature::HangUp => "Say the word.",
            Feature::Tool | Feature::Thinking => "What colour is the door?",
            Feature::Loop => "Look at the door again and again.",
            Feature::Parallel => "What colours are the door and the wall?",
            Feature::Image => "What is in the picture?",
            Feature::Subagent => "Have a helper look into the cellar.",
            Feature::Resume | Feature::Compaction if run == 0 => "Say the word.",
            Feature::Resume => "Which word was it?",
            Feature::Compaction => "/compact",
        };
        prompt.to_owned()
    }

    /// What its user must read at the end of the last run: the model's words, and in them what its tools found.
    pub(super) fn expected(&self) -> Vec<String> {
        let read = |found: &[&str]| {
            let found = found.iter().map(|found| (*found).to_owned());
            std::iter::once(self.reading()).chain(found).collect()
        };
        match self.feature {
            Feature::Text => vec![self.word()],
            Feature::Tool if self.hands.edits => vec!["Applied edit to door.txt".to_owned()],
            Feature::Tool | Feature::Thinking => read(&["The door is green."]),
            Feature::Loop => vec![format!("Done after {TURNS} turns.")],
            Feature::Parallel => read(&["The door is green.", "The wall is blue."]),
            Feature::Image => vec!["I see 1 picture.".to_owned()],
            Feature::Subagent => read(&[CELLAR]),
            Feature::Resume => vec![format!("It was {}.", self.word())],
            Feature::Compaction | Feature::HangUp => Vec::new(),
            Feature::Cut => vec![self.end()],
        }
    }

    /// How the model begins to say what its tools found.
    fn reading(&self) -> String {
        format!("Reading {}:", self.number)
    }

    fn word(&self) -> String {
        format!("PONG-{}", self.number)
    }

    fn end(&self) -> String {
        format!("and that was all of {}.", self.number)
    }

    fn file(&self, name: &str) -> (&'static str, Value) {
        (self.hands.read)(&self.folder.join(name))
    }

    /// What the model says; `earlier` is how often it was asked before.
    pub(super) fn next(&self, ask: &Ask, earlier: usize) -> Next {
        let call = |calls: &[(&'static str, Value)]| -> Option<Next> {
            let known = calls.iter().map(|(name, input)| Some((ask.tool(name)?, input.clone())));
            known.collect::<Option<Vec<_>>>().map(Next::call)
        };
        let aside = || Next::say("An aside");
        let results = ask.results.join(" ");
        match self.feature {
            Feature::Resume if ask.body.contains(&self.word()) => {
                Next::say(format!("It was {}.", self.word()))
            }
            Feature::Text | Feature::Resume | Feature::Compaction => Next::say(self.word()),
            Feature::Tool if self.hands.edits => Next::say("door.txt\n```\nThe door is red.\n```\n"),
            Feature::Tool if results.is_empty() => call(&[self.file("door.txt")]).unwrap_or_else(aside),
            Feature::Thinking if results.is_empty() => {
                call(&[self.file("door.txt")]).unwrap_or_else(aside).thinking("I had better look.")
            }
            Feature::Loop if ask.results.len() < TURNS => {
                call(&[self.file("door.txt")]).unwrap_or_else(aside)
            }
            Feature::Loop => Next::say(format!("Done after {} turns.", ask.results.len())),
            Feature::Parallel if results.is_empty() => {
                call(&[self.file("door.txt"), self.file("wall.txt")]).unwrap_or_else(aside)
            }
            Feature::Image => match self.hands.picture {
                Some(picture) if ask.results.is_empty() => {
                    call(&[picture(&self.folder.join("pixel.png"))]).unwrap_or_else(aside)
                }
                _ => Next::say(format!("I see {} picture.", ask.images)),
            },
            Feature::Subagent if results.is_empty() && ask.body.contains(SUBTASK) => Next::say(CELLAR),
            Feature::Subagent if ask.results.is_empty() => {
                let delegate = self.hands.delegate.map(|delegate| delegate(SUBTASK));
                delegate.and_then(|one| call(&[one])).unwrap_or_else(aside)
            }
            Feature::Subagent if ask.results.len() == 1 && self.hands.wait.is_some() => {
                let wait = self.hands.wait.map(|wait| wait(&results));
                wait.and_then(|one| call(&[one])).unwrap_or_else(aside)
            }
            Feature::Thinking
                if self.signed && ![SIGNATURE, REFERENCE].iter().any(|back| ask.body.contains(back)) =>
            {
                Next::say("What I thought did not come back to me.")
            }
            Feature::Tool | Feature::Thinking | Feature::Parallel | Feature::Subagent => {
                Next::say(format!("{} {results}", self.reading()))
            }
            Feature::Cut if earlier == 0 => Next::say(self.long()).end(End::Cut),
            Feature::Cut => Next::say(self.long()),
            Feature::HangUp => Next::say(self.long()).end(End::Hang),
        }
    }

    fn long(&self) -> String {
        format!("The word is {} {}", self.word(), self.end())
    }

    /// What lies in the folder that the client works in.
    pub(super) fn furnish(&self) {
        fs_err::create_dir_all(&self.folder).expect("a folder");
        let write =
            |name: &str, content: &[u8]| fs_err::write(self.folder.join(name), content).expect("a file");
        write("door.txt", b"The door is green.\n");
        write("wall.txt", b"The wall is blue.\n");
        let picture = base64::engine::general_purpose::STANDARD.decode(PICTURE).expect("base64");
        write("pixel.png", &picture);
    }
}

/// A client that works by functions which its script answers itself.
pub(super) const LIBRARY: Hands = Hands {
    read: |path| ("read", json!({"file": path.file_name().map(|name| name.to_string_lossy().into_owned())})),
    picture: None,
    delegate: None,
    wait: None,
    edits: false,
};

/// Sixteen by sixteen red pixels.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mP4z8BAEmIY1TCqYfhqAACQ+f8B8u7oVwAAAABJRU5ErkJggg==";
