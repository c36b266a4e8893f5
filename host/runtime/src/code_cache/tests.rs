use super::CodeCache;
use crate::PoolProfile;
use crate::engine::{ComponentEngine, Layout};
use crate::load::compile::machine_code;

/// The name under which code is put is the one that wasmtime looks it up by: this fails should that ever change.
#[test]
fn code_from_another_process_is_found_by_an_engine_without_a_compiler() {
    let folder = tempfile::tempdir().unwrap();
    let code_cache = CodeCache::open(Some(folder.path())).unwrap();
    let engine = ComponentEngine::start(PoolProfile::Laptop, code_cache.cache()).unwrap();
    let wasm = wat::parse_str("(component (core module (func (export \"f\"))))").unwrap();
    assert!(CodeCache::find(&engine.pool, &wasm).is_none(), "nothing compiles here");
    let code = machine_code(&wasm, engine.layout).unwrap();
    code_cache.put(&engine.pool, &wasm, code);
    for engine in [Some(&engine.pool), engine.beyond.as_ref()].into_iter().flatten() {
        assert!(CodeCache::find(engine, &wasm).is_some());
    }
    // What was compiled for another layout is no code of this one, wherever it lies.
    let other = Layout { reservation_bytes: Some(64 << 20) };
    code_cache.put(&engine.pool, &wasm, machine_code(&wasm, other).unwrap());
    assert!(CodeCache::find(&engine.pool, &wasm).is_none());
    code_cache.put(&engine.pool, &wasm, machine_code(&wasm, engine.layout).unwrap());
    assert!(CodeCache::find(&engine.pool, &wasm).is_some());
}

#[test]
fn a_directory_that_others_may_write_to_is_emptied_and_closed_to_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compiled");
    fs_err::create_dir_all(path.join("modules/wasmtime-x")).unwrap();
    fs_err::write(path.join("modules/wasmtime-x/code"), b"anything").unwrap();
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
    let code_cache = CodeCache::open(Some(&path)).unwrap();
    assert_eq!(code_cache.directory(), fs_err::canonicalize(&path).unwrap());
    assert!(!path.join("modules/wasmtime-x").exists());
    assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn where_code_cannot_be_ours_alone_it_lies_in_a_place_that_passes() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    fs_err::create_dir(&real).unwrap();
    fs_err::os::unix::fs::symlink(&real, &link).unwrap();
    fs_err::write(folder.path().join("file"), b"").unwrap();
    for wanted in [link.as_path(), &folder.path().join("file"), std::path::Path::new("/proc/compiled")] {
        let code_cache = CodeCache::open(Some(wanted)).unwrap();
        assert!(!code_cache.directory().starts_with(folder.path()), "{}", wanted.display());
        let place = code_cache.directory().to_owned();
        assert!(place.is_dir());
        drop(code_cache);
        assert!(!place.exists());
    }
}
