//! One write, seen from its closure: rows, the time, who does it, and the audit heads that it holds.

use std::sync::Arc;

use brains_core::author::Author;
use brains_core::id::Noun;
use brains_core::plane::session::SessionRecord;
use brains_core::principal::SYSTEM;
use brains_core::{Ambient, Id, Millis};

use crate::audit::head::AuditHead;
use crate::audit::sealing::Sealing;
use crate::births::Births;
use crate::error::StoreError;
use crate::rows::Rows;
use crate::text::storable;
use crate::write::actor::Cause;
use crate::write::scope::Scope;

/// One write: everything done through it is kept together or not at all.
pub struct Tx {
    pub(crate) rows: Rows,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) births: Births,
    pub(crate) at: Millis,
    pub(crate) cause: Option<Cause>,
    pub(crate) heads: Vec<AuditHead>,
    /// Heads as closures before this one left them in the same transaction, which holds them.
    pub(crate) held: Vec<AuditHead>,
    pub(crate) sealing: Sealing,
    /// A counter of [`crate::generation_watcher`] moved.
    pub(crate) bumped: bool,
    /// What [`crate::notifier`] tells after the commit.
    pub(crate) announced: Vec<String>,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("at", &self.at).field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl std::ops::Deref for Tx {
    type Target = Rows;

    fn deref(&self) -> &Rows {
        &self.rows
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Rows {
        &mut self.rows
    }
}

impl Tx {
    pub(crate) fn new(rows: Rows, ambient: Arc<dyn Ambient>, births: Births, sealing: Sealing) -> Self {
        Self {
            rows,
            ambient,
            births,
            at: Millis(0),
            cause: None,
            heads: Vec::new(),
            held: Vec::new(),
            sealing,
            bumped: false,
            announced: Vec::new(),
        }
    }

    /// When this write happens: one instant for all of it.
    pub fn now(&self) -> Millis {
        self.at
    }

    /// An id for a row of this write. Those of one scope rise in the order of their writes, whatever the clock says:
    /// what is listed by its id is listed by its age.
    pub fn mint<N: Noun>(&mut self) -> Id<N> {
        let last = self.heads.iter().map(|head| head.born_ms).max().unwrap_or(0);
        let born = self.births.next(self.at.0.max(last.saturating_add(1)));
        for head in &mut self.heads {
            head.born_ms = born;
        }
        Id::mint_at(&*self.ambient, Millis(born))
    }

    /// Starts one closure: locks its scopes in order and reads their heads.
    pub(crate) async fn enter(&mut self, cause: Option<Cause>) -> Result<(), StoreError> {
        self.at = self.ambient.now();
        self.start_over();
        if let Some(cause) = &cause {
            for scope in cause.scopes.in_order() {
                let held = self.held.iter().find(|head| head.scope() == scope).cloned();
                let head = match held {
                    Some(head) => head,
                    None => AuditHead::lock(&mut self.rows, scope).await?,
                };
                self.heads.push(head);
            }
        }
        self.cause = cause;
        Ok(())
    }

    /// Forgets what a closure left behind that failed.
    pub(crate) fn start_over(&mut self) {
        self.heads.clear();
        self.rows.start_over();
    }

    /// Wakes, after the commit, whoever listens for `topic`. One that is rolled back may wake them for nothing.
    pub(crate) fn announce(&mut self, topic: String) {
        self.announced.push(topic);
    }

    /// Whether this write holds the head of `scope`.
    pub fn holds(&self, scope: &Scope) -> bool {
        self.heads.iter().any(|head| head.scope() == scope)
    }

    /// From here on rows and entries name `session` as the one that did it. What an agent's session does, an agent does,
    /// whatever key it is done with.
    pub fn act_as(&mut self, session: &SessionRecord) {
        if let Some(cause) = &mut self.cause {
            cause.actor.session = Some(session.id.clone());
            cause.actor.agent |= session.agent;
        }
    }

    /// Who does this write. Every row that says who made it says this.
    pub fn author(&self) -> Author {
        match &self.cause {
            Some(cause) => Author {
                operator: storable(&cause.actor.operator).into_owned(),
                session: cause.actor.session.clone(),
                agent: cause.actor.agent,
            },
            None => Author { operator: SYSTEM.into(), session: None, agent: false },
        }
    }

    pub(crate) fn first_scope(&self) -> Option<Scope> {
        self.cause.as_ref().map(|cause| cause.scopes.first.clone())
    }
}
