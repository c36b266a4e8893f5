//! A component's log: so many lines in a second, each cut, on one line and redacted.

use std::sync::{Arc, Mutex};

use brains_core::Ambient;
use brains_core::redact::redact;
use brains_core::sync::Unpoisoned as _;
use wasmtime::component::Linker;

use super::{ComponentImports, Factor, FactorView, InstanceDefinition, RetainedState};
use crate::allowances::Allowances;
use crate::bindings::log;
use crate::context::InstanceIdentity;
use crate::guest::state::GuestState;
use crate::guest_log::GuestLog;
use crate::output_redaction::OutputRedaction;

const LINES_PER_SECOND: u32 = 64;
/// The most of a line that is kept; of what a guest prints too.
pub(super) const LINE_BYTES: usize = 4 * 1024;

/// The log of one instance.
pub(crate) struct LogFactor {
    by: Arc<InstanceIdentity>,
    redaction: OutputRedaction,
    retained: Arc<RetainedState>,
    /// Its newest lines.
    newest: Arc<GuestLog>,
    allowances: Arc<Allowances>,
    ambient: Arc<dyn Ambient>,
}

/// Lets through so many lines in a second and counts the rest.
#[derive(Debug, Default)]
pub(crate) struct LogRate(Mutex<Second>);

#[derive(Debug, Default)]
struct Second {
    began_us: u64,
    lines: u32,
    dropped: u64,
}

/// May a line pass, and how many before it did not.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passage {
    Passes {
        dropped: u64,
    },
    /// `first` is the one after which the rest of the second stays too.
    Stays {
        first: bool,
    },
}

impl LogRate {
    /// `shared` tells whether all components together may write one more.
    pub(super) fn ask(&self, now_us: u64, shared: impl FnOnce() -> bool) -> Passage {
        let mut second = self.0.lock_unpoisoned();
        if second.lines == 0 || now_us.saturating_sub(second.began_us) >= 1_000_000 {
            second.began_us = now_us;
            second.lines = 0;
        }
        if second.lines >= LINES_PER_SECOND || !shared() {
            // Marks that this second has told so already.
            let first = second.lines <= LINES_PER_SECOND;
            second.lines = LINES_PER_SECOND + 1;
            second.dropped += 1;
            return Passage::Stays { first };
        }
        second.lines += 1;
        Passage::Passes { dropped: std::mem::take(&mut second.dropped) }
    }
}

impl LogFactor {
    /// Writes one line: limited, cut and redacted.
    pub(crate) fn write(&self, level: tracing::Level, message: &str, fields: &[(String, String)]) {
        let InstanceIdentity { component: id, instance: name } = &*self.by;
        let now_us = self.ambient.monotonic_us();
        match self.retained.log.ask(now_us, || self.allowances.line(now_us)) {
            Passage::Stays { first } => {
                if first {
                    tracing::warn!(
                        component.id = %id, instance = %name, lines_per_second = LINES_PER_SECOND,
                        "a component logs more than it may, the rest of this second is dropped"
                    );
                }
                return;
            }
            Passage::Passes { dropped: 0 } => {}
            Passage::Passes { dropped } => {
                tracing::warn!(component.id = %id, instance = %name, dropped, "lines of a component were dropped");
            }
        }
        let message = clean(&self.redaction.head(message, LINE_BYTES));
        let fields = clean(&self.joined(fields));
        self.newest.keep(&self.by, self.ambient.now(), level, &message, &fields);
        match level {
            tracing::Level::ERROR => {
                tracing::error!(component.id = %id, instance = %name, %fields, said = %message, "component");
            }
            tracing::Level::WARN => {
                tracing::warn!(component.id = %id, instance = %name, %fields, said = %message, "component");
            }
            tracing::Level::INFO => {
                tracing::info!(component.id = %id, instance = %name, %fields, said = %message, "component");
            }
            tracing::Level::DEBUG => {
                tracing::debug!(component.id = %id, instance = %name, %fields, said = %message, "component");
            }
            tracing::Level::TRACE => {
                tracing::trace!(component.id = %id, instance = %name, %fields, said = %message, "component");
            }
        }
    }

    /// No more of the fields than a line holds.
    fn joined(&self, fields: &[(String, String)]) -> String {
        let mut line = String::new();
        for (name, value) in fields {
            if line.len() >= LINE_BYTES {
                break;
            }
            let space = if line.is_empty() { "" } else { " " };
            let (name, value) =
                (self.redaction.head(name, LINE_BYTES), self.redaction.head(value, LINE_BYTES));
            line.extend([space, &name, "=", &value]);
        }
        // A secret may lie across the names and values.
        self.redaction.head(&line, LINE_BYTES).into_owned()
    }
}

/// One line of bounded length, without what could pass for another line or steer a terminal.
pub(super) fn clean(text: &str) -> String {
    let one_line: String =
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let said = redact(&one_line);
    said.get(..said.floor_char_boundary(LINE_BYTES)).unwrap_or_default().to_owned()
}

impl Factor for LogFactor {
    type State = ();

    fn link(linker: &mut Linker<GuestState>, _: &ComponentImports<'_>) -> wasmtime::Result<()> {
        log::add_to_linker::<_, Self>(linker, Self::view)
    }

    fn configure(definition: &InstanceDefinition<'_>) -> Self {
        let services = definition.services;
        Self {
            by: Arc::clone(definition.identity),
            redaction: definition.redaction.clone(),
            retained: Arc::clone(definition.retained),
            newest: Arc::clone(&services.guest_log),
            allowances: Arc::clone(&services.allowances),
            ambient: Arc::clone(&services.ambient),
        }
    }
}

impl log::Host for FactorView<'_, LogFactor> {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) {
        let level = match level {
            log::Level::Trace => tracing::Level::TRACE,
            log::Level::Debug => tracing::Level::DEBUG,
            log::Level::Info => tracing::Level::INFO,
            log::Level::Warn => tracing::Level::WARN,
            log::Level::Error => tracing::Level::ERROR,
        };
        self.factor.write(level, &message, &fields);
    }
}
