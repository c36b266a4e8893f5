use super::*;

fn principal(role: Role) -> Principal {
    Principal { operator: "ada".into(), role, ..Principal::admin("fp") }
}

#[test]
fn a_membership_counts_for_more_than_what_everybody_has() {
    use Visibility::{Private, Shared};
    use WorkspaceRole::{Member, Owner, Reader};
    for (role, visibility, membership, found) in [
        (Role::Admin, Private, None, Some(Owner)),
        (Role::Admin, Shared, Some(Reader), Some(Owner)),
        (Role::Member, Shared, None, Some(Member)),
        (Role::Member, Shared, Some(Reader), Some(Reader)),
        (Role::Member, Shared, Some(Owner), Some(Owner)),
        (Role::Member, Private, None, None),
        (Role::Member, Private, Some(Reader), Some(Reader)),
    ] {
        let told = standing(&principal(role), visibility, membership);
        assert_eq!(told, found, "{role:?} {visibility:?} {membership:?}");
    }
    assert!(WorkspaceRole::ALL.is_sorted());
}

#[test]
fn slugs_come_from_the_last_part_of_a_path() {
    for (path, slug) in [
        ("/home/ada/Shop", "shop"),
        ("/home/ada/My  Shop!!", "my-shop"),
        ("/srv/--x--/", "x"),
        ("/", "workspace"),
        ("/srv/Ünïcode_1", "n-code-1"),
        ("/srv/日本", "workspace"),
    ] {
        assert_eq!(slug_of(path), slug, "{path}");
        assert!(check_slug(&slug_of(path)).is_ok());
    }
    let long = slug_of(&format!("/{}", "ab-".repeat(60)));
    assert!(slugs(&long).take(2_000).all(|slug| is_slug(&slug)));
    assert_eq!(slugs("x").take(3).collect::<Vec<_>>(), ["x", "x-2", "x-3"]);
}

#[test]
fn a_path_lies_in_its_root_and_not_beside_it() {
    assert!(lies_in("/a/b", "/a/b") && lies_in("/a/b/c", "/a/b") && lies_in("/a/b", "/a/b/"));
    assert!(!lies_in("/a/bc", "/a/b") && !lies_in("/a", "/a/b") && lies_in("/a", "/"));
}

#[test]
fn names_are_trimmed_and_bounded() {
    assert_eq!(check_name("  Shop ").unwrap(), "Shop");
    for bad in ["", "  ", "a\nb", &"x".repeat(201)] {
        assert_eq!(check_name(bad).unwrap_err().param.as_deref(), Some("name"));
    }
}
