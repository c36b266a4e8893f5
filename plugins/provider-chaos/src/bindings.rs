//! The generated bindings of one world that exports all that the host calls today.
#![allow(
    unsafe_code,
    unreachable_pub,
    missing_debug_implementations,
    let_underscore_drop,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    clippy::allow_attributes,
    reason = "generated code"
)]

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package brains:chaos;
        world chaos {
            include brains:plugin/effects@0.2.0;
            export brains:plugin/meta@0.2.0;
            export brains:plugin/errors@0.2.0;
            export brains:plugin/catalogue@0.2.0;
            export brains:plugin/relay@0.2.0;
            export brains:plugin/chat@0.2.0;
            export brains:plugin/standalone@0.2.0;
            export brains:plugin/classifier@0.2.0;
            export brains:plugin/policy@0.2.0;
        }
    ",
    world: "brains:chaos/chaos",
    generate_all,
});

export!(Chaos);

use super::Chaos;
