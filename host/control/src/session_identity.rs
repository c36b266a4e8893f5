//! Acting as a session (contract 5.4, 5.13): by the connection that started or resumed it, by a native id that it was
//! bound to, by its token, or by its key, when that is all that the caller shows and no other session of it lives. A
//! session id alone opens nothing. What one call found is looked up once and told to all of it.

mod found;
mod renewals;

use std::sync::Arc;

use brains_core::caller::NativeId;
use brains_core::id::Session;
use brains_core::plane::session::{CONNECTION, SessionRecord, foreign, missing};
use brains_core::{Caller, Fault, Id, Millis, Principal};
use brains_store::{Rows, SessionSelector, Tx};

use self::found::ClaimedIdentity;
pub(crate) use self::found::FoundSession;
pub(crate) use self::renewals::Renewals;
use crate::workspace_role::role_in;

/// How many of the sessions that an id was tied to are looked at for one of the caller's operator.
const LAST_LINKS: u32 = 8;

/// The session of a [`SessionIdentity::selector`].
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
    wanted: ClaimedIdentity,
    connection: Option<String>,
    native: Vec<NativeId>,
    /// Without a session nothing is done.
    always: bool,
    /// What the call found so far.
    found: Arc<FoundSession>,
}

impl SessionIdentity {
    /// `found` is the call's own.
    pub(crate) fn of(
        principal: &Principal,
        caller: &Caller,
        named: Option<Id<Session>>,
        found: Arc<FoundSession>,
    ) -> Self {
        let token_hash = caller.token.as_ref().map(brains_core::Secret::sha256_hex);
        Self {
            principal: principal.clone(),
            wanted: ClaimedIdentity { named, token_hash },
            connection: caller.connection.clone(),
            native: caller.native.clone(),
            always: false,
            found,
        }
    }

    /// The same, for what the caller does as a session only.
    pub(crate) fn always(self) -> Self {
        Self { always: true, ..self }
    }

    /// Whether the session was named rather than recognised.
    pub(crate) fn is_named(&self) -> bool {
        self.wanted.named.is_some() || self.wanted.token_hash.is_some()
    }

    /// The session that the caller is, which lives; none when it names none and is recognised as none. Looked up once
    /// in a call.
    pub(crate) async fn find(&self, rows: &mut Rows, now: Millis) -> Result<Option<SessionRecord>, Fault> {
        let session = match self.found.get(&self.wanted, now) {
            Some(session) => Some(session),
            None => self.look_up(rows, now).await?,
        };
        match &session {
            Some(session) => session.check_alive(now)?,
            None if self.always => return Err(missing()),
            None => {}
        }
        Ok(session)
    }

    async fn look_up(&self, rows: &mut Rows, now: Millis) -> Result<Option<SessionRecord>, Fault> {
        let session = match &self.wanted.named {
            Some(id) => Some(self.named(rows, id, now).await?),
            None => self.recognised(rows, now).await?,
        };
        if let Some(session) = &session {
            self.found.put(&self.wanted, session, now);
        }
        Ok(session)
    }

    /// The session that the call found before.
    pub(crate) fn found(&self, now: Millis) -> Option<Id<Session>> {
        self.found.get(&self.wanted, now).map(|session| session.id)
    }

    /// What tells the session by itself, if something does: that it was `found`, its id, its token. A connection and
    /// native ids take looking.
    pub(crate) fn selector<'a>(&'a self, found: Option<&'a Id<Session>>) -> Option<SessionSelector<'a>> {
        let token = self.wanted.token_hash.as_deref().map(SessionSelector::Token);
        found.or(self.wanted.named.as_ref()).map(SessionSelector::Id).or(token)
    }

    /// The same as [`SessionIdentity::find`], inside a write: renews the lease, and the audit log names the session from here
    /// on. `seen` is what a look by its [`SessionIdentity::selector`] found, if there was one.
    pub(crate) async fn enter(
        &self,
        tx: &mut Tx,
        seen: SessionLookup,
    ) -> Result<Option<SessionRecord>, Fault> {
        let now = tx.now();
        let found = match seen {
            SessionLookup::Is(Some(seen)) if self.found.is_still(&self.wanted, &seen, now) => Some(*seen),
            SessionLookup::Is(seen) => match &self.wanted {
                ClaimedIdentity { named: Some(id), .. } => {
                    Some(self.proved(tx, id, seen.map(|seen| *seen), now).await?)
                }
                ClaimedIdentity { token_hash: Some(hash), .. } => {
                    let seen = seen.map(|seen| *seen).filter(|seen| seen.token_hash == *hash);
                    Some(self.of_token(seen)?)
                }
                _ => self.look_up(tx, now).await?,
            },
            SessionLookup::NotYet => self.look_up(tx, now).await?,
        };
        let Some(mut session) = found else {
            return if self.always { Err(missing()) } else { Ok(None) };
        };
        session.check_alive(now)?;
        self.found.put(&self.wanted, &session, now);
        if session.is_due(now) {
            tx.renew_session(&session.id, None).await?;
            session.last_seen_at = now;
            session.lease_until = now.plus_ms(session.lease_ms);
        }
        self.found.entered();
        tx.act_as(&session);
        Ok(Some(session))
    }

    /// The session that the caller shows that it is, alive or not; an id alone shows nothing. Of several that a
    /// connection or native id was, the one that lives counts, else the last.
    pub(crate) async fn proven(&self, rows: &mut Rows, now: Millis) -> Result<Option<Id<Session>>, Fault> {
        if let Some(id) = self.found(now) {
            return Ok(Some(id));
        }
        let session = self.look_up_proven(rows).await?;
        if let Some(session) = session.as_ref().filter(|session| session.lives(now)) {
            self.found.put(&self.wanted, session, now);
        }
        Ok(session.map(|session| session.id))
    }

    async fn look_up_proven(&self, rows: &mut Rows) -> Result<Option<SessionRecord>, Fault> {
        if let Some(id) = &self.wanted.named {
            let session = rows.session(id).await?;
            return Ok(match session {
                Some(session) if self.is(rows, &session).await? => Some(session),
                _ => None,
            });
        }
        let owner = self.principal.owner();
        if let Some(hash) = &self.wanted.token_hash {
            let session = rows.session_by_token(hash).await?;
            return Ok(session.filter(|session| session.operator == owner));
        }
        let connection = self.connection.iter().map(|value| (CONNECTION, value));
        let native = self.native.iter().map(|native| (native.kind.as_str(), &native.value));
        for (kind, value) in connection.chain(native) {
            if let Some(session) = rows.session_by_link(kind, value, owner).await? {
                return Ok(Some(session));
            }
            for link in rows.linked_sessions(kind, value, LAST_LINKS).await? {
                let session = rows.session(&link.session).await?;
                if let Some(session) = session.filter(|session| session.operator == owner) {
                    return Ok(Some(session));
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
        if self.wanted.token_hash.as_ref() == Some(&session.token_hash) {
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

    /// The session of the caller's key, for a caller whom nothing else tells from others that use it: one with a
    /// connection or a native id of its own would be taken for whoever works already.
    pub(crate) async fn of_key(&self, rows: &mut Rows, now: Millis) -> Result<Option<SessionRecord>, Fault> {
        let Some(key) = &self.principal.key else { return Ok(None) };
        if self.connection.is_some() || !self.native.is_empty() {
            return Ok(None);
        }
        let found = rows.only_session_of_key(key, now).await?;
        Ok(found.filter(|session| session.operator == self.principal.owner()))
    }

    /// Whether the caller may act as `session`: it shows that it is, or its key has no other that lives.
    async fn acts_as(&self, rows: &mut Rows, session: &SessionRecord, now: Millis) -> Result<bool, Fault> {
        if self.is(rows, session).await? {
            return Ok(true);
        }
        Ok(self.of_key(rows, now).await?.is_some_and(|only| only.id == session.id))
    }

    async fn named(&self, rows: &mut Rows, id: &Id<Session>, now: Millis) -> Result<SessionRecord, Fault> {
        let seen = rows.session(id).await?;
        self.proved(rows, id, seen, now).await
    }

    async fn proved(
        &self,
        rows: &mut Rows,
        id: &Id<Session>,
        seen: Option<SessionRecord>,
        now: Millis,
    ) -> Result<SessionRecord, Fault> {
        let session = seen.ok_or_else(|| unknown_session(id))?;
        if self.acts_as(rows, &session, now).await? {
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

    /// Refuses a caller who cannot show that it is `session`, which is the one that is named.
    pub(crate) async fn prove(
        &self,
        rows: &mut Rows,
        session: &SessionRecord,
        now: Millis,
    ) -> Result<(), Fault> {
        if !self.acts_as(rows, session, now).await? {
            return Err(foreign(&session.id));
        }
        self.found.put(&self.wanted, session, now);
        Ok(())
    }

    async fn recognised(&self, rows: &mut Rows, now: Millis) -> Result<Option<SessionRecord>, Fault> {
        if let Some(hash) = &self.wanted.token_hash {
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
        self.of_key(rows, now).await
    }
}

/// A session that is not there, or that the caller must not know of.
pub(crate) fn unknown_session(id: &Id<Session>) -> Fault {
    Fault::not_found("session", id)
        .code("session_not_found")
        .param("session")
        .hint("`list_sessions` shows those that you can see")
}
