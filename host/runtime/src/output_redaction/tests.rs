use super::*;

fn covers(redaction: &OutputRedaction, secret: &str) -> bool {
    !redaction.cover(&format!("it said {secret}!")).contains(secret)
}

#[test]
fn the_secrets_of_earlier_versions_stay_covered() {
    let given = Arc::new(SecretHistory::default());
    let version = |secrets: &[Secret]| OutputRedaction::of(&given, secrets.iter());
    let first = Secret::new("first-secret-0001");
    let second = Secret::new("second-secret-0002");
    let old = version(std::slice::from_ref(&first));
    assert!(covers(&old, first.expose()));
    let set = version(std::slice::from_ref(&second));
    assert!(covers(&set, first.expose()) && covers(&set, second.expose()));
    assert!(covers(&old, second.expose()), "all versions cover the same ones");
    // One that is in use again is the newest again.
    version(std::slice::from_ref(&first));
    for number in 0..EARLIER {
        version(&[Secret::new(format!("another-secret-{number:04}"))]);
    }
    assert!(!covers(&version(&[]), second.expose()), "what is remembered is bounded");
    let many: Vec<Secret> = (0..40).map(|at| Secret::new(format!("many-secrets-{at:04}"))).collect();
    let set = version(&many);
    assert!(many.iter().all(|secret| covers(&set, secret.expose())), "a version's own are all there");
}

#[test]
fn what_is_given_meanwhile_is_covered_and_takes_no_place_of_the_settings() {
    let given = Arc::new(SecretHistory::default());
    let own = Secret::new("own-secret-0001");
    let redaction = OutputRedaction::of(&given, std::iter::once(&own));
    for number in 0..=EARLIER {
        redaction.learn(std::iter::once(&Secret::new(format!("session-token-{number:04}"))));
    }
    assert!(covers(&redaction, own.expose()) && covers(&redaction, "session-token-0001"));
    assert!(!covers(&redaction, "session-token-0000"), "what is remembered is bounded");
}
