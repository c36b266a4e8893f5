use super::Verdicts;
use crate::compiler::Reach;
use crate::load::LoadError;

const REACH: Reach = Reach { seconds: 10, memory_mib: 100 };

#[test]
fn what_could_not_be_compiled_is_not_tried_again_unless_it_may_go_further() {
    let folder = tempfile::tempdir().unwrap();
    let verdicts = Verdicts::open(folder.path());
    assert!(verdicts.of("sha256:a", REACH).is_none());
    verdicts.note("sha256:a", REACH, &LoadError::CompileTime { seconds: 10 });
    for verdicts in [verdicts, Verdicts::open(folder.path())] {
        let again = verdicts.of("sha256:a", REACH).unwrap().to_string();
        assert!(again.contains("budgets.compile_seconds"), "{again}");
        assert!(verdicts.of("sha256:a", Reach { seconds: 5, ..REACH }).is_some());
        assert!(verdicts.of("sha256:a", Reach { seconds: 11, ..REACH }).is_none());
        assert!(verdicts.of("sha256:a", Reach { memory_mib: 0, ..REACH }).is_none());
        assert!(verdicts.of("sha256:b", REACH).is_none());
    }
}

#[test]
fn what_says_nothing_about_the_content_is_not_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let verdicts = Verdicts::open(folder.path());
    for error in [LoadError::Stopping, LoadError::Busy, LoadError::Checking] {
        verdicts.note("sha256:a", REACH, &error);
    }
    verdicts.note("sha256:a", REACH, &LoadError::Compiler { reason: "no room".into() });
    assert!(verdicts.of("sha256:a", REACH).is_none());
    fs_err::write(folder.path().join("refused.json"), b"{nonsense").unwrap();
    assert!(Verdicts::open(folder.path()).of("sha256:a", REACH).is_none());
}
