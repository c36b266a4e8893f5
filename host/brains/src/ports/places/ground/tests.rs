use brains_files::{Gate, GateTarget};
use fs_err as fs;

use super::*;

/// Looks as a service does.
fn looked<T: Send + 'static>(look: impl FnOnce(&Visit) -> T + Send + 'static) -> T {
    Gate::default().wait(GateTarget::named("test"), look).unwrap()
}

#[test]
fn what_holds_many_things_is_reserved_and_does_not_reach_below() {
    let state = Path::new("/srv/brains");
    let reserved = |path: &'static str| looked(move |visit| is_reserved(visit, Path::new(path), Some(state)));
    for path in
        ["/", "/home", "/home/ada", "/Users/ada", "/root", "/srv", "/srv/brains", "/srv/brains/plugins"]
    {
        assert!(reserved(path), "{path}");
    }
    for path in ["/home/ada/shop", "/nowhere/brains-too", "/nowhere"] {
        assert!(!reserved(path), "{path}");
    }
    let reach =
        |path: &'static str| looked(move |visit| within_reach(visit, Path::new(path)).collect::<Vec<_>>());
    assert_eq!(reach("/home/ada/shop/src"), [Path::new("/home/ada/shop/src"), Path::new("/home/ada/shop")]);
    assert_eq!(reach("/home/ada"), [Path::new("/home/ada"), Path::new("/home")]);
    assert_eq!(reach("/"), [Path::new("/")]);
}

#[test]
fn a_bare_repository_is_a_root_and_a_git_directory_is_none() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["shop.git", "shop/.git", "shop/.git/modules/lib"] {
        for part in ["objects", "refs"] {
            fs::create_dir_all(folder.path().join(name).join(part)).unwrap();
        }
        fs::write(folder.path().join(name).join("HEAD"), "ref: refs/heads/main\n").unwrap();
    }
    let root = |name: &str| {
        let directory = folder.path().join(name);
        looked(move |visit| is_root(visit, &directory))
    };
    assert!(root("shop.git"));
    assert!(root("shop"));
    assert!(!root("shop/.git"));
    assert!(!root("shop/.git/modules/lib"));
}
