use super::measure;
use crate::load::LoadError;
use crate::tests::bundled;

fn met(text: &str) -> &'static str {
    match measure(&wat::parse_str(text).unwrap()) {
        Err(LoadError::TooLarge { what, found, most }) => {
            assert!(found > most);
            what
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_too_large_is_named() {
    let module = |inner: &str| format!("(component (core module {inner}))");
    assert_eq!(met(&module(&"(func)".repeat(60_001))), "functions");
    assert_eq!(
        met(&module(&format!("(func (local {}))", "i32 ".repeat(2_001)))),
        "local variables in one function"
    );
    let nested = format!("(func {} {})", "(block ".repeat(2_001), ")".repeat(2_001));
    assert_eq!(met(&module(&nested)), "blocks inside each other");
    assert_eq!(met(&module(&format!("(func {})", "nop ".repeat(1 << 20)))), "bytes in one function");
    let live = format!("(func (local {}) {})", "i32 ".repeat(1_000), "nop ".repeat(40_000));
    assert_eq!(met(&module(&live)), "local variables times bytes of one function");
    assert_eq!(met(&format!("(component {})", "(core module)".repeat(201))), "modules");
    let deep = format!("{}{}", "(component ".repeat(18), ")".repeat(18));
    assert_eq!(met(&deep), "components and modules inside each other");
}

#[test]
fn what_comes_with_the_program_keeps_far_from_every_bound() {
    for laid in bundled() {
        let shape = measure(&laid.wasm).unwrap();
        assert!(
            shape.code.functions < 6_000 && shape.code.bytes < 2 << 20 && shape.code.effort < 3_000_000,
            "{shape:?}"
        );
    }
}

#[test]
fn a_file_of_any_kind_is_read_without_a_panic() {
    let sound = bundled().remove(0).wasm;
    for cut in (0..sound.len()).step_by(9_973) {
        drop(measure(&sound[..cut]));
    }
    assert!(measure(b"").is_err());
}
