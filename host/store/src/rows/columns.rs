//! The columns of a table, said once, and the statements that are put together from them.

/// A table's columns as text: as they are, as those of an alias (`["x."]`), or as those of an alias under names with a
/// prefix (`["x.", "own_"]`). Each table has a macro of its own over this one.
macro_rules! column_list {
    ([] $first:ident $(, $column:ident)*) => {
        concat!(stringify!($first) $(, ", ", stringify!($column))*)
    };
    ([$of:literal] $first:ident $(, $column:ident)*) => {
        concat!($of, stringify!($first) $(, ", ", $of, stringify!($column))*)
    };
    ([$of:literal, $as:literal] $first:ident $(, $column:ident)*) => {
        concat!(
            $of, stringify!($first), " AS ", $as, stringify!($first)
            $(, ", ", $of, stringify!($column), " AS ", $as, stringify!($column))*
        )
    };
}
pub(crate) use column_list;

/// Makes constants of pieces of text, and for the tests, which read plain constants out of the sources, a list of them.
macro_rules! statements {
    ($($(#[$about:meta])* $name:ident = $($piece:expr),+ ;)+) => {
        $($(#[$about])* const $name: &str = concat!($($piece),+);)+

        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}
pub(crate) use statements;
