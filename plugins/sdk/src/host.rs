//! What the host offers: log, settings, secrets, key-value store, clock and random bytes. All of it is answered
//! from memory. Outside a component (unit tests) nothing is set, time stands still and log lines go nowhere.

#[cfg(target_arch = "wasm32")]
use crate::bindings::effects::brains::plugin as wire;

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Writes a line to the component's log. Never put prompts, answers or keys into it.
#[cfg_attr(not(target_arch = "wasm32"), expect(unused_variables, reason = "lines go nowhere"))]
pub fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    #[cfg(target_arch = "wasm32")]
    {
        use wire::log::Level as Wire;
        let level = match level {
            Level::Trace => Wire::Trace,
            Level::Debug => Wire::Debug,
            Level::Info => Wire::Info,
            Level::Warn => Wire::Warn,
            Level::Error => Wire::Error,
        };
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        wire::log::write(level, message, &fields);
    }
}

/// The instance's settings as JSON, already valid against the component's schema.
pub(crate) fn config() -> String {
    #[cfg(target_arch = "wasm32")]
    return wire::config::get();
    #[cfg(not(target_arch = "wasm32"))]
    String::new()
}

/// Whether this secret is granted and set. Its text is never seen by a component: put a
/// [`Piece::Secret`](brains_dialect::canon::exchange::Piece::Secret) where it belongs.
#[cfg_attr(not(target_arch = "wasm32"), expect(unused_variables, reason = "no secret is set"))]
pub fn has_secret(name: &str) -> bool {
    #[cfg(target_arch = "wasm32")]
    return wire::secrets::has(name);
    #[cfg(not(target_arch = "wasm32"))]
    false
}

/// A signature of `data` by a secret that is granted and set: `hmac-sha256`, `hmac-sha512`, `rsa-sha256` or `ed25519`, or with
/// `sha256` the digest of `key_prefix`, the secret and `data`, one behind the other.
#[cfg_attr(not(target_arch = "wasm32"), expect(unused_variables, reason = "no secret is set"))]
pub fn sign(name: &str, algorithm: &str, key_prefix: &str, data: &[u8]) -> Option<Vec<u8>> {
    #[cfg(target_arch = "wasm32")]
    return wire::secrets::sign(name, algorithm, key_prefix, data).ok();
    #[cfg(not(target_arch = "wasm32"))]
    None
}

/// What was kept under this key, from one exchange to the next while the program runs. Needs the grant `kv`.
#[cfg_attr(not(target_arch = "wasm32"), expect(unused_variables, reason = "nothing is kept"))]
pub fn recalled(key: &str) -> Option<Vec<u8>> {
    #[cfg(target_arch = "wasm32")]
    return wire::kv::get(key);
    #[cfg(not(target_arch = "wasm32"))]
    None
}

/// Keeps this under a key, if there is room for it. Never a secret.
#[cfg_attr(not(target_arch = "wasm32"), expect(unused_variables, reason = "nothing is kept"))]
pub fn keep(key: &str, value: &[u8]) -> bool {
    #[cfg(target_arch = "wasm32")]
    return wire::kv::set(key, value, None).is_ok();
    #[cfg(not(target_arch = "wasm32"))]
    false
}

/// Milliseconds since 1970. Needs the grant `clock`.
pub fn now_ms() -> u64 {
    #[cfg(target_arch = "wasm32")]
    return wire::clock::now_ms();
    #[cfg(not(target_arch = "wasm32"))]
    0
}

/// Unpredictable bytes. Needs the grant `random`.
pub fn random_bytes(count: u32) -> Vec<u8> {
    #[cfg(target_arch = "wasm32")]
    return wire::random::bytes(count);
    #[cfg(not(target_arch = "wasm32"))]
    vec![0; usize::try_from(count).unwrap_or_default()]
}

/// A panic is a bare trap to the host; this says in the log what it was. Once per instance.
pub(crate) fn report_panics() {
    #[cfg(target_arch = "wasm32")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            std::panic::set_hook(Box::new(|panic| {
                let place = panic.location().map(ToString::to_string).unwrap_or_default();
                let text = panic.payload_as_str().unwrap_or("the component panicked");
                log(Level::Error, text, &[("panic.location", &place)]);
            }));
        });
    }
}
