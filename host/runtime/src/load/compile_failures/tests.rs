use super::CompileFailures;
use crate::load::LoadError;
use crate::load::compiler::Reach;

const REACH: Reach = Reach { seconds: 10, memory_mib: 100 };

#[test]
fn what_could_not_be_compiled_is_not_tried_again_unless_it_may_go_further() {
    let folder = tempfile::tempdir().unwrap();
    let compile_failures = CompileFailures::open(folder.path());
    assert!(compile_failures.of("sha256:a", REACH).is_none());
    compile_failures.note("sha256:a", REACH, &LoadError::CompileTime { seconds: 10 });
    for compile_failures in [compile_failures, CompileFailures::open(folder.path())] {
        let again = compile_failures.of("sha256:a", REACH).unwrap().to_string();
        assert!(again.contains("budgets.compile_seconds"), "{again}");
        assert!(compile_failures.of("sha256:a", Reach { seconds: 5, ..REACH }).is_some());
        assert!(compile_failures.of("sha256:a", Reach { seconds: 11, ..REACH }).is_none());
        assert!(compile_failures.of("sha256:a", Reach { memory_mib: 0, ..REACH }).is_none());
        assert!(compile_failures.of("sha256:b", REACH).is_none());
    }
}

#[test]
fn what_says_nothing_about_the_content_is_not_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let compile_failures = CompileFailures::open(folder.path());
    for error in [LoadError::Stopping, LoadError::Busy, LoadError::Checking] {
        compile_failures.note("sha256:a", REACH, &error);
    }
    compile_failures.note("sha256:a", REACH, &LoadError::Compiler { reason: "no room".into() });
    assert!(compile_failures.of("sha256:a", REACH).is_none());
    fs_err::write(folder.path().join("refused.json"), b"{nonsense").unwrap();
    assert!(CompileFailures::open(folder.path()).of("sha256:a", REACH).is_none());
}
