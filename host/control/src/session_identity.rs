//! Acting as a session (contract 5.4): by the connection that started or resumed it, by a native id that it was bound
//! to, or by its token. A session id alone opens nothing.

use std::collections::HashMap;
use std::sync::Mutex;

use brains_core::caller::NativeId;
use brains_core::id::Session;
use brains_core::plane::session::{CONNECTION, SessionRecord, foreign, missing};
use brains_core::sync::Unpoisoned as _;
use brains_core::{Caller, Fault, Id, Millis, Principal};
use brains_store::{Rows, SessionSelector, Store, Tx};

use crate::workspace_role::role_in;

/// How many of the sessions that an id was tied to are looked at for one of the caller's operator.
const LAST_LINKS: u32 = 8;

/// The session that is [`SessionIdentity::called`] so.
#[derive(Debug)]
pub(crate) enum SessionLookup {
    /// Nobody has looked.
    NotYet,
    /// There was one, or none.
    Is(Option<Box<SessionRecord>>),
}

/// What a caller can show, owned, so that a write can look at it.
#[derive(Debug, Clone)]
pub(crate) struct SessionIdentity {
    principal: Principal,
    named: Option<Id<Session>>,
    connection: Option<String>,
    native: Vec<NativeId>,
    token_hash: Option<String>,
    /// Without a session nothing is done.
    always: bool,
}

impl SessionIdentity {
    pub(crate) fn of(principal: &Principal, caller: &Caller, named: Option<Id<Session>>) -> Self {
        Self {
            principal: principal.clone(),
            named,
            connection: caller.connection.clone(),
            native: caller.native.clone(),
            token_hash: caller.token.as_ref().map(brains_core::Secret::sha256_hex),
            always: false,
        }
    }

    /// The same, for what the caller does as a session only.
    pub(crate) fn always(self) -> Self {
        Self { always: true, ..self }
    }

    /// Whether the session was named rather than recognised.
    pub(crate) fn is_named(&self) -> bool {
        self.named.is_some() || self.token_hash.is_some()
    }

    /// The session that the caller is, which lives; none when it names none and is recognised as none.
    pub(crate) async fn find(&self, rows: &mut Rows, now: Millis) -> Result<Option<SessionRecord>, Fault> {
        let session = match &self.named {
            Some(id) => Some(self.named(rows, id).await?),
            None => self.recognised(rows, now).await?,
        };
        match &session {
            Some(session) => session.check_alive(now)?,
            None if self.always => return Err(missing()),
            None => {}
        }
        Ok(session)
    }

    /// As [`SessionIdentity::find`], for what only a session can do.
    pub(crate) async fn require(&self, rows: &mut Rows, now: Millis) -> Result<SessionRecord, Fault> {
        self.find(rows, now).await?.ok_or_else(missing)
    }

    /// What tells the session by itself; a connection and native ids take looking.
    pub(crate) fn called(&self) -> Option<SessionSelector<'_>> {
        let token = self.token_hash.as_deref().map(SessionSelector::Token);
        self.named.as_ref().map(SessionSelector::Id).or(token)
    }

    /// The same as [`SessionIdentity::require`], inside a write: renews the lease, and the audit log names the session from here
    /// on. `seen` is what a look at [`SessionIdentity::called`] found, if there was one.
    pub(crate) async fn enter(
        &self,
        tx: &mut Tx,
        seen: SessionLookup,
    ) -> Result<Option<SessionRecord>, Fault> {
        let now = tx.now();
        let found = match (seen, &self.named) {
            (SessionLookup::Is(seen), Some(id)) => Some(self.proved(tx, id, seen.map(|seen| *seen)).await?),
            (SessionLookup::Is(seen), None) => Some(self.of_token(seen.map(|seen| *seen))?),
            (SessionLookup::NotYet, _) => self.find(tx, now).await?,
        };
        let Some(mut session) = found else { return Ok(None) };
        session.check_alive(now)?;
        if session.is_due(now) {
            tx.renew_session(&session.id, None).await?;
            session.last_seen_at = now;
            session.lease_until = now.plus_ms(session.lease_ms);
        }
        tx.act_as(&session);
        Ok(Some(session))
    }

    /// Renews the lease of the session that the caller is recognised as, when it is time; tells how long it is.
    pub(crate) async fn renew(&self, store: &Store, now: Millis) -> Result<Option<i64>, Fault> {
        let session = self.find(&mut *store.look().await?, now).await?;
        let Some(session) = session else { return Ok(None) };
        let lease_ms = session.lease_ms;
        if session.is_due(now) {
            store
                .touch(move |tx| {
                    Box::pin(async move { Ok(tx.renew_session(&session.id, None).await.map(drop)?) })
                })
                .await?;
        }
        Ok(Some(lease_ms))
    }

    /// The session that the caller shows that it is, alive or not; an id alone shows nothing. Of several that a
    /// connection or native id was, the one that lives counts, else the last.
    pub(crate) async fn proven(&self, rows: &mut Rows) -> Result<Option<Id<Session>>, Fault> {
        if let Some(id) = &self.named {
            let session = rows.session(id).await?;
            return Ok(match session {
                Some(session) if self.is(rows, &session).await? => Some(session.id),
                _ => None,
            });
        }
        let owner = self.principal.owner();
        if let Some(hash) = &self.token_hash {
            let session = rows.session_by_token(hash).await?.filter(|session| session.operator == owner);
            return Ok(session.map(|session| session.id));
        }
        let connection = self.connection.iter().map(|value| (CONNECTION, value));
        let native = self.native.iter().map(|native| (native.kind.as_str(), &native.value));
        for (kind, value) in connection.chain(native) {
            if let Some(session) = rows.session_by_link(kind, value, owner).await? {
                return Ok(Some(session.id));
            }
            for link in rows.linked_sessions(kind, value, LAST_LINKS).await? {
                let session = rows.session(&link.session).await?;
                if let Some(session) = session.filter(|session| session.operator == owner) {
                    return Ok(Some(session.id));
                }
            }
        }
        Ok(None)
    }

    /// Whether the caller shows that it is `session`, alive or not.
    pub(crate) async fn is(&self, rows: &mut Rows, session: &SessionRecord) -> Result<bool, Fault> {
        if session.operator != self.principal.owner() {
            return Ok(false);
        }
        if self.token_hash.as_ref() == Some(&session.token_hash) {
            return Ok(true);
        }
        if let Some(connection) = &self.connection
            && rows.is_linked(&session.id, CONNECTION, connection).await?
        {
            return Ok(true);
        }
        for native in &self.native {
            if rows.is_linked(&session.id, &native.kind, &native.value).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn named(&self, rows: &mut Rows, id: &Id<Session>) -> Result<SessionRecord, Fault> {
        let seen = rows.session(id).await?;
        self.proved(rows, id, seen).await
    }

    async fn proved(
        &self,
        rows: &mut Rows,
        id: &Id<Session>,
        seen: Option<SessionRecord>,
    ) -> Result<SessionRecord, Fault> {
        let session = seen.ok_or_else(|| unknown_session(id))?;
        if self.is(rows, &session).await? {
            return Ok(session);
        }
        // Not found before not yours: one in a workspace that the caller cannot see does not exist.
        let seen = match rows.workspace(&session.workspace).await? {
            Some(workspace) => role_in(rows, &self.principal, &workspace).await?.is_some(),
            None => false,
        };
        Err(if seen { foreign(id) } else { unknown_session(id) })
    }

    fn of_token(&self, seen: Option<SessionRecord>) -> Result<SessionRecord, Fault> {
        seen.filter(|session| session.operator == self.principal.owner()).ok_or_else(|| {
            Fault::forbidden("the session token is not valid")
                .code("session_token_unknown")
                .param("session_token")
                .hint("a resumed session has a fresh token; `start_session` gives you another session")
        })
    }

    /// Refuses a caller who cannot show that it is `session`.
    pub(crate) async fn prove(&self, rows: &mut Rows, session: &SessionRecord) -> Result<(), Fault> {
        if self.is(rows, session).await? { Ok(()) } else { Err(foreign(&session.id)) }
    }

    async fn recognised(&self, rows: &mut Rows, now: Millis) -> Result<Option<SessionRecord>, Fault> {
        if let Some(hash) = &self.token_hash {
            let seen = rows.session_by_token(hash).await?;
            return self.of_token(seen).map(Some);
        }
        let connection = self.connection.iter().map(|value| (CONNECTION, value));
        let native = self.native.iter().map(|native| (native.kind.as_str(), &native.value));
        for (kind, value) in connection.chain(native) {
            let found = rows.session_by_link(kind, value, self.principal.owner()).await?;
            if let Some(session) = found.filter(|session| session.lives(now)) {
                return Ok(Some(session));
            }
        }
        Ok(None)
    }
}

/// When the leases behind callers are to be looked at again, so that a caller in a hurry costs no look at the database.
#[derive(Debug, Default)]
pub(crate) struct Renewals(Mutex<HashMap<String, Millis>>);

impl Renewals {
    /// Callers that are remembered; past it all are forgotten, and looked at once more.
    const MOST: usize = 10_000;
    /// Often enough for the shortest lease: a twentieth of it.
    const SOON_MS: i64 = 50;
    /// Seldom enough for all others, and soon enough for one that somebody else shortens to the shortest meanwhile.
    const LATE_MS: i64 = 250;

    /// Whether it is time to look again.
    pub(crate) fn is_due(&self, name: &str, now: Millis) -> bool {
        let mut next = self.0.lock_unpoisoned();
        // A clock that was set back is no reason to wait.
        if next.get(name).is_some_and(|at| (1..=Self::LATE_MS).contains(&at.since(now))) {
            return false;
        }
        if next.len() >= Self::MOST {
            next.clear();
        }
        next.insert(name.to_owned(), now.plus_ms(Self::SOON_MS));
        true
    }

    /// A lease of this length was looked at.
    pub(crate) fn looked(&self, name: String, now: Millis, lease_ms: i64) {
        let wait_ms = (lease_ms / 20).clamp(Self::SOON_MS, Self::LATE_MS);
        self.0.lock_unpoisoned().insert(name, now.plus_ms(wait_ms));
    }
}

/// A session that is not there, or that the caller must not know of.
pub(crate) fn unknown_session(id: &Id<Session>) -> Fault {
    Fault::not_found("session", id)
        .code("session_not_found")
        .param("session")
        .hint("`list_sessions` shows those that you can see")
}
