use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CompileJob, Compiler, Pace, Program, Reach};
use crate::engine::Layout;
use crate::load::LoadError;
use crate::tests::{clock, compiler};

const REACH: Reach = Reach { seconds: 60, memory_mib: 2048 };

/// A program that does something else than to compile.
fn script(text: &str) -> Program {
    Program { path: "/bin/sh".into(), arguments: vec!["-c".into(), text.into()] }
}

fn compile(
    compiler: &Compiler,
    wasm: &[u8],
    reach: Reach,
    pace: Pace,
    wanted: &AtomicBool,
) -> Result<Vec<u8>, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout { reservation_bytes: None };
    let ambient = &*clock();
    compiler.compile(CompileJob { wasm, layout, reach, folder: folder.path(), ambient, wanted }, pace)
}

fn tried(program: Program, reach: Reach) -> LoadError {
    compile(&Compiler::new(program), b"", reach, Pace::Long, &AtomicBool::new(true)).unwrap_err()
}

#[test]
fn each_end_of_a_process_has_a_name() {
    let end = |text: &str| tried(script(text), REACH);
    assert!(matches!(end("kill -XCPU $$"), LoadError::CompileTime { seconds: 60 }));
    assert!(matches!(end("kill -KILL $$"), LoadError::CompileMemory { memory_mib: 2048 }));
    assert!(matches!(
        end("echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$"),
        LoadError::CompileMemory { .. }
    ));
    assert!(end("kill -SEGV $$").to_string().contains("signal 11"));
    assert!(end("exit 7").to_string().contains("code 7"));
    assert!(
        matches!(end("echo nonsense; exit 3"), LoadError::NotAComponent { reason } if reason.contains("nonsense"))
    );
    let gone = tried(Program::at("/nowhere/at/all".into()), REACH);
    assert!(matches!(gone, LoadError::Compiler { .. }), "{gone}");
}

#[test]
fn one_that_stalls_is_ended_by_the_clock() {
    let stalled = tried(script("exec sleep 600"), Reach { seconds: 1, ..REACH });
    assert!(matches!(stalled, LoadError::CompileTime { seconds: 1 }), "{stalled}");
}

#[test]
fn the_process_has_nothing_of_the_service_but_its_work() {
    let seen = compile(&Compiler::new(script("env; pwd")), b"", REACH, Pace::Long, &AtomicBool::new(true));
    let seen = String::from_utf8(seen.unwrap()).unwrap();
    // The shell sets `PWD`; nothing of this process is among it.
    assert!(!seen.contains("PATH=") && !seen.contains("HOME=") && !seen.contains("CARGO"), "{seen}");
    assert!(seen.ends_with("/\n"), "{seen}");
}

#[test]
fn what_is_too_much_for_its_limits_is_said() {
    // One function with a great many live variables.
    let locals = 600;
    let (mut sets, mut mix) = (String::new(), String::new());
    for at in 0..locals {
        let _written = write!(sets, "(local.set {at} (i64.load (i32.const {at})))");
    }
    for at in (0..60).flat_map(|_| 1..locals) {
        let _written = write!(mix, "(local.set {at} (i64.add (local.get {at}) (local.get {})))", at - 1);
    }
    let wasm = wat::parse_str(format!(
        "(component (core module (memory 1) (func (export \"f\") (result i64) (local {}) {sets} (loop {mix} \
         (br_if 0 (i32.wrap_i64 (local.get 5)))) (local.get 7))))",
        "i64 ".repeat(locals)
    ))
    .unwrap();
    let compile =
        |reach, pace| compile(&Compiler::new(compiler()), &wasm, reach, pace, &AtomicBool::new(true));
    let slow = compile(Reach { seconds: 1, ..REACH }, Pace::Long);
    assert!(matches!(slow, Err(LoadError::CompileTime { .. })), "{slow:?}");
}

#[test]
fn nobody_waits_for_what_nobody_wants_any_more() {
    let compiler = Arc::new(Compiler::new(script("exec sleep 600")));
    let wanted = Arc::new(AtomicBool::new(true));
    let waiters: Vec<_> =
        [Arc::clone(&wanted), Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true))]
            .into_iter()
            .map(|wanted| {
                let compiler = Arc::clone(&compiler);
                std::thread::spawn(move || compile(&compiler, b"", REACH, Pace::Long, &wanted))
            })
            .collect();
    wanted.store(false, Ordering::Relaxed);
    let mut waiters = waiters.into_iter();
    assert!(matches!(waiters.next().unwrap().join().unwrap(), Err(LoadError::Stopping)));
    compiler.stop();
    for waiter in waiters {
        assert!(matches!(waiter.join().unwrap(), Err(LoadError::Stopping)));
    }
    let refused = compile(&compiler, b"", REACH, Pace::Quick, &AtomicBool::new(true));
    assert!(matches!(refused, Err(LoadError::Stopping)));
}
