//! Random bytes, when they are granted; else none.

use std::sync::Arc;

use brains_core::Ambient;
use wasmtime::component::Linker;

use super::{ComponentImports, Factor, FactorView, InstanceDefinition};
use crate::bindings::random;
use crate::guest::state::GuestState;

/// The most that one call gives.
const MOST_BYTES: u32 = 64 * 1024;

/// None when randomness is not granted.
pub(crate) struct RandomFactor(Option<Arc<dyn Ambient>>);

impl RandomFactor {
    /// So many bytes, or as many as one call gives; nothing when randomness is not granted.
    pub(crate) fn bytes(&self, count: u32) -> Vec<u8> {
        let Some(ambient) = &self.0 else { return Vec::new() };
        let mut bytes = vec![0; count.min(MOST_BYTES) as usize];
        ambient.fill_random(&mut bytes);
        bytes
    }
}

impl Factor for RandomFactor {
    type State = ();

    fn link(linker: &mut Linker<GuestState>, _: &ComponentImports<'_>) -> wasmtime::Result<()> {
        random::add_to_linker::<_, Self>(linker, Self::view)
    }

    fn configure(definition: &InstanceDefinition<'_>) -> Self {
        Self(definition.asks.random.then(|| Arc::clone(&definition.services.ambient)))
    }
}

impl random::Host for FactorView<'_, RandomFactor> {
    fn bytes(&mut self, n: u32) -> Vec<u8> {
        self.factor.bytes(n)
    }
}
