//! Worlds: what a component of one part is given, as a list of factors, and what it exports, each interface bound on its
//! own and on its first call in a guest. To add a world is to list its factors, to name its interfaces here, and to say which part it plays; no capability is written again.
//!
//! | World | Factors | Exports, beside `meta` |
//! |---|---|---|
//! | provider | `EFFECTS` | `errors`, `catalogue`, `relay`, `chat`, `standalone`, `embeddings`, `auth`, whose `flow` lives in a guest as a decoder does |
//! | classifier | `EFFECTS` | `classifier` |
//! | policy | `EFFECTS` | `policy` |
//!
//! The WIT lets a classifier and a policy import `pure`, which is log and config; the host links all of `effects` for
//! them too, and gives what their manifest asks for. The worlds that the WIT has and this build does not bind need no
//! other factor:
//!
//! | World | Factors | Exports, beside `meta` |
//! |---|---|---|
//! | hook | log, config (`pure`) | `hooks`, whose `tap` lives in a guest as a decoder does |
//! | bridge | `EFFECTS` | `bridge`: it describes exchanges as values, the host performs them |
//! | listening bridge | `EFFECTS` | `bridge`, `listener` |

use brains_core::config::manifest::Plays;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre, Linker};

use self::bindings::exported::{
    auth, catalogue, chat, classifier, embeddings, errors, meta, policy, relay, standalone,
};
use crate::factor::clock::ClockFactor;
use crate::factor::config::ConfigFactor;
use crate::factor::kv::KvFactor;
use crate::factor::log::LogFactor;
use crate::factor::random::RandomFactor;
use crate::factor::secrets::SecretsFactor;
use crate::factor::wasi::WasiFactor;
use crate::factor::{ComponentImports, Factor as _};
use crate::guest::state::GuestState;
use crate::load::Exports;

/// Types and calls generated from `wit/brains-plugin.wit`. Each exported interface is bound on its own, so that what a
/// component exports says what it is.
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        inline: "
            package brains:host;
            world everything {
                include brains:plugin/effects@0.2.0;
                export brains:plugin/meta@0.2.0;
                export brains:plugin/errors@0.2.0;
                export brains:plugin/catalogue@0.2.0;
                export brains:plugin/relay@0.2.0;
                export brains:plugin/chat@0.2.0;
                export brains:plugin/standalone@0.2.0;
                export brains:plugin/embeddings@0.2.0;
                export brains:plugin/auth@0.2.0;
                export brains:plugin/classifier@0.2.0;
                export brains:plugin/policy@0.2.0;
            }
        ",
        path: "../../wit",
        world: "brains:host/everything",
        imports: { "brains:plugin/secrets@0.2.0.matches": trappable },
    });

    pub(crate) use brains::plugin::{clock, config, http, kv, log, random, secrets, task, types};
    pub(crate) use exports::brains::plugin as exported;
}

/// Links one factor.
pub(crate) type LinkFactor = fn(&mut Linker<GuestState>, &ComponentImports<'_>) -> wasmtime::Result<()>;

/// The WIT's world `effects`, and the part of WASI that toolchains expect.
const EFFECTS: &[LinkFactor] = &[
    LogFactor::link,
    ConfigFactor::link,
    SecretsFactor::link,
    KvFactor::link,
    ClockFactor::link,
    RandomFactor::link,
    WasiFactor::link,
];

/// What components of this part are given.
pub(crate) const fn factors(plays: Plays) -> &'static [LinkFactor] {
    match plays {
        Plays::Provider | Plays::Classifier | Plays::Policy | Plays::Bridge | Plays::Hook => EFFECTS,
    }
}

/// An interface as `bindings` generates it: where a component has it, and its functions in one guest.
pub(crate) trait ExportedInterface: Sized + Clone {
    type Indices: Clone;

    /// Fails when the component does not have all of it.
    fn find(pre: &InstancePre<GuestState>) -> wasmtime::Result<Self::Indices>;

    /// Fails when a function has another type.
    fn bind(
        indices: &Self::Indices,
        store: &mut Store<GuestState>,
        instance: &Instance,
    ) -> wasmtime::Result<Self>;
}

macro_rules! interfaces {
    ($($name:ident),+) => {$(
        impl ExportedInterface for $name::Guest {
            type Indices = $name::GuestIndices;

            fn find(pre: &InstancePre<GuestState>) -> wasmtime::Result<Self::Indices> {
                $name::GuestIndices::new(pre)
            }

            fn bind(
                indices: &Self::Indices,
                store: &mut Store<GuestState>,
                instance: &Instance,
            ) -> wasmtime::Result<Self> {
                indices.load(store, instance)
            }
        }
    )+};
}

interfaces!(meta, errors, catalogue, relay, chat, standalone, embeddings, auth, classifier, policy);

/// One interface that a component may export.
#[derive(Clone)]
pub(crate) struct Export<I: ExportedInterface> {
    /// None when the component does not export it.
    indices: Option<I::Indices>,
    /// Binding compares the types of all functions, so a guest binds only what is called in it.
    bound: Option<I>,
}

impl<I: ExportedInterface> Export<I> {
    fn find(is_there: bool, pre: &InstancePre<GuestState>) -> wasmtime::Result<Self> {
        let indices = if is_there { Some(I::find(pre)?) } else { None };
        Ok(Self { indices, bound: None })
    }

    fn get(&mut self, store: &mut Store<GuestState>, instance: &Instance) -> wasmtime::Result<Option<&I>> {
        if let (None, Some(indices)) = (&self.bound, &self.indices) {
            self.bound = Some(I::bind(indices, store, instance)?);
        }
        Ok(self.bound.as_ref())
    }
}

/// The exports of a provider.
#[derive(Clone)]
pub(crate) struct ProviderExports {
    errors: Export<errors::Guest>,
    catalogue: Export<catalogue::Guest>,
    relay: Export<relay::Guest>,
    chat: Export<chat::Guest>,
    standalone: Export<standalone::Guest>,
    embeddings: Export<embeddings::Guest>,
    auth: Export<auth::Guest>,
}

/// The exports of one world.
#[expect(clippy::large_enum_variant, reason = "a guest has one of them, in a box of its own")]
#[derive(Clone)]
enum World {
    Provider(ProviderExports),
    Classifier(Export<classifier::Guest>),
    Policy(Export<policy::Guest>),
    /// It plays a part that this build does not call.
    Uncalled,
}

/// Where a component has the exports of its world.
#[derive(Clone)]
pub(crate) struct WorldExports {
    meta: Export<meta::Guest>,
    world: World,
}

impl WorldExports {
    pub(crate) fn find(
        plays: Plays,
        found: Exports,
        pre: &InstancePre<GuestState>,
    ) -> wasmtime::Result<Self> {
        let world = match plays {
            Plays::Provider => World::Provider(ProviderExports {
                errors: Export::find(found.beside.errors, pre)?,
                catalogue: Export::find(found.beside.catalogue, pre)?,
                relay: Export::find(found.relay, pre)?,
                chat: Export::find(found.chat, pre)?,
                standalone: Export::find(found.standalone, pre)?,
                embeddings: Export::find(found.embeddings, pre)?,
                auth: Export::find(found.beside.auth, pre)?,
            }),
            Plays::Classifier => World::Classifier(Export::find(found.classifier, pre)?),
            Plays::Policy => World::Policy(Export::find(found.policy, pre)?),
            Plays::Bridge | Plays::Hook => World::Uncalled,
        };
        Ok(Self { meta: Export::find(found.meta, pre)?, world })
    }
}

/// The exports of one guest.
pub(crate) struct GuestExports {
    instance: Instance,
    exports: WorldExports,
}

/// Bound for calls; none when the component, or its world, has no such interface.
macro_rules! accessors {
    ($($name:ident: $pattern:pat => $export:expr),+ $(,)?) => {$(
        pub(crate) fn $name(
            &mut self,
            store: &mut Store<GuestState>,
        ) -> wasmtime::Result<Option<&$name::Guest>> {
            match &mut self.exports.world {
                $pattern => $export.get(store, &self.instance),
                _ => Ok(None),
            }
        }
    )+};
}

impl GuestExports {
    pub(crate) const fn new(instance: Instance, exports: WorldExports) -> Self {
        Self { instance, exports }
    }

    pub(crate) fn meta(&mut self, store: &mut Store<GuestState>) -> wasmtime::Result<Option<&meta::Guest>> {
        self.exports.meta.get(store, &self.instance)
    }

    accessors! {
        errors: World::Provider(provider) => provider.errors,
        catalogue: World::Provider(provider) => provider.catalogue,
        relay: World::Provider(provider) => provider.relay,
        chat: World::Provider(provider) => provider.chat,
        standalone: World::Provider(provider) => provider.standalone,
        embeddings: World::Provider(provider) => provider.embeddings,
        auth: World::Provider(provider) => provider.auth,
        classifier: World::Classifier(classifier) => classifier,
        policy: World::Policy(policy) => policy,
    }

    /// Binds everything: whether all of it has the types that this build speaks shows when a component is loaded.
    pub(crate) fn bind_all(&mut self, store: &mut Store<GuestState>) -> wasmtime::Result<()> {
        self.meta(store)?;
        self.errors(store)?;
        self.catalogue(store)?;
        self.relay(store)?;
        self.chat(store)?;
        self.standalone(store)?;
        self.embeddings(store)?;
        self.auth(store)?;
        self.classifier(store)?;
        self.policy(store)?;
        Ok(())
    }
}
