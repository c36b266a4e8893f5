use std::fs;
use std::os::unix::fs::symlink;
use std::sync::mpsc;
use std::time::Duration;

use brains_core::FaultKind;

use super::*;

const HANG: Duration = Duration::from_secs(30);

fn gate(threads: u32, time: Duration) -> Gate {
    let gate = Gate::default();
    gate.set(GateLimits { threads, time });
    gate
}

#[tokio::test]
async fn work_that_hangs_is_told_of_and_holds_up_nobody_else() {
    let gate = gate(8, Duration::from_millis(200));
    let (_open, hangs) = mpsc::channel::<()>();
    let hangs = std::sync::Arc::new(std::sync::Mutex::new(hangs));
    for _ in 0..20 {
        let hangs = std::sync::Arc::clone(&hangs);
        let fault = gate.run(GateTarget::named("dead"), move |_| hangs.lock().unwrap().recv().is_ok()).await;
        let fault = fault.unwrap_err();
        assert_eq!((fault.kind, &*fault.code), (FaultKind::Unavailable, "file_stalled"));
    }
    assert!(gate.standing().used <= 2, "{:?}", gate.standing());
    assert_eq!(gate.run(GateTarget::named("well"), |_| 7).await.unwrap(), 7);
    let beside = gate.clone();
    let waited = std::thread::spawn(move || beside.wait(GateTarget::named("well"), |_| 8)).join().unwrap();
    assert_eq!(waited.unwrap(), 8);
    assert!(gate.standing().refused >= 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_served_in_turn() {
    let gate = gate(4, HANG);
    let all = (0..500).map(|n| {
        let gate = gate.clone();
        async move { gate.run(GateTarget::named(format!("p{}", n % 7)), move |_| n).await.unwrap() }
    });
    let mut all: tokio::task::JoinSet<usize> = all.collect();
    let mut sum = 0;
    while let Some(one) = all.join_next().await {
        sum += one.unwrap();
    }
    assert_eq!(sum, (0..500).sum::<usize>());
    assert_eq!(gate.standing().used, 0);
}

#[tokio::test]
async fn a_panic_of_the_work_is_its_own() {
    let gate = Gate::default();
    let fault = gate.run(GateTarget::named("x"), |_| panic!("broken")).await.map(|(): ()| ()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Internal);
    assert_eq!(gate.run(GateTarget::named("x"), |_| 1).await.unwrap(), 1);
    assert_eq!(gate.standing().used, 0);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test's own folder")]
async fn a_path_is_resolved_as_the_system_resolves_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::File::create(root.join("a/file")).unwrap();
    symlink("a", root.join("short")).unwrap();
    symlink("../short/b", root.join("a/round")).unwrap();
    symlink(root.join("short"), root.join("far")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    let gate = Gate::default();
    for path in [
        "",
        "a",
        "short",
        "short/b/..",
        "a/round",
        "far/round/../file",
        "a/./b",
        "missing",
        "missing/..",
        "loop",
        "dangling",
        "a/file/x",
        "a/file",
        "../",
        "far/../a",
    ] {
        let asked = root.join(path);
        let expected = fs::canonicalize(&asked).ok();
        let told = gate.run(GateTarget::of(&asked), move |visit| visit.resolve(&asked).ok()).await.unwrap();
        assert_eq!(told, expected, "{path}");
    }
}

#[tokio::test]
async fn only_regular_files_within_their_size_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    fs::File::create(root.join("big")).unwrap().set_len(1 << 30).unwrap();
    for (name, bytes) in [("text", "hello"), ("full", "12345678")] {
        std::io::Write::write_all(&mut fs::File::create(root.join(name)).unwrap(), bytes.as_bytes()).unwrap();
    }
    std::io::Write::write_all(&mut fs::File::create(root.join("bytes")).unwrap(), b"\xff\xfe").unwrap();
    fs::create_dir(root.join("folder")).unwrap();
    symlink("text", root.join("link")).unwrap();
    symlink("fifo", root.join("link-to-fifo")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("fifo"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    let gate = Gate::default();
    let try_read = async |path: std::path::PathBuf, links: Links| {
        let read =
            gate.run(GateTarget::of(&path), move |visit| read_text(visit, &path, links, 8)).await.unwrap();
        read.map_err(|error| error.to_string())
    };
    for (name, links, told) in [
        ("text", Links::Refused, Ok("hello")),
        ("full", Links::Refused, Ok("12345678")),
        ("link", Links::Followed, Ok("hello")),
        ("link", Links::Refused, Err("is a symbolic link, not a regular file")),
        ("link-to-fifo", Links::Followed, Err("is a FIFO, not a regular file")),
        ("fifo", Links::Refused, Err("is a FIFO, not a regular file")),
        ("socket", Links::Refused, Err("is a socket, not a regular file")),
        ("folder", Links::Followed, Err("is a directory, not a regular file")),
        ("big", Links::Refused, Err("is larger than 0 KiB")),
        ("bytes", Links::Refused, Err("is not UTF-8 text")),
        ("nothing", Links::Refused, Err("is not there")),
    ] {
        let path = root.join(name);
        let expected = told.map(str::to_owned).map_err(|why| format!("`{}` {why}", path.display()));
        assert_eq!(try_read(path, links).await, expected, "{name}");
    }
    let zero = try_read("/dev/zero".into(), Links::Followed).await;
    assert_eq!(zero.unwrap_err(), "`/dev/zero` is a device, not a regular file");
}

#[tokio::test]
async fn an_address_is_no_name_to_look_up() {
    let names = Names::default();
    assert_eq!(names.look_up("127.0.0.1").await.unwrap(), [std::net::IpAddr::from([127, 0, 0, 1])]);
    assert_eq!(names.look_up("::1").await.unwrap().len(), 1);
    assert!(names.look_up("localhost").await.unwrap().iter().all(std::net::IpAddr::is_loopback));
}
