//! The generated bindings, one module per exported interface, so that any set of them makes a component. The
//! types of `types`, `http` and `task` are the canonical ones of `brains_dialect`: nothing is converted that a
//! move would not do. Only [`adapter`](crate::adapter) and the `export_*!` macros name anything in here.
#![allow(
    unsafe_code,
    unreachable_pub,
    missing_debug_implementations,
    let_underscore_drop,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    clippy::allow_attributes,
    reason = "generated code; which of these lints fire depends on the interface"
)]

/// What the host offers to every component.
pub mod effects {
    wit_bindgen::generate!({ path: "../../wit", world: "brains:plugin/effects", generate_all });
}

/// `meta`
pub mod meta {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package brains:sdk-meta; world meta-part { export brains:plugin/meta@0.2.0; }",
        world: "brains:sdk-meta/meta-part",
        pub_export_macro: true,
        export_macro_name: "export_meta",
        default_bindings_module: "brains_sdk::bindings::meta",
        with: {  },
        generate_all,
    });
}

/// `errors`
pub mod errors {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package brains:sdk-errors; world errors-part { export brains:plugin/errors@0.2.0; }",
        world: "brains:sdk-errors/errors-part",
        pub_export_macro: true,
        export_macro_name: "export_errors",
        default_bindings_module: "brains_sdk::bindings::errors",
        with: { "brains:plugin/types@0.2.0": brains_dialect::canon::chat, "brains:plugin/http@0.2.0": brains_dialect::canon::exchange },
        generate_all,
    });
}

/// `catalogue`
pub mod catalogue {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package brains:sdk-catalogue; world catalogue-part { export brains:plugin/catalogue@0.2.0; }",
        world: "brains:sdk-catalogue/catalogue-part",
        pub_export_macro: true,
        export_macro_name: "export_catalogue",
        default_bindings_module: "brains_sdk::bindings::catalogue",
        with: { "brains:plugin/types@0.2.0": brains_dialect::canon::chat, "brains:plugin/http@0.2.0": brains_dialect::canon::exchange },
        generate_all,
    });
}

/// `relay`
pub mod relay {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package brains:sdk-relay; world relay-part { export brains:plugin/relay@0.2.0; }",
        world: "brains:sdk-relay/relay-part",
        pub_export_macro: true,
        export_macro_name: "export_relay",
        default_bindings_module: "brains_sdk::bindings::relay",
        with: { "brains:plugin/types@0.2.0": brains_dialect::canon::chat, "brains:plugin/http@0.2.0": brains_dialect::canon::exchange },
        generate_all,
    });
}

/// `chat`
pub mod chat {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package brains:sdk-chat; world chat-part { export brains:plugin/chat@0.2.0; }",
        world: "brains:sdk-chat/chat-part",
        pub_export_macro: true,
        export_macro_name: "export_chat",
        default_bindings_module: "brains_sdk::bindings::chat",
        with: { "brains:plugin/types@0.2.0": brains_dialect::canon::chat, "brains:plugin/http@0.2.0": brains_dialect::canon::exchange },
        generate_all,
    });
}

/// `standalone`
pub mod standalone {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package brains:sdk-standalone; world standalone-part { export brains:plugin/standalone@0.2.0; }",
        world: "brains:sdk-standalone/standalone-part",
        pub_export_macro: true,
        export_macro_name: "export_standalone",
        default_bindings_module: "brains_sdk::bindings::standalone",
        with: { "brains:plugin/types@0.2.0": brains_dialect::canon::chat },
        generate_all,
    });
}

/// `embeddings`
pub mod embeddings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package brains:sdk-embeddings; world embeddings-part { export brains:plugin/embeddings@0.2.0; }",
        world: "brains:sdk-embeddings/embeddings-part",
        pub_export_macro: true,
        export_macro_name: "export_embeddings",
        default_bindings_module: "brains_sdk::bindings::embeddings",
        with: { "brains:plugin/types@0.2.0": brains_dialect::canon::chat, "brains:plugin/http@0.2.0": brains_dialect::canon::exchange },
        generate_all,
    });
}

/// `auth`
pub mod auth {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package brains:sdk-auth; world auth-part { export brains:plugin/auth@0.2.0; }",
        world: "brains:sdk-auth/auth-part",
        pub_export_macro: true,
        export_macro_name: "export_auth",
        default_bindings_module: "brains_sdk::bindings::auth",
        with: { "brains:plugin/types@0.2.0": brains_dialect::canon::chat, "brains:plugin/http@0.2.0": brains_dialect::canon::exchange },
        generate_all,
    });
}

/// `classifier`
pub mod classifier {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package brains:sdk-classifier; world classifier-part { export brains:plugin/classifier@0.2.0; }",
        world: "brains:sdk-classifier/classifier-part",
        pub_export_macro: true,
        export_macro_name: "export_classifier",
        default_bindings_module: "brains_sdk::bindings::classifier",
        with: { "brains:plugin/types@0.2.0": brains_dialect::canon::chat, "brains:plugin/task@0.2.0": brains_dialect::canon::task },
        generate_all,
    });
}

/// `policy`
pub mod policy {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package brains:sdk-policy; world policy-part { export brains:plugin/policy@0.2.0; }",
        world: "brains:sdk-policy/policy-part",
        pub_export_macro: true,
        export_macro_name: "export_policy",
        default_bindings_module: "brains_sdk::bindings::policy",
        with: { "brains:plugin/types@0.2.0": brains_dialect::canon::chat, "brains:plugin/task@0.2.0": brains_dialect::canon::task },
        generate_all,
    });
}
