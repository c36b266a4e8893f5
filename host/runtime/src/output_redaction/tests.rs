use super::*;

fn covers(set: &SecretSet, secret: &str) -> bool {
    !set.cover(&format!("it said {secret}!")).contains(secret)
}

#[test]
fn the_secrets_of_earlier_versions_stay_covered() {
    let earlier = SecretHistory::default();
    let first = Secret::new("first-secret-0001");
    let second = Secret::new("second-secret-0002");
    assert!(covers(&earlier.with([&first].into_iter()), first.expose()));
    let set = earlier.with([&second].into_iter());
    assert!(covers(&set, first.expose()) && covers(&set, second.expose()));
    // One that is in use again is the newest again.
    earlier.with([&first].into_iter());
    for number in 0..EARLIER {
        earlier.with([&Secret::new(format!("another-secret-{number:04}"))].into_iter());
    }
    let set = earlier.with(std::iter::empty());
    assert!(!covers(&set, second.expose()), "what is remembered is bounded");
    let many: Vec<Secret> = (0..40).map(|at| Secret::new(format!("many-secrets-{at:04}"))).collect();
    let set = earlier.with(many.iter());
    assert!(many.iter().all(|secret| covers(&set, secret.expose())), "a version's own are all there");
}
