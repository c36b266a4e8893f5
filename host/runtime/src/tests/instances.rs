//! Instances of one component, called in any order: each has its own settings, secret, store and log.

use std::sync::Arc;

use brains_core::config::manifest::Plays;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{answer, hostile, load, runtime, secret, spec};
use crate::Instance;

const NAMES: [&str; 3] = ["one", "two", "three"];
/// More lines than these cannot be told apart from a log that was cut.
const CALLS: usize = 20;

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn interleaved_calls_never_mix_settings_secrets_stores_or_logs(
        order in proptest::collection::vec(0..NAMES.len(), 1..CALLS),
        together: bool,
    ) {
        let runtime = runtime();
        let component = load(&runtime, hostile(), Plays::Provider);
        let instances = NAMES.map(|name| {
            let mut spec = spec(name, json!({ "do": "ask" }));
            // The component compares its secret with `right`.
            let text = if name == "two" { "right" } else { "wrong" };
            spec.secrets.insert("token".into(), secret(text));
            Arc::new(runtime.instantiate(Arc::clone(&component), spec).unwrap())
        });
        let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let ask = |which: usize| {
            let instance: Arc<Instance> = Arc::clone(&instances[which]);
            async move { (which, answer(&instance, "").await.unwrap()) }
        };
        let said: Vec<(usize, String)> = threads.block_on(async {
            let mut said = Vec::new();
            if together {
                let mut running = tokio::task::JoinSet::new();
                for which in &order {
                    running.spawn(ask(*which));
                }
                while let Some(one) = running.join_next().await {
                    said.push(one.unwrap());
                }
            } else {
                for which in &order {
                    said.push(ask(*which).await);
                }
            }
            said
        });
        let mut counted = [0, 0, 0];
        let mut highest = [0, 0, 0];
        for (which, text) in &said {
            let told: Value = serde_json::from_str(text).unwrap();
            prop_assert_eq!(&told["matches"], &json!(NAMES[*which] == "two"), "{}", told);
            counted[*which] += 2;
            highest[*which] = highest[*which].max(told["counted"].as_i64().unwrap());
        }
        prop_assert_eq!(counted, highest, "each store counts its own calls");
        for (which, name) in NAMES.iter().enumerate() {
            let lines = runtime.shared().memory.guest_logs.lines(name, 256);
            prop_assert!(lines.iter().all(|line| line.instance == *name));
            let calls = order.iter().filter(|asked| **asked == which).count();
            prop_assert_eq!(lines.len(), calls, "each log has the lines of its own calls");
        }
    }
}
