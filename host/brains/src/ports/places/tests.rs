use super::*;

mod layouts;

fn at(path: PathBuf) -> Location {
    beside(path, None)
}

fn beside(path: PathBuf, state: Option<PathBuf>) -> Location {
    let located = move |visit: &Visit| locate(visit, &path, state.as_deref());
    Gate::default().wait(GateTarget::named("test"), located).unwrap().unwrap()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_tree_is_told_from_its_git_directory() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    fs::create_dir_all(root.join("shop/.git/worktrees/fix")).unwrap();
    fs::create_dir_all(root.join("shop/src/cart")).unwrap();
    write(&root.join("fix/.git"), &format!("gitdir: {}/shop/.git/worktrees/fix\n", root.display()));
    write(&root.join("shop/.git/worktrees/fix/commondir"), "../..\n");
    fs::create_dir_all(root.join("fix/src")).unwrap();

    let told = |path: &str| at(root.join(path));
    let name = |path: &str| root.join(path).to_str().unwrap().to_owned();
    let main = told("shop/src/../src/cart");
    assert_eq!(
        (main.path, main.common_dir, main.marked, main.exists),
        (name("shop"), name("shop/.git"), true, true)
    );
    assert_eq!(main.asked, name("shop/src/cart"));
    let linked = told("fix/src");
    assert_eq!((linked.path, linked.common_dir), (name("fix"), name("shop/.git")));
}

#[test]
fn without_git_a_marker_or_the_directory_itself_counts() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    write(&root.join("lib/Cargo.toml"), "");
    write(&root.join("net/App.csproj"), "");
    fs::create_dir_all(root.join("lib/src")).unwrap();
    fs::create_dir_all(root.join("plain/sub")).unwrap();
    let told = |path: &str| at(root.join(path));
    let name = |path: &str| root.join(path).to_str().unwrap().to_owned();
    assert_eq!((told("lib/src").path, told("lib/src").marked), (name("lib"), true));
    assert!(told("net").marked);
    let plain = told("plain/sub");
    assert_eq!((plain.path, plain.marked, plain.exists), (name("plain/sub"), false, true));
    let gone = told("plain/../gone/./x");
    assert_eq!((gone.path, gone.exists), (name("gone/x"), false));
}

#[test]
fn a_broken_git_file_is_no_tree_and_no_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    for (place, text) in ["nonsense", "gitdir: /nowhere/at/all", ""].iter().enumerate() {
        write(&root.join(format!("{place}/.git")), text);
        let told = at(root.join(place.to_string()));
        assert_eq!(told.path, root.join(place.to_string()).to_str().unwrap());
    }
}

#[test]
fn the_nearest_tree_counts_whatever_lies_above_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    fs::create_dir_all(root.join("shop/.git/worktrees/w1")).unwrap();
    write(&root.join("shop/.git/worktrees/w1/commondir"), "../..\n");
    let tree = root.join("shop/.claude/worktrees/w1");
    write(&tree.join(".git"), &format!("gitdir: {}/shop/.git/worktrees/w1\n", root.display()));
    fs::create_dir_all(root.join("shop/vendor/lib/.git")).unwrap();
    fs::create_dir_all(root.join("shop/vendor/old/.hg")).unwrap();
    write(&root.join("shop/packages/web/package.json"), "{}");
    for name in ["objects", "refs"] {
        fs::create_dir_all(root.join("shop/mirror.git").join(name)).unwrap();
    }
    write(&root.join("shop/mirror.git/HEAD"), "ref: refs/heads/main\n");
    let told = |path: &str| at(root.join(path));
    let name = |path: &str| root.join(path).to_str().unwrap().to_owned();
    for (path, found) in [
        ("shop/.claude/worktrees/w1", "shop/.claude/worktrees/w1"),
        ("shop/vendor/lib/src", "shop/vendor/lib"),
        ("shop/vendor/old", "shop/vendor/old"),
        ("shop/mirror.git/refs", "shop/mirror.git"),
        // A package of a repository is a part of it.
        ("shop/packages/web", "shop"),
        ("shop/.git/hooks", "shop"),
    ] {
        assert_eq!(told(path).path, name(found), "{path}");
    }
    assert_eq!(told("shop/.claude/worktrees/w1").common_dir, name("shop/.git"));
    assert!(told("shop").is_open());
    let beside = beside(root.join("shop"), Some(root.join("shop/state")));
    assert!(beside.reserved && !beside.is_open());
}

#[test]
fn what_is_neither_file_nor_directory_marks_a_tree_and_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    for name in ["fifo", "link", "dangling", "within"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("fifo/.git"), mode).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("within/commondir"), mode).unwrap();
    fs::write(root.join("within/.git"), "gitdir: .\n").unwrap();
    std::os::unix::fs::symlink("../fifo/.git", root.join("link/.git")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("dangling/.git")).unwrap();
    for name in ["fifo", "link", "dangling", "within"] {
        let told = at(root.join(name));
        assert_eq!((told.path.as_str(), told.marked), (root.join(name).to_str().unwrap(), true), "{name}");
        assert!(
            told.common_dir.starts_with(root.join(name).to_str().unwrap()),
            "{name}: {}",
            told.common_dir
        );
    }
}
