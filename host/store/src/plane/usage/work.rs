//! For whom a request was made: the session that its client's own id is tied to, or the only one that its key has where the
//! client sent none (as a caller is recognised everywhere), and the task that this session has, if it has one alone.

use std::collections::HashMap;

use brains_core::id::{Key, Session, Task};
use brains_core::plane::session::CONNECTION;
use brains_core::plane::usage::UsageWork;
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::rows::{Rows, fetch_all, fetch_optional};
use crate::text::storable;

/// The newest life of what an id of a client names, at that moment.
const BY_NATIVE: &str = "
    SELECT s.id FROM session_link l JOIN session s ON s.id = l.session
    WHERE l.value = $1 AND l.kind <> $2 AND s.operator = $3 AND (s.ended_at IS NULL OR s.ended_at >= $4)
    ORDER BY l.linked_at DESC, s.id DESC LIMIT 1";
const TASKS: &str = "SELECT id FROM task WHERE holder = $1 AND status = 'in_progress' ORDER BY id LIMIT 2";

/// Who made a request.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) operator: &'a str,
    pub(crate) key: Option<&'a Id<Key>>,
    pub(crate) native_session: Option<&'a str>,
    pub(crate) at: Millis,
}

/// What was found for the rows of one batch: an agent leaves many.
#[derive(Default)]
pub(crate) struct WorkLookup(HashMap<(String, Option<String>, Option<String>), UsageWork>);

impl WorkLookup {
    pub(crate) async fn of(&mut self, rows: &mut Rows, asker: Asker<'_>) -> Result<UsageWork, StoreError> {
        let key = asker.key.map(|key| key.as_str().to_owned());
        if key.is_none() && asker.native_session.is_none() {
            return Ok(UsageWork::default());
        }
        let whose = (asker.operator.to_owned(), key, asker.native_session.map(str::to_owned));
        if let Some(known) = self.0.get(&whose) {
            return Ok(known.clone());
        }
        let found = find(rows, asker).await?;
        self.0.insert(whose, found.clone());
        Ok(found)
    }
}

async fn find(rows: &mut Rows, asker: Asker<'_>) -> Result<UsageWork, StoreError> {
    let session = match (asker.native_session, asker.key) {
        (Some(native), _) => {
            let native = storable(native);
            let found = fetch_optional!(
                rows,
                String,
                BY_NATIVE,
                native.as_ref(),
                CONNECTION,
                asker.operator,
                asker.at.0
            )?;
            match found.as_deref().and_then(Id::<Session>::parse) {
                Some(id) => rows.session(&id).await?,
                None => None,
            }
        }
        (None, Some(key)) => rows.only_session_of_key(key, asker.at).await?,
        (None, None) => None,
    };
    let Some(session) = session.filter(|session| session.operator == asker.operator) else {
        return Ok(UsageWork::default());
    };
    let tasks = fetch_all!(rows, String, TASKS, session.id.as_str())?;
    let task = match tasks.as_slice() {
        [only] => Id::<Task>::parse(only),
        _ => None,
    };
    Ok(UsageWork { session: Some(session.id), workspace: Some(session.workspace), task })
}
