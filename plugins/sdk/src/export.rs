//! One macro per kind of component. Put it once into the crate, outside of any function. On a native target it
//! exports nothing, so that unit tests link.

/// Exports a provider whose vendor speaks a standard wire, relayed only.
#[macro_export]
macro_rules! export_relay {
    ($component:ty) => {
        $crate::export_interfaces!($component: meta::export_meta, errors::export_errors, catalogue::export_catalogue, relay::export_relay);
    };
}

/// Exports a provider with a wire of its own. Say `embeddings` behind the component when it gives them, too.
#[macro_export]
macro_rules! export_chat {
    ($component:ty) => {
        $crate::export_interfaces!($component: meta::export_meta, errors::export_errors, catalogue::export_catalogue, chat::export_chat);
    };
    ($component:ty, embeddings) => {
        $crate::export_interfaces!($component: meta::export_meta, errors::export_errors, catalogue::export_catalogue, chat::export_chat, embeddings::export_embeddings);
    };
}

/// Exports a provider whose vendor speaks a standard wire, in both lanes. Say `embeddings` behind the component when it gives
/// them, too, or `auth` when it signs in.
#[macro_export]
macro_rules! export_provider {
    ($component:ty) => {
        $crate::export_interfaces!($component: meta::export_meta, errors::export_errors, catalogue::export_catalogue, relay::export_relay, chat::export_chat);
    };
    ($component:ty, embeddings) => {
        $crate::export_interfaces!($component: meta::export_meta, errors::export_errors, catalogue::export_catalogue, relay::export_relay, chat::export_chat, embeddings::export_embeddings);
    };
    ($component:ty, auth) => {
        $crate::export_interfaces!($component: meta::export_meta, errors::export_errors, catalogue::export_catalogue, relay::export_relay, chat::export_chat, auth::export_auth);
    };
}

/// Exports a provider that answers by itself.
#[macro_export]
macro_rules! export_standalone {
    ($component:ty) => {
        $crate::export_interfaces!($component: meta::export_meta, catalogue::export_catalogue, standalone::export_standalone);
    };
}

/// Exports a classifier.
#[macro_export]
macro_rules! export_classifier {
    ($component:ty) => {
        $crate::export_interfaces!($component: meta::export_meta, classifier::export_classifier);
    };
}

/// Exports a policy.
#[macro_export]
macro_rules! export_policy {
    ($component:ty) => {
        $crate::export_interfaces!($component: meta::export_meta, policy::export_policy);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! export_interfaces {
    ($component:ty: $($module:ident::$export:ident),+) => {
        // Used on every target alike, so that no import is idle on one of them.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> usize = ::core::mem::size_of::<$component>;

        #[cfg(target_arch = "wasm32")]
        mod exported {
            #![allow(unsafe_code, clippy::allow_attributes, clippy::pedantic, reason = "generated: the canonical ABI is raw pointers")]

            use super::*;

            type Exported = $crate::Export<$component>;
            $($crate::bindings::$module::$export!(Exported with_types_in $crate::bindings::$module);)+
        }
    };
}
