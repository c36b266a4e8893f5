use super::*;

fn this_process() -> RunningService {
    RunningService {
        v: 1,
        state: ServiceState::Serving,
        pid: std::process::id(),
        pid_started: process::started_ticks(std::process::id()),
        started_at: Millis(1_700_000_000_000),
        version: "0.0.0".into(),
        urls: [("gateway".into(), "http://127.0.0.1:8787".into())].into(),
        ports: [("gateway".into(), 8787)].into(),
        db: "sqlite".into(),
        log: "log".into(),
        proof: None,
    }
}

#[test]
fn a_second_instance_is_told_about_the_first() {
    let scratch = tempfile::tempdir().unwrap();
    let home = Home::at(scratch.path());
    let mut first = InstanceLock::claim(&home).unwrap();
    assert!(InstanceLock::claim(&home).unwrap_err().message.contains("starting"));
    let starting = RunningService {
        state: ServiceState::Starting,
        urls: BTreeMap::new(),
        ports: BTreeMap::new(),
        ..this_process()
    };
    first.publish(&starting).unwrap();
    assert!(InstanceLock::claim(&home).unwrap_err().message.contains("is starting here already: pid"));
    assert!(running(&home).unwrap().unwrap().starting());
    first.publish(&this_process()).unwrap();

    let refused = InstanceLock::claim(&home).unwrap_err();
    assert_eq!(refused.kind.exit_code(), 4);
    assert!(refused.message.contains(&std::process::id().to_string()) && refused.message.contains(":8787"));

    assert_eq!(running(&home), Ok(Some(this_process())));
    drop(first);
    assert_eq!(running(&home), Ok(None));
    drop(InstanceLock::claim(&home).unwrap());
}

#[test]
fn what_a_dead_service_left_is_no_service() {
    let scratch = tempfile::tempdir().unwrap();
    let home = Home::at(scratch.path());
    let dead =
        RunningService { pid_started: this_process().pid_started.map(|ticks| ticks + 1), ..this_process() };
    fs::write(home.runtime(), serde_json::to_vec(&dead).unwrap()).unwrap();
    assert_eq!(running(&home), Ok(None));
    assert_eq!(read(&home), Ok(Some(dead)), "still there to be told about");
    fs::write(home.runtime(), "not json").unwrap();
    assert_eq!(read(&home), Ok(None));
    drop(InstanceLock::claim(&home).unwrap());
}
