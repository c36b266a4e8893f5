//! The vendor's own library, unchanged, in depth; agents are in `clients/matrix.rs`.

use brains_tests::{Brains, wire};

use crate::clients::python;

#[tokio::test(flavor = "multi_thread")]
async fn anthropic_sdk_over_every_wire() {
    for wire in wire::ALL {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        python(
            "anthropic_sdk.py",
            &[("BASE_URL", &service.client.base), ("API_KEY", &service.client.key), ("MODEL", &wire.model())],
        )
        .await;
    }
}
