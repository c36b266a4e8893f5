//! The components that were built into the program, and the defaults that come with them.

/// One bundled component.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    pub id: &'static str,
    pub wasm: &'static [u8],
    /// Text of its manifest.
    pub manifest: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/bundle.rs"));

/// Every bundled component, in the order of their ids; none in a plain build.
pub const fn components() -> &'static [Bundled] {
    BUNDLED
}

/// Flat keys of components that are not part of the bundle, as a list of manifests.
pub const fn unserved() -> Option<&'static str> {
    UNSERVED
}

/// The vendors that are known by name.
pub const fn vendors() -> Option<&'static str> {
    VENDORS
}

/// The bundle's configuration fragment, the lowest layer above the built-in defaults.
pub const fn defaults() -> Option<&'static str> {
    DEFAULTS
}

/// What the vendors' models cost, as a table of prices.
pub const fn prices() -> Option<&'static str> {
    PRICES
}
