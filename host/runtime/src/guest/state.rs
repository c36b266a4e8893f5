//! The data of a guest's store: what it shares with the other guests of its instance, and what is its own.

use std::sync::Arc;

use super::memory::GuestMemory;
use super::meter::Meter;
use crate::context::InstanceContext;
use crate::factor::FactorStates;

pub(crate) struct GuestState {
    pub(crate) context: Arc<InstanceContext>,
    pub(crate) factors: FactorStates,
    pub(crate) meter: Meter,
    pub(crate) memory: GuestMemory,
}

impl GuestState {
    pub(crate) fn new(context: Arc<InstanceContext>) -> Self {
        let memory = GuestMemory::new(context.limits.memory_bytes, Arc::clone(&context.allowances));
        Self { context, factors: FactorStates::default(), meter: Meter::default(), memory }
    }
}
