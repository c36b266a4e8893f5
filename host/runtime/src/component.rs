//! The life of components: what is offered, which versions are loaded, what serves, and how that changes. Which version
//! should serve is a rule of `core::plane::component`; here it is carried out.
//!
//! `catalog` knows what is offered (`bundle`, `directory`, `blob_store`), `loader` makes code of it, `history` remembers
//! across restarts, `active` is what serves, `drains` is what still runs beside it, `change` is the one place that changes
//! any of this (with `build` for the instances of a change), `registry` is the door for the other rooms.

mod active;
pub(crate) mod blob_store;
mod build;
pub mod bundle;
mod catalog;
mod change;
mod configured_part;
pub(crate) mod directory;
pub(crate) mod drains;
mod events;
pub(crate) mod history;
mod loader;
mod preparation;
mod records;
mod registry;
mod version_event;

use std::sync::Arc;

use brains_core::plane::component::reason::{NextStep, StandingReason};
use brains_core::redact::redact;

use crate::runtime::Runtime;
use catalog::Catalog;
use history::VersionHistory;
use version_event::VersionEvents;

pub use active::ActiveSet;
pub use registry::{ComponentPlaces, ComponentRegistry, Rollback};
pub use version_event::VersionEvent;

/// How a step is called where people read it, for the component of an id.
pub type Advice = fn(&str, &NextStep) -> String;

/// What changes and readers work with. Each part has at most a short lock of its own.
#[derive(Debug)]
pub(crate) struct ComponentParts {
    runtime: Arc<Runtime>,
    catalog: Catalog,
    history: VersionHistory,
    events: VersionEvents,
    advice: Advice,
}

impl ComponentParts {
    /// A reason as people read it.
    fn reason_text(&self, id: &str, reason: &StandingReason) -> String {
        match &reason.next {
            Some(next) => format!("{}; {}", reason.text, (self.advice)(id, next)),
            None => reason.text.clone(),
        }
    }

    /// Wakes whoever writes down what becomes of versions.
    fn notify(&self) {
        self.runtime.shared().alarms.notify.notify_one();
    }
}

/// An error with its causes, on one line, without what looks like a secret: a component has a word in it.
fn reason_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    redact(&text).into_owned()
}
