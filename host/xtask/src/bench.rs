//! The benchmarks, in release builds, one after the other. Ratios within one run count, absolute figures do not.

use anyhow::{Result, bail};

use crate::postgres::{Cluster, Durability};
use crate::shell::{Repository, Watch};
use crate::{guests, scripted, tools};

/// Name, package, and the bench target in it.
const BENCHES: [(&str, &str, &str); 4] = [
    ("component_calls", "brains-runtime", "component_calls"),
    ("coordination", "brains-tests", "coordination"),
    ("gateway", "brains-tests", "gateway"),
    ("plugins", "brains-tests", "plugins"),
];

/// `cargo xtask bench [NAME…]`
pub(crate) fn run(repository: &Repository, names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| !BENCHES.iter().any(|(known, _, _)| known == name)) {
        let known: Vec<&str> = BENCHES.iter().map(|(name, _, _)| *name).collect();
        bail!("no benchmark is called `{unknown}`; there are {}", known.join(", "));
    }
    guests::build(repository)?;
    scripted::all(repository)?;
    repository.cargo("build").args(["--release", "--package", "brains"]).run()?;
    for (name, package, target) in BENCHES {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        eprintln!("\n== {name}");
        let watch = Watch::start();
        if name == "component_calls" {
            native_calls(repository)?;
        }
        let call = repository
            .cargo("bench")
            .args(["--package", package, "--bench", target])
            .env("BRAINS_BIN", repository.program(true))
            .env("BRAINS_GUESTS", guests::bundle_for_tests(repository));
        if name == "coordination" {
            let cluster = Cluster::start(Durability::Full)?;
            let reference = tools::reference(repository)?;
            call.env("BRAINS_TEST_POSTGRES", cluster.url())
                .env("BRAINS_REFERENCE_PYTHON", &reference)
                .run()?;
        } else if name == "gateway" {
            call.env("BRAINS_REFERENCE_PYTHON", tools::reference(repository)?)
                .env("BRAINS_LITELLM_PYTHON", tools::litellm(repository)?)
                .run()?;
        } else {
            call.run()?;
        }
        eprintln!("{name}: {:.0} s", watch.seconds());
    }
    Ok(())
}

/// The same calls natively, where the code is a component's own: the host links no component.
fn native_calls(repository: &Repository) -> Result<()> {
    let manifest = repository.at("tests/benches/native/Cargo.toml");
    repository
        .cargo("run")
        .args(["--release", "--quiet", "--locked", "--manifest-path"])
        .arg(manifest)
        .env("CARGO_TARGET_DIR", repository.at("target/native"))
        .run()
}
