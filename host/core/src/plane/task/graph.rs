//! What waits for what. A dependency that would close a circle is refused, and the circle is told.

use std::collections::{HashMap, HashSet};

/// Edges of the part of the graph that can be reached from the new needs: who, and what it waits for.
pub type Edge<'a> = (&'a str, &'a str);

/// The circle that would close when `task` waited for `needs`: its members from `task` back to `task`. None
/// when there is none.
pub fn circle(task: &str, needs: &[&str], edges: &[Edge<'_>]) -> Option<Vec<String>> {
    let mut waits_for: HashMap<&str, Vec<&str>> = HashMap::new();
    for (who, what) in edges {
        // The task's own old needs are about to be replaced.
        if *who != task {
            waits_for.entry(who).or_default().push(what);
        }
    }
    let mut came_from: HashMap<&str, &str> = HashMap::new();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut waiting: Vec<&str> = Vec::new();
    for need in needs {
        if *need == task {
            return Some(vec![task.to_owned(), task.to_owned()]);
        }
        if seen.insert(need) {
            came_from.insert(need, task);
            waiting.push(need);
        }
    }
    while let Some(at) = waiting.pop() {
        for next in waits_for.get(at).into_iter().flatten() {
            if *next == task {
                return Some(path_back(task, at, &came_from));
            }
            if seen.insert(next) {
                came_from.insert(next, at);
                waiting.push(next);
            }
        }
    }
    None
}

fn path_back(task: &str, last: &str, came_from: &HashMap<&str, &str>) -> Vec<String> {
    let mut path = vec![task.to_owned()];
    let mut at = last;
    while at != task {
        path.push(at.to_owned());
        let Some(before) = came_from.get(at) else { break };
        at = before;
    }
    path.push(task.to_owned());
    path.reverse();
    path
}
