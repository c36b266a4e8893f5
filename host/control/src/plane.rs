//! The planes: one file per noun, one type per verb.

mod admin_key;
mod audit;
mod component;
mod config;
mod key;
mod mint;
mod model;
mod operator;
mod page;
mod route;
mod service;
mod trace;
mod usage;

use crate::registry::Registry;

macro_rules! operations {
    ($registry:expr, $($operation:path),+ $(,)?) => {
        $($registry.add::<$operation>();)+
    };
}

/// Adds every operation, plane by plane.
pub(crate) fn register(registry: &mut Registry) {
    operations! { registry,
        route::ClassifyPrompt,
        route::PlanPrompt,
        route::ExplainRoute,
        model::ListModels,
        trace::ListTraces,
        trace::ShowTrace,
        usage::ListUsage,
        key::CreateKey,
        key::ListKeys,
        key::RevokeKey,
        operator::AddOperator,
        operator::ListOperators,
        operator::ShowOperator,
        operator::RevokeOperator,
        admin_key::ShowAdminKey,
        admin_key::RotateAdminKey,
        config::ShowConfig,
        config::GetConfig,
        config::SetConfig,
        config::UnsetConfig,
        config::CheckConfig,
        config::ReloadConfig,
        config::ListConfigRevisions,
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
        audit::ListAudit,
        audit::VerifyAudit,
        service::ServiceStatus,
    }
}

#[cfg(test)]
mod tests;
