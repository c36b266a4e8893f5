//! A fresh admin key: 256 random bits as URL-safe text, as the first start makes it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brains_core::{Ambient, Secret};

pub(crate) fn admin_key(ambient: &dyn Ambient) -> Secret {
    let mut bytes = [0; 32];
    ambient.fill_random(&mut bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}
