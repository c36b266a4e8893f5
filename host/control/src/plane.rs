//! The planes: one file per noun, one type per verb.

mod admin_key;
mod audit;
mod budget;
pub(crate) mod component;
pub(crate) mod config;
mod event;
mod focus;
mod handoff;
mod key;
mod lock;
mod mail;
mod model;
mod operator;
mod price;
mod route;
mod service;
mod session;
mod task;
mod trace;
mod usage;
mod workspace;

pub use component::component_advice;
pub(crate) use mail::Addressee;

use crate::operation::OperationEntry;

macro_rules! entries {
    ($($operation:path),+ $(,)?) => {
        vec![$(OperationEntry::of::<$operation>()),+]
    };
}

/// Every operation, plane by plane.
pub(crate) fn entries() -> Vec<OperationEntry> {
    entries! {
        route::ClassifyPrompt,
        route::PlanPrompt,
        route::ExplainRoute,
        model::ListModels,
        trace::ListTraces,
        trace::ShowTrace,
        usage::ListUsage,
        usage::GetUsage,
        price::ListPrices,
        price::ShowPrice,
        price::SetPrice,
        price::UpdatePrices,
        budget::ListBudgets,
        key::CreateKey,
        key::ListKeys,
        key::RevokeKey,
        operator::AddOperator,
        operator::ListOperators,
        operator::ShowOperator,
        operator::RevokeOperator,
        admin_key::ShowAdminKey,
        admin_key::RotateAdminKey,
        workspace::RegisterWorkspace,
        workspace::ListWorkspaces,
        workspace::ShowWorkspace,
        workspace::RenameWorkspace,
        workspace::MoveWorkspace,
        workspace::ArchiveWorkspace,
        workspace::UnarchiveWorkspace,
        workspace::SetWorkspaceVisibility,
        workspace::ListWorkspaceMembers,
        workspace::InviteToWorkspace,
        workspace::UninviteFromWorkspace,
        workspace::GetState,
        workspace::CheckWorkspaces,
        workspace::PruneWorkspaces,
        workspace::ImportWorkspaces,
        session::StartSession,
        session::HeartbeatSession,
        session::EndSession,
        session::KillSession,
        session::ListSessions,
        session::ShowSession,
        session::ResumeSession,
        session::LinkSession,
        session::ListSessionLinks,
        session::FindSessions,
        session::WriteCheckpoint,
        session::ListCheckpoints,
        session::ShowCheckpoint,
        session::ListPresence,
        session::ListActivity,
        session::AdoptionReport,
        focus::SetFocus,
        focus::ClearFocus,
        focus::ListFocus,
        lock::AcquireLock,
        lock::RenewLock,
        lock::ReleaseLock,
        lock::StealLock,
        lock::ListLocks,
        lock::WhoBlocks,
        lock::ClaimWorkspace,
        lock::ReleaseWorkspace,
        lock::ListWorkspaceClaims,
        config::ShowConfig,
        config::GetConfig,
        config::SetConfig,
        config::UnsetConfig,
        config::CheckConfig,
        config::ReloadConfig,
        config::ListConfigRevisions,
        config::DiffConfig,
        config::RollbackConfig,
        config::ConfigSchema,
        component::ListComponents,
        component::ShowComponent,
        component::ComponentLogs,
        component::AddComponent,
        component::EnableComponent,
        component::DisableComponent,
        component::PinComponent,
        component::UpgradeComponent,
        component::RollbackComponent,
        component::RemoveComponent,
        task::CreateTask,
        task::ListTasks,
        task::CountTasks,
        task::ShowTask,
        task::NextTask,
        task::ClaimTask,
        task::ReleaseTask,
        task::CompleteTask,
        task::HandoffTask,
        task::BlockTask,
        task::UnblockTask,
        task::ReopenTask,
        task::ArchiveTask,
        task::AssignTask,
        task::UpdateTask,
        task::CommentTask,
        task::ListTaskComments,
        task::ListTaskHistory,
        handoff::SetHandoff,
        handoff::PickHandoff,
        handoff::ClearHandoff,
        handoff::ListHandoffs,
        mail::SendMessage,
        mail::ReadMessages,
        mail::WaitMessages,
        mail::ListMessages,
        mail::ShowMessage,
        mail::ShowThread,
        mail::AcknowledgeMessage,
        event::ListEvents,
        event::WaitEvents,
        event::AppendEvent,
        audit::ListAudit,
        audit::VerifyAudit,
        audit::ExportAudit,
        audit::RotateAuditKey,
        service::ServiceStatus,
    }
}

#[cfg(test)]
mod tests;
