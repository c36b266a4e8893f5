//! Types and calls generated from `wit/brains-plugin.wit`. Each exported interface is bound on its own, so that what a
//! component exports says what it is.

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
