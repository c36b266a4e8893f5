//! The settings of an instance, as its component reads them.

use wasmtime::component::Linker;

use super::{ComponentImports, Factor, FactorView, InstanceDefinition};
use crate::bindings::config;
use crate::guest::state::GuestState;

/// The settings as JSON; those of format `secret` say only whether they are set.
pub(crate) struct ConfigFactor(String);

impl Factor for ConfigFactor {
    type State = ();

    fn link(linker: &mut Linker<GuestState>, _: &ComponentImports<'_>) -> wasmtime::Result<()> {
        config::add_to_linker::<_, Self>(linker, Self::view)
    }

    fn configure(definition: &InstanceDefinition<'_>) -> Self {
        Self(definition.config.to_owned())
    }
}

impl config::Host for FactorView<'_, ConfigFactor> {
    fn get(&mut self) -> String {
        self.factor.0.clone()
    }
}
