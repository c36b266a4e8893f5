//! Mail: messages between the sessions of the workspaces, each delivered to each recipient once. Sending is in
//! `mail/send.rs`, what the program itself tells in `mail/post.rs`, reading and waiting in `mail/read.rs`, looking at what was in
//! `mail/look.rs`, the line beside other results in `mail/notice.rs`.

mod look;
mod notice;
mod post;
mod read;
mod send;

use brains_core::Fault;
use brains_core::id::{Id, Message};

pub(crate) use look::{AcknowledgeMessage, ListMessages, ShowMessage, ShowThread};
pub(crate) use notice::Addressee;
pub(super) use post::Notice;
pub(crate) use read::{ReadMessages, WaitMessages};
pub(crate) use send::SendMessage;

const NOUN: &str = "mail";

/// What is told of a message that is not there, or that is not the caller's to see.
fn absent(message: &Id<Message>) -> Fault {
    Fault::not_found("message", message)
        .code("message_not_found")
        .param("message")
        .hint("`list_messages` shows what your session got and sent")
}
