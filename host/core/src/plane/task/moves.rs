//! The state machine of a task. Each move takes the task, who moves it and the time, and gives the task as it
//! is afterwards or says why not: who holds it, since when, and what to do instead.

use super::{Block, Priority, TaskRecord, TaskStatus};
use crate::id::{Id, Session};
use crate::{Fault, Millis};

/// Who moves a task.
#[derive(Debug, Clone, Copy)]
pub struct Mover<'a> {
    /// Slug of the operator.
    pub operator: &'a str,
    /// The session that acts; none for a person.
    pub session: Option<&'a Id<Session>>,
    /// A person who may decide over what others hold (maintainer of the workspace). Never an agent.
    pub authority: bool,
}

impl Mover<'_> {
    fn holds(self, task: &TaskRecord) -> bool {
        self.session.is_some() && self.session == task.holder.as_ref()
    }

    /// Whether `assignee` names this session or its operator.
    pub fn answers_to(self, assignee: &str) -> bool {
        assignee == self.operator || self.session.is_some_and(|session| session.as_str() == assignee)
    }
}

/// What a claim did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    Fresh,
    /// The holder claimed again: its lease is renewed.
    Renewed,
}

impl TaskRecord {
    /// Refuses a change that was decided on an older revision.
    pub fn expect_revision(&self, expected: Option<u64>) -> Result<(), Fault> {
        match expected {
            Some(expected) if expected != self.revision => Err(Fault::conflict(format!(
                "`{}` is at revision {}, not {expected}: somebody changed it since",
                self.code, self.revision
            ))
            .code("stale_revision")
            .param("expected_revision")
            .hint("`show_task` shows it as it is now; decide again on that")),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether its claim ended by time.
    pub fn lease_is_over(&self, now: Millis) -> bool {
        self.status == TaskStatus::InProgress && self.lease_expires_at.is_some_and(|end| end <= now)
    }

    /// Takes the task for the mover's session.
    pub fn claim(
        mut self,
        mover: Mover<'_>,
        now: Millis,
        lease_ms: Option<i64>,
    ) -> Result<(Self, Claimed), Fault> {
        let Some(session) = mover.session else {
            return Err(Fault::invalid(format!("`{}` can only be claimed by a session", self.code))
                .code("session_required")
                .param("session")
                .hint("`start_session` starts one"));
        };
        match self.status {
            TaskStatus::InProgress if mover.holds(&self) && !self.lease_is_over(now) => {
                self.lease_expires_at = lease_ms.map(|ms| now.plus_ms(ms)).or(self.lease_expires_at);
                return Ok((self, Claimed::Renewed));
            }
            TaskStatus::InProgress if self.lease_is_over(now) => self.free(),
            TaskStatus::InProgress => return Err(self.held()),
            TaskStatus::Blocked => return Err(self.is_blocked()),
            TaskStatus::Done | TaskStatus::Archived => return Err(self.closed("claimed")),
            TaskStatus::Available => {}
        }
        if self.open_dependencies > 0 {
            return Err(Fault::conflict(format!(
                "`{}` waits for {} of {}",
                self.code,
                self.open_dependencies,
                self.depends_on.join(", ")
            ))
            .code("dependencies_open")
            .hint("`next_task` gives one that can be worked on now"));
        }
        if let Some(assignee) = self.assignee.as_deref().filter(|assignee| !mover.answers_to(assignee)) {
            return Err(Fault::conflict(format!("`{}` is assigned to `{assignee}`", self.code))
                .code("task_assigned")
                .hint("`assign_task` changes that; `next_task` gives another one"));
        }
        self.status = TaskStatus::InProgress;
        self.holder = Some(session.clone());
        self.claimed_at = Some(now);
        self.lease_expires_at = lease_ms.map(|ms| now.plus_ms(ms));
        self.attempts = self.attempts.saturating_add(1);
        Ok((self, Claimed::Fresh))
    }

    /// Gives a held task back.
    pub fn release(mut self, mover: Mover<'_>) -> Result<Self, Fault> {
        match self.status {
            TaskStatus::InProgress if mover.holds(&self) || mover.authority => {}
            TaskStatus::InProgress => return Err(self.held()),
            TaskStatus::Available => {
                return Err(Fault::conflict(format!("nobody holds `{}`", self.code)).code("task_not_held"));
            }
            TaskStatus::Blocked => return Err(self.is_blocked()),
            TaskStatus::Done | TaskStatus::Archived => return Err(self.closed("released")),
        }
        self.free();
        Ok(self)
    }

    /// What the end of its holder's session or lease does to a held task.
    #[must_use]
    pub fn abandon(mut self) -> Self {
        self.free();
        self
    }

    /// Ends the task well.
    pub fn complete(mut self, mover: Mover<'_>, now: Millis, summary: Option<String>) -> Result<Self, Fault> {
        match self.status {
            TaskStatus::InProgress if mover.holds(&self) || mover.authority => {}
            TaskStatus::InProgress => return Err(self.held()),
            TaskStatus::Available | TaskStatus::Blocked if mover.authority => {}
            TaskStatus::Available => {
                return Err(Fault::conflict(format!("you do not hold `{}`: nobody does", self.code))
                    .code("task_not_held")
                    .hint("claim it first: `claim_task`"));
            }
            TaskStatus::Blocked => return Err(self.is_blocked()),
            TaskStatus::Done | TaskStatus::Archived => return Err(self.closed("completed")),
        }
        self.status = TaskStatus::Done;
        self.block = None;
        self.lease_expires_at = None;
        self.completed_at = Some(now);
        self.completion_summary = summary;
        Ok(self)
    }

    /// Says that the task cannot go on. Its holder lets go of it.
    pub fn block(
        mut self,
        mover: Mover<'_>,
        now: Millis,
        reason: String,
        on: Option<String>,
    ) -> Result<Self, Fault> {
        match self.status {
            TaskStatus::InProgress if !mover.holds(&self) && !mover.authority => return Err(self.held()),
            TaskStatus::Done | TaskStatus::Archived => return Err(self.closed("blocked")),
            TaskStatus::Available | TaskStatus::InProgress | TaskStatus::Blocked => {}
        }
        let since = self.block.as_ref().map_or(now, |block| block.since);
        self.free();
        self.status = TaskStatus::Blocked;
        self.block = Some(Block { reason, on, since });
        Ok(self)
    }

    /// Lets a blocked task go on.
    pub fn unblock(mut self) -> Result<Self, Fault> {
        if self.status != TaskStatus::Blocked {
            return Err(Fault::conflict(format!("`{}` is not blocked, it is {}", self.code, self.status))
                .code("task_not_blocked"));
        }
        self.free();
        Ok(self)
    }

    /// Takes a closed task up again.
    pub fn reopen(mut self) -> Result<Self, Fault> {
        if !self.status.is_closed() {
            return Err(Fault::conflict(format!(
                "`{}` is {}: only a closed task is reopened",
                self.code, self.status
            ))
            .code("task_not_closed"));
        }
        self.free();
        self.completed_at = None;
        self.completion_summary = None;
        Ok(self)
    }

    /// Puts the task out of sight. `waiting` are the codes of open tasks that wait for it.
    pub fn archive(mut self, mover: Mover<'_>, waiting: &[String]) -> Result<Self, Fault> {
        match self.status {
            TaskStatus::InProgress if !mover.holds(&self) && !mover.authority => return Err(self.held()),
            TaskStatus::Archived => return Err(self.closed("archived")),
            TaskStatus::Available | TaskStatus::InProgress | TaskStatus::Blocked if !waiting.is_empty() => {
                return Err(Fault::conflict(format!(
                    "{} still waits for `{}`, which is not done",
                    waiting.join(", "),
                    self.code
                ))
                .code("task_needed")
                .hint("complete it, or take it out of their `depends_on` with `update_task`"));
            }
            TaskStatus::Available | TaskStatus::InProgress | TaskStatus::Blocked | TaskStatus::Done => {}
        }
        if self.status != TaskStatus::Done {
            self.free();
        }
        self.status = TaskStatus::Archived;
        Ok(self)
    }

    /// Says who alone may claim it; nobody in particular when none.
    pub fn assign(mut self, mover: Mover<'_>, assignee: Option<String>) -> Result<Self, Fault> {
        if self.status.is_closed() {
            return Err(self.closed("assigned"));
        }
        let stays = assignee.as_deref().is_none_or(|assignee| {
            self.holder.as_ref().is_some_and(|holder| holder.as_str() == assignee)
                || assignee == mover.operator
        });
        if self.status == TaskStatus::InProgress && !mover.holds(&self) && !mover.authority && !stays {
            return Err(self.held());
        }
        self.assignee = assignee;
        Ok(self)
    }

    /// Refuses to change the text of a task that is out of sight.
    pub fn may_change(&self) -> Result<(), Fault> {
        if self.status == TaskStatus::Archived { Err(self.closed("changed")) } else { Ok(()) }
    }

    fn free(&mut self) {
        self.status = TaskStatus::Available;
        self.holder = None;
        self.claimed_at = None;
        self.lease_expires_at = None;
        self.block = None;
    }

    fn held(&self) -> Fault {
        let holder = self.holder.as_ref().map_or("somebody", |holder| holder.as_str());
        let since = self.claimed_at.map(|at| format!(" since {at}")).unwrap_or_default();
        let until = self.lease_expires_at.map(|at| format!(", until {at} at most")).unwrap_or_default();
        Fault::conflict(format!("`{}` is held by {holder}{since}{until}", self.code))
            .code("task_held")
            .hint(format!("`next_task` gives another one; `send_message` to {holder} asks for this one"))
    }

    fn is_blocked(&self) -> Fault {
        let reason = self.block.as_ref().map_or("no reason was given", |block| block.reason.as_str());
        let reason: String = reason.chars().take(200).collect();
        Fault::conflict(format!("`{}` is blocked: {reason}", self.code))
            .code("task_blocked")
            .hint("`unblock_task` lets it go on")
    }

    fn closed(&self, verb: &str) -> Fault {
        Fault::conflict(format!("`{}` is {}, it cannot be {verb}", self.code, self.status))
            .code("task_closed")
            .hint("`reopen_task` takes it up again")
    }
}

/// What `next_task` gives first: what is assigned to the asker, then the more urgent, then the older.
pub fn next_order(assigned: bool, priority: Priority, id: &str) -> (bool, Priority, &str) {
    (!assigned, priority, id)
}
