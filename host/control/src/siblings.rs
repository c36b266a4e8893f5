//! Siblings: the other working trees of one repository. Each is a workspace of its own; who works in one sees who works
//! in the others, and reaches them by mail (contract 5.17). What their locks do is in `plane/lock/sibling.rs`.

use brains_core::Fault;
use brains_core::plane::workspace::WorkspaceRecord;
use brains_core::principal::Role;
use brains_store::{Rows, SeenBy};

use crate::context::Cx;

/// Working trees of one repository that are looked at.
const MOST: u32 = 50;

impl Cx<'_> {
    /// The siblings of a workspace that the caller sees. One that it does not see does not exist for it.
    pub(crate) async fn siblings(
        &self,
        rows: &mut Rows,
        workspace: &WorkspaceRecord,
    ) -> Result<Vec<WorkspaceRecord>, Fault> {
        // Without git a workspace is its own common directory, and has none.
        if workspace.common_dir == workspace.path {
            return Ok(Vec::new());
        }
        let all = self.principal.role == Role::Admin;
        Ok(rows.siblings(workspace, self.principal.owner(), all, MOST).await?)
    }

    /// Whose eyes see the siblings' tasks that are for all of them.
    pub(crate) fn seen_by(&self) -> SeenBy {
        SeenBy { operator: self.principal.owner().to_owned(), all: self.principal.role == Role::Admin }
    }

    /// The branch that a working tree is on now. It looks at files: no view of the database is held meanwhile.
    pub(crate) async fn branch(&self, tree: &str) -> Option<String> {
        self.control.ports.directories.branch(tree.into()).await
    }
}
