//! Over generated layouts: trees of all kinds in and beside each other, registered in any order and by any way in. Each is a
//! workspace of its own with what lies in it and is in no other, and the working trees of one repository are siblings
//! (gastownhall/beads#1653, #2190).

use std::collections::BTreeMap;

use brains_core::plane::workspace::lies_in;
use proptest::prelude::*;

use super::*;

/// What a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// A project without git.
    Marked,
    Repository,
    Bare,
    /// A working tree of some repository.
    Worktree,
    Submodule,
}

use Kind::{Bare, Marked, Plain, Repository, Submodule, Worktree};

/// A directory that is to be: its kind, what it lies in, and whose working tree it is.
type Wish = (Kind, usize, usize);

/// A directory that is there.
#[derive(Debug)]
struct Node {
    kind: Kind,
    path: PathBuf,
    parent: Option<usize>,
    /// What git keeps of it, for whoever shares it; its own path without git.
    common: PathBuf,
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let kind = prop_oneof![
        1 => Just(Plain),
        1 => Just(Marked),
        3 => Just(Repository),
        2 => Just(Bare),
        4 => Just(Worktree),
        2 => Just(Submodule),
    ];
    proptest::collection::vec((kind, 0..100_usize, 0..100_usize), 2..10)
}

fn is_tree(kind: Kind) -> bool {
    !matches!(kind, Plain | Marked)
}

fn git_directory(at: &Path) {
    for name in ["objects", "refs"] {
        fs::create_dir_all(at.join(name)).unwrap();
    }
    write(&at.join("HEAD"), "ref: refs/heads/main\n");
}

/// Lays the directories, each in one of those before it or beside them. A working tree or submodule of nothing is a
/// repository.
fn laid(root: &Path, wishes: &[Wish]) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for (at, (wanted, inside, of)) in wishes.iter().enumerate() {
        let parent = (inside % (at + 1)).checked_sub(1);
        let path = parent.map_or(root, |parent| &nodes[parent].path).join(format!("n{at}"));
        fs::create_dir_all(path.join("src")).unwrap();
        let owners: Vec<&Node> = nodes.iter().filter(|node| matches!(node.kind, Repository | Bare)).collect();
        let above = parent.and_then(|parent| tree_of(&nodes, parent)).map(|above| &nodes[above]);
        let (kind, common) = match wanted {
            Plain | Marked => {
                if *wanted == Marked {
                    write(&path.join("Cargo.toml"), "");
                }
                (*wanted, path.clone())
            }
            Bare => {
                git_directory(&path);
                (Bare, path.clone())
            }
            Worktree if !owners.is_empty() => {
                let common = owners[of % owners.len()].common.clone();
                let own = common.join(format!("worktrees/n{at}"));
                write(&own.join("commondir"), "../..\n");
                write(&path.join(".git"), &format!("gitdir: {}\n", own.display()));
                (Worktree, common)
            }
            Submodule if above.is_some_and(|above| above.kind == Repository) => {
                let own = above.unwrap().common.join(format!("modules/n{at}"));
                git_directory(&own);
                write(&path.join(".git"), &format!("gitdir: {}\n", own.display()));
                (Submodule, own)
            }
            Repository | Worktree | Submodule => {
                git_directory(&path.join(".git"));
                (Repository, path.join(".git"))
            }
        };
        nodes.push(Node { kind, path, parent, common });
    }
    nodes
}

/// The directory and those that it lies in.
fn upwards(nodes: &[Node], at: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(at), |at| nodes[*at].parent)
}

/// What a directory belongs to: the nearest tree, without any the nearest project.
fn tree_of(nodes: &[Node], at: usize) -> Option<usize> {
    let tree = upwards(nodes, at).find(|above| is_tree(nodes[*above].kind));
    tree.or_else(|| upwards(nodes, at).find(|above| nodes[*above].kind == Marked))
}

/// The workspace that a directory is in, as `control` asks the store.
fn found<'r>(registered: &'r BTreeMap<String, Location>, asked: &Location) -> Option<&'r str> {
    let exact = registered.get(&asked.path).filter(|there| there.common_dir == asked.common_dir);
    let mut above = registered.keys().filter(|path| lies_in(&asked.asked, path)).collect::<Vec<_>>();
    above.sort_by_key(|path| path.len());
    let above = above.last().filter(|above| asked.belongs_to(above));
    exact.map(|there| there.path.as_str()).or(above.map(|above| above.as_str()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn each_tree_is_a_workspace_of_its_own_in_any_order(
        (wishes, order) in wishes().prop_flat_map(|wishes| {
            let order: Vec<usize> = (0..wishes.len()).collect();
            (Just(wishes), Just(order).prop_shuffle())
        }),
        ways in proptest::collection::vec(0..3_u8, 10),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let nodes = laid(&root, &wishes);
        let mut looks = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            let way = root.join(format!("way{at}"));
            std::os::unix::fs::symlink(&node.path, &way).unwrap();
            let ways = [node.path.clone(), node.path.join("src"), way];
            looks.push(ways.map(super::at));
        }
        let name = |at: usize| nodes[at].path.to_str().unwrap().to_owned();
        for (at, ways) in looks.iter().enumerate() {
            let tree = tree_of(&nodes, at);
            for told in ways {
                prop_assert_eq!(told.marked, tree.is_some());
                if let Some(tree) = tree {
                    prop_assert_eq!(&told.path, &name(tree));
                    prop_assert_eq!(&told.common_dir, nodes[tree].common.to_str().unwrap());
                }
            }
        }
        let mut registered = BTreeMap::new();
        for at in order {
            // A directory in a plain one is registered as itself.
            let way = if tree_of(&nodes, at).is_some() { ways[at] } else { 0 };
            let told = looks[at][usize::from(way)].clone();
            registered.insert(told.path.clone(), told);
            for (other, ways) in looks.iter().enumerate() {
                let expected = match tree_of(&nodes, other) {
                    Some(tree) => Some(name(tree)).filter(|path| registered.contains_key(path)),
                    None => upwards(&nodes, other).map(name).find(|path| registered.contains_key(path)),
                };
                for told in ways {
                    prop_assert_eq!(found(&registered, told), expected.as_deref(), "{}", told.asked);
                }
            }
        }
    }
}
