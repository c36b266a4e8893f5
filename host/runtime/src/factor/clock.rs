//! The time of day and a clock that only goes forward, when they are granted; else both stand at zero.

use std::sync::Arc;

use brains_core::Ambient;
use wasmtime::component::Linker;

use super::{ComponentImports, Factor, FactorView, InstanceDefinition};
use crate::bindings::clock;
use crate::guest::state::GuestState;

/// None when the clock is not granted.
pub(crate) struct ClockFactor(Option<Arc<dyn Ambient>>);

impl ClockFactor {
    pub(crate) fn now_ms(&self) -> u64 {
        self.0.as_ref().map_or(0, |ambient| u64::try_from(ambient.now().0).unwrap_or(0))
    }

    pub(crate) fn monotonic_us(&self) -> u64 {
        self.0.as_ref().map_or(0, |ambient| ambient.monotonic_us())
    }
}

impl Factor for ClockFactor {
    type State = ();

    fn link(linker: &mut Linker<GuestState>, _: &ComponentImports<'_>) -> wasmtime::Result<()> {
        clock::add_to_linker::<_, Self>(linker, Self::view)
    }

    fn configure(definition: &InstanceDefinition<'_>) -> Self {
        Self(definition.asks.clock.then(|| Arc::clone(&definition.services.ambient)))
    }
}

impl clock::Host for FactorView<'_, ClockFactor> {
    fn now_ms(&mut self) -> u64 {
        self.factor.now_ms()
    }

    fn monotonic_us(&mut self) -> u64 {
        self.factor.monotonic_us()
    }
}
