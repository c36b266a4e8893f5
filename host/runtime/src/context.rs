//! What all guests of one instance share: whose it is, what one call may use, its factors, and the faults that are laid to
//! it.

use std::collections::BTreeMap;
use std::sync::Arc;

use brains_core::config::manifest::Asks;
use brains_core::{Secret, SecretSet};
use brains_dialect::canon::Fault;

use crate::CallFault;
use crate::allowances::Allowances;
use crate::factor::{Factors, HostServices, InstanceDefinition, RetainedState};
use crate::fault::Culprit;
use crate::limits::CallLimits;
use crate::output_redaction::OutputRedaction;

/// Whose faults and lines of the log they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InstanceIdentity {
    /// The component's id.
    pub(crate) component: String,
    /// The instance, as the configuration names it.
    pub(crate) instance: String,
}

/// One per instance and version; each guest holds it.
pub(crate) struct InstanceContext {
    identity: Arc<InstanceIdentity>,
    pub(crate) limits: CallLimits,
    pub(crate) redaction: OutputRedaction,
    /// Memory is drawn from here.
    pub(crate) allowances: Arc<Allowances>,
    pub(crate) factors: Factors,
}

/// What the configuration says of an instance, as its component may see it.
pub(crate) struct ConfiguredInstance<'a> {
    pub(crate) identity: InstanceIdentity,
    /// The settings as JSON, without secrets.
    pub(crate) config: &'a str,
    pub(crate) secrets: &'a BTreeMap<String, Secret>,
    pub(crate) asks: &'a Asks,
    pub(crate) limits: CallLimits,
}

impl InstanceContext {
    pub(crate) fn new(
        configured: ConfiguredInstance<'_>,
        retained: &Arc<RetainedState>,
        services: &HostServices,
    ) -> Self {
        let ConfiguredInstance { identity, config, secrets, asks, limits } = configured;
        let identity = Arc::new(identity);
        let redaction = OutputRedaction::of(&retained.given, secrets.values());
        let factors = Factors::configure(&InstanceDefinition {
            identity: &identity,
            config,
            secrets,
            asks,
            redaction: &redaction,
            retained,
            services,
        });
        Self { identity, limits, redaction, allowances: Arc::clone(&services.allowances), factors }
    }

    /// Every secret that the instance or an earlier version of it was given, also while it ran.
    pub(crate) fn known(&self) -> Arc<SecretSet> {
        self.redaction.secrets()
    }

    /// Whom a fault in `export` is laid to.
    pub(crate) fn culprit(&self, export: &'static str) -> Culprit {
        let InstanceIdentity { component, instance } = &*self.identity;
        Culprit { component: component.clone(), instance: instance.clone(), export }
    }

    /// The fault of whoever calls a guest that is dead.
    pub(crate) fn killed(&self, export: &'static str) -> CallFault {
        let message = "an earlier call killed the instance".into();
        CallFault::Trap { by: self.culprit(export), message }
    }

    /// The fault of an answer that is not usable, logged like every other.
    pub(crate) fn unusable(&self, export: &'static str, what: &str) -> CallFault {
        let what = self.redaction.cover(what).into_owned();
        self.logged(CallFault::Output { by: self.culprit(export), what })
    }

    /// The component's own refusal.
    pub(crate) fn refusal(&self, fault: Fault) -> CallFault {
        CallFault::Refused(self.redaction.cover_fault(fault))
    }

    pub(crate) fn logged(&self, fault: CallFault) -> CallFault {
        let InstanceIdentity { component, instance } = &*self.identity;
        tracing::warn!(component.id = %component, instance = %instance, cause = %fault, "component call failed");
        fault
    }
}
