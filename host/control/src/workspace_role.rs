//! What a caller is in a workspace.

use brains_core::plane::workspace::{WorkspaceRecord, WorkspaceRole, standing};
use brains_core::{Fault, Principal};
use brains_store::Rows;

/// What the caller is in a workspace; none when it does not exist for them.
pub(crate) async fn role_in(
    rows: &mut Rows,
    principal: &Principal,
    workspace: &WorkspaceRecord,
) -> Result<Option<WorkspaceRole>, Fault> {
    let membership = rows.membership(&workspace.id, principal.owner()).await?;
    Ok(standing(principal, workspace.visibility, membership))
}
