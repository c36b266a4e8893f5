//! What holds of every client's wire, whichever it is.

use std::sync::Arc;

use super::{AnswerIdentity, ErrorReport, FrameOutcome, Ingress};
use crate::canon::{BlockEnd, BlockKind, BlockStart, Delta, Event, Fault, Finish, Start, StopReason, Usage};
use crate::envelope::Envelope;
use crate::sse::Frames;

fn identity(ingress: Ingress) -> AnswerIdentity {
    AnswerIdentity {
        id: ingress.answer_id("01"),
        created: 1_700_000_000,
        model: "m".to_owned(),
        echo: Arc::default(),
    }
}

fn answer() -> Vec<Event> {
    vec![
        Event::Start(Start::default()),
        Event::BlockStart(BlockStart { choice: 0, index: 0, kind: BlockKind::Text }),
        Event::Delta(Delta { choice: 0, index: 0, text: "hi".to_owned() }),
        Event::BlockEnd(BlockEnd { choice: 0, index: 0, signature: None, extra: None }),
        Event::Usage(Usage { input: 3, output: 1, ..Usage::default() }),
        Event::Finish(Finish { choice: 0, reason: StopReason::EndTurn, stop_sequence: None }),
    ]
}

#[test]
fn each_has_a_name_and_a_surface_of_its_own() {
    for ingress in Ingress::ALL {
        let named: Vec<Ingress> =
            Ingress::ALL.into_iter().filter(|other| other.name() == ingress.name()).collect();
        assert_eq!(named, [ingress]);
        assert!(!ingress.surface().is_empty());
    }
    assert_eq!((Ingress::OpenAiChat.name(), Ingress::OpenAiChat.surface()), ("openai-chat", "chat"));
    assert_eq!(Ingress::OpenAiChat.answer_id("01jz"), "chatcmpl-01jz");
}

/// What we write is a whole answer to who reads it on the way.
#[test]
fn an_answer_that_is_written_is_whole() {
    for ingress in Ingress::ALL {
        let body = ingress.answer(&answer(), &identity(ingress)).unwrap();
        let mut tee = ingress.tee();
        assert_eq!(tee.whole(body.as_bytes()), Ok(()));
        assert_eq!(tee.observed().usage.as_ref().map(|usage| usage.input), Some(3));
        assert_eq!(tee.observed().id, Some(ingress.answer_id("01")));

        let (mut writer, mut out) = (ingress.stream_writer(&identity(ingress), true), String::new());
        for event in answer() {
            writer.push(&event, &mut out).unwrap();
        }
        writer.finish(&mut out).unwrap();
        assert!(out.ends_with(ingress.terminator()));
        assert_eq!(writer.usage().map(|usage| usage.input), Some(3));
        let (mut tee, frames) = (ingress.tee(), Frames::default().push(out.as_bytes()).unwrap());
        let (last, pieces) = frames.split_last().unwrap();
        for piece in pieces {
            let outcome = tee.frame(Some(&piece.data));
            assert!(matches!(outcome, FrameOutcome::Forward | FrameOutcome::UsageOnly), "{outcome:?}");
        }
        assert!(ingress.is_terminator(&last.data));
        assert_eq!(tee.frame(Some(&last.data)), FrameOutcome::Done);
        assert!(tee.begun() && tee.ended() && tee.observed().done);
    }
}

#[test]
fn an_error_never_looks_like_an_answer() {
    for ingress in Ingress::ALL {
        let error = ErrorReport { status: 502, message: "gone", param: None, code: Some("upstream_error") };
        assert!(ingress.tee().whole(ingress.error_body(&error).as_bytes()).is_err());
        let event = ingress.error_event(&error);
        let mut tee = ingress.tee();
        let frames = Frames::default().push(event.as_bytes()).unwrap();
        let outcome = tee.frame(Some(&frames[0].data));
        let told = |fault: &Fault| fault.message == "gone";
        let known =
            matches!(&outcome, FrameOutcome::Error(fault) | FrameOutcome::Failed(fault) if told(fault));
        assert!(known, "{event}: {outcome:?}");
        assert!(!tee.ended());
        assert!(ingress.answer(&answer()[..3], &identity(ingress)).is_err());
    }
}

#[test]
fn a_head_without_a_conversation_is_refused() {
    for ingress in Ingress::ALL {
        let envelope = Envelope::scan(br#"{"model":"m"}"#).unwrap();
        assert!(ingress.read_head(&envelope).unwrap_err().param.is_some());
    }
}

/// The frames of an answer that breaks off are read back, and what goes on with it is what would have come anyway.
#[test]
fn an_answer_that_broke_off_is_gone_on_with_as_one() {
    for ingress in [Ingress::OpenAiChat, Ingress::OpenAiResponses, Ingress::AnthropicMessages] {
        let say = |text: &str| Event::Delta(Delta { choice: 0, index: 0, text: text.to_owned() });
        let head = [
            Event::Start(Start::default()),
            Event::BlockStart(BlockStart { choice: 0, index: 0, kind: BlockKind::Text }),
            say("One, "),
            say("\"two\"\n"),
        ];
        let tail = [
            say("three."),
            Event::BlockEnd(BlockEnd { choice: 0, index: 0, signature: None, extra: None }),
            Event::Usage(Usage { input: 3, output: 1, ..Usage::default() }),
            Event::Finish(Finish { choice: 0, reason: StopReason::EndTurn, stop_sequence: None }),
        ];
        let (mut unbroken, mut sent, mut rest) =
            (ingress.stream_writer(&identity(ingress), true), String::new(), String::new());
        for event in &head {
            unbroken.push(event, &mut sent).expect("written");
        }
        for event in &tail {
            unbroken.push(event, &mut rest).expect("written");
        }
        unbroken.finish(&mut rest).expect("an end");

        // What is not known of the answer is in its frames.
        let other = AnswerIdentity {
            id: "other".to_owned(),
            created: 1,
            model: "other".to_owned(),
            echo: Arc::default(),
        };
        let sent = sent.replace("\n\n", "\n\n: keep-alive\n\n");
        let broken = ingress.broken_answer(sent.as_bytes(), &other, true).expect("a text that broke off");
        assert_eq!(broken.text, "One, \"two\"\n", "{ingress:?}");
        let (mut writer, mut more) = (broken.writer, String::new());
        for event in &tail {
            writer.push(event, &mut more).expect("written");
        }
        writer.finish(&mut more).expect("an end");
        assert_eq!(more, rest, "{ingress:?}");
        // One that has ended did not break off.
        assert!(ingress.broken_answer((sent + &rest).as_bytes(), &other, true).is_none(), "{ingress:?}");
    }
}

#[test]
fn only_a_text_is_gone_on_with() {
    for ingress in [Ingress::OpenAiChat, Ingress::OpenAiResponses, Ingress::AnthropicMessages] {
        let call = BlockKind::ToolCall(crate::canon::ToolStart {
            id: "call_1".to_owned(),
            name: "look".to_owned(),
            namespace: None,
            signature: None,
            origin: None,
        });
        for kind in [BlockKind::Reasoning, call, BlockKind::Refusal] {
            // On this wire a refusal is a text: who wrote it knows.
            if ingress == Ingress::AnthropicMessages && kind == BlockKind::Refusal {
                continue;
            }
            for with_text in [false, true] {
                let mut events = vec![Event::Start(Start::default())];
                if with_text {
                    events.push(Event::BlockStart(BlockStart { choice: 0, index: 0, kind: BlockKind::Text }));
                    events.push(Event::Delta(Delta { choice: 0, index: 0, text: "x".to_owned() }));
                    events.push(Event::BlockEnd(BlockEnd {
                        choice: 0,
                        index: 0,
                        signature: None,
                        extra: None,
                    }));
                }
                events.push(Event::BlockStart(BlockStart { choice: 0, index: 1, kind: kind.clone() }));
                events.push(Event::Delta(Delta { choice: 0, index: 1, text: "{".to_owned() }));
                let (mut writer, mut sent) = (ingress.stream_writer(&identity(ingress), true), String::new());
                for event in &events {
                    writer.push(event, &mut sent).expect("written");
                }
                let broken = ingress.broken_answer(sent.as_bytes(), &identity(ingress), true);
                assert!(broken.is_none(), "{ingress:?}, {kind:?}: {sent}");
            }
        }
        assert!(ingress.broken_answer(b"", &identity(ingress), true).is_none(), "{ingress:?}");
    }
}
