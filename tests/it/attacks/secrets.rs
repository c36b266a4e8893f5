//! Secrets: what upstreams repeat, what components may find out, what people and agents write down, and how long any
//! of that may be.

mod coming_back;
mod kept;

use std::path::PathBuf;

use brains_tests::Brains;

use super::{kinds_of, withstand};

/// Opens a scene on a thread of its own: what it awaits there need not be sent to others.
async fn apart<S, F>(open: impl FnOnce() -> F + Send + 'static) -> S
where
    S: Send + 'static,
    F: Future<Output = S>,
{
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(open())).await.expect("it opens")
}

/// Every file below the state directory, but for the configuration, that holds `secret`.
fn holding(service: &Brains, secret: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![service.home.state()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("config.yaml") {
                let content = fs_err::read(&path).unwrap_or_default();
                if content.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                    found.push(path);
                }
            }
        }
    }
    found
}

#[track_caller]
fn nothing_holds(service: &Brains, secret: &str) {
    assert_eq!(holding(service, secret), Vec::<PathBuf>::new(), "{secret} is kept");
    assert!(!service.stderr().contains(secret), "{secret} is on stderr");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_tells_a_secret_that_an_upstream_repeats() {
    withstand(coming_back::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_keeps_a_secret_that_somebody_writes_down() {
    withstand(kept::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_component_guesses_a_secret() {
    withstand(coming_back::guesses()).await;
}

/// What the rows of this area stand for.
pub(super) fn kinds() -> Vec<&'static str> {
    [kinds_of(&coming_back::rows()), kinds_of(&kept::rows()), kinds_of(&coming_back::guesses())].concat()
}
