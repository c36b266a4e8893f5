use proptest::prelude::*;

use super::{Continuing, prefix};
use crate::canon::{
    BlockEnd, BlockKind, BlockStart, Delta, Event, Finish, Start, StopReason, ToolStart, Usage,
};

fn opens(index: u32, kind: BlockKind) -> Event {
    Event::BlockStart(BlockStart { choice: 0, index, kind })
}

fn says(index: u32, text: &str) -> Event {
    Event::Delta(Delta { choice: 0, index, text: text.to_owned() })
}

fn ends(index: u32) -> Event {
    Event::BlockEnd(BlockEnd { choice: 0, index, signature: None, extra: None })
}

fn stops() -> Event {
    Event::Finish(Finish { choice: 0, reason: StopReason::EndTurn, stop_sequence: None })
}

/// The text that the client has in the end.
fn joined(before: &str, pieces: &[&str]) -> String {
    let mut continuing = Continuing::new(before, Usage::default());
    let mut events = vec![Event::Start(Start::default()), opens(3, BlockKind::Text)];
    events.extend(pieces.iter().map(|piece| says(3, piece)));
    let said = continuing.events(events).expect("a text");
    let more = said.iter().map(|event| match event {
        Event::Delta(Delta { index: 0, text, .. }) => text.as_str(),
        other => panic!("{other:?} is no text"),
    });
    before.to_owned() + &more.collect::<String>()
}

#[test]
fn no_space_stands_there_twice() {
    assert_eq!(joined("One two", &[" three"]), "One two three");
    assert_eq!(joined("One two ", &[" three"]), "One two three");
    assert_eq!(joined("One two ", &["three"]), "One two three");
    assert_eq!(joined("A list:\n\n", &["\n", "\n- one"]), "A list:\n\n- one");
    assert_eq!(joined("A list:\n\n", &["\n- one", "\n\n- two"]), "A list:\n\n- one\n\n- two");
    assert_eq!(joined("x ", &["", " ", " y"]), "x  y", "what is said beyond that is said");
}

proptest! {
    /// A model that goes on exactly from what it was sent gives the text as it would have been, however it is cut.
    #[test]
    fn the_text_is_exact(text in "[ab \n]{1,24}", cut in 0_usize..24, sizes in prop::collection::vec(1_usize..4, 24)) {
        let before = text.get(..cut.min(text.len())).expect("one byte a character");
        if let Some(sent) = prefix(before) {
            let mut rest = text.get(sent.len()..).expect("a rest");
            let mut pieces = Vec::new();
            for size in sizes {
                let (piece, later) = rest.split_at(size.min(rest.len()));
                pieces.push(piece);
                rest = later;
            }
            prop_assert_eq!(joined(before, &pieces), text);
        }
    }
}

#[test]
fn what_comes_behind_the_text_is_blocks_of_its_own() {
    let mut continuing = Continuing::new("Let me look", Usage { input: 9, output: 3, ..Usage::default() });
    let call = || {
        BlockKind::ToolCall(ToolStart {
            id: "c".to_owned(),
            name: "look".to_owned(),
            namespace: None,
            signature: None,
            origin: None,
        })
    };
    let events =
        [opens(0, BlockKind::Text), says(0, " there."), ends(0), opens(1, call()), says(1, "{}"), ends(1)];
    let told = continuing.events(events.to_vec()).expect("an answer");
    assert_eq!(told, [says(0, " there."), ends(0), opens(2, call()), says(2, "{}"), ends(2)]);
    let used = Usage { input: 12, output: 5, ..Usage::default() };
    let told = continuing.events(vec![Event::Usage(used.clone()), stops()]).expect("an end");
    let both = Usage { input: 9, output: 8, ..Usage::default() };
    assert_eq!(told, [Event::Usage(both), stops()]);
    assert_eq!(continuing.counted(), Some(&used), "each is billed for its own");

    // A model that has nothing to add may end, or call at once.
    let mut continuing = Continuing::new("Done", Usage::default());
    assert_eq!(continuing.events(vec![stops()]).expect("an end"), [ends(0), stops()]);
    let mut continuing = Continuing::new("Done", Usage::default());
    assert_eq!(continuing.events(vec![opens(0, call())]).expect("a call"), [ends(0), opens(1, call())]);
}

#[test]
fn a_model_that_begins_anew_does_not_go_on() {
    for kind in [BlockKind::Reasoning, BlockKind::RedactedReasoning("x".to_owned()), BlockKind::Refusal] {
        assert!(Continuing::new("text", Usage::default()).events(vec![opens(0, kind)]).is_err());
    }
    assert_eq!((prefix("  \n"), prefix("a \n")), (None, Some("a")));
}
