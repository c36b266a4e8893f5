//! Factors: each capability that components import is one piece, which any world takes. A factor links its interfaces,
//! takes what it needs of an instance's definition once, and has a state of its own in every guest.
//!
//! Everything is answered from memory, nothing waits. What was not granted is refused with a value, because scripted
//! guests import their whole world and could not link otherwise.

pub(crate) mod clock;
pub(crate) mod config;
pub(crate) mod kv;
pub(crate) mod log;
pub(crate) mod random;
pub(crate) mod secrets;
pub(crate) mod wasi;

use std::collections::BTreeMap;
use std::sync::Arc;

use brains_core::config::manifest::Asks;
use brains_core::{Ambient, Secret};
use wasmtime::component::{Component, HasData, Linker};

use crate::allowances::Allowances;
use crate::context::InstanceIdentity;
use crate::guest::state::GuestState;
use crate::guest_log::GuestLog;
use crate::output_redaction::{OutputRedaction, SecretHistory};

/// One capability, as one instance has it.
pub(crate) trait Factor: HasData {
    /// What each guest has of it for itself.
    type State: Default;

    /// Adds its interfaces to the linker of a component.
    fn link(linker: &mut Linker<GuestState>, component: &ComponentImports<'_>) -> wasmtime::Result<()>;

    /// What it takes of an instance's definition.
    fn configure(definition: &InstanceDefinition<'_>) -> Self;
}

/// The component that is linked.
pub(crate) struct ComponentImports<'a> {
    pub(crate) component: &'a Component,
    /// The names of what it imports.
    pub(crate) names: &'a [String],
}

/// What the factors of one instance are configured from.
pub(crate) struct InstanceDefinition<'a> {
    pub(crate) identity: &'a Arc<InstanceIdentity>,
    /// The settings as the component reads them.
    pub(crate) config: &'a str,
    pub(crate) secrets: &'a BTreeMap<String, Secret>,
    /// What the component asks for. What stays inside the process is granted when it is asked for.
    pub(crate) asks: &'a Asks,
    pub(crate) redaction: &'a OutputRedaction,
    pub(crate) retained: &'a Arc<RetainedState>,
    pub(crate) services: &'a HostServices,
}

/// What the runtime gives the factors of every instance.
pub(crate) struct HostServices {
    pub(crate) ambient: Arc<dyn Ambient>,
    /// What all instances draw on together.
    pub(crate) allowances: Arc<Allowances>,
    /// The newest lines of this instance.
    pub(crate) guest_log: Arc<GuestLog>,
}

/// What an instance keeps from one version of it to the next, while the program runs.
#[derive(Debug, Default)]
pub(crate) struct RetainedState {
    pub(crate) kv: kv::KvStore,
    pub(crate) log: log::LogRate,
    pub(crate) guesses: secrets::Guesses,
    pub(crate) given: Arc<SecretHistory>,
}

/// A factor as its interface sees it during one call: what the instance has, and what this guest has.
pub(crate) struct FactorView<'a, F: Factor> {
    pub(crate) factor: &'a F,
    pub(crate) state: &'a mut F::State,
}

/// Makes the sets of all factors, and says where in a guest each of them lies.
macro_rules! factors {
    ($($name:ident: $factor:ty),+ $(,)?) => {
        /// All factors of one instance. What its world does not link costs a few words.
        pub(crate) struct Factors {
            $(pub(crate) $name: $factor,)+
        }

        impl Factors {
            pub(crate) fn configure(definition: &InstanceDefinition<'_>) -> Self {
                Self { $($name: <$factor>::configure(definition),)+ }
            }
        }

        /// What one guest has of each factor for itself.
        #[derive(Default)]
        pub(crate) struct FactorStates {
            $(pub(crate) $name: <$factor as Factor>::State,)+
        }

        $(
            impl HasData for $factor {
                type Data<'a> = FactorView<'a, Self>;
            }

            impl $factor {
                pub(crate) fn view(guest: &mut GuestState) -> FactorView<'_, Self> {
                    FactorView { factor: &guest.context.factors.$name, state: &mut guest.factors.$name }
                }
            }
        )+
    };
}

factors! {
    log: log::LogFactor,
    config: config::ConfigFactor,
    secrets: secrets::SecretsFactor,
    kv: kv::KvFactor,
    clock: clock::ClockFactor,
    random: random::RandomFactor,
    wasi: wasi::WasiFactor,
}

#[cfg(test)]
mod tests;
