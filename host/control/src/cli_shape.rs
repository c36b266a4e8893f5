//! How an operation looks on the command line, and the examples that its documents show.

/// One way to use an operation, shown in its help, its reference page and the OpenAPI document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// What it does, in a few words.
    pub title: &'static str,
    /// The command, without the program's name.
    pub command: &'static str,
    /// The same as a JSON body.
    pub input: &'static str,
}

/// Another spelling of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    pub path: &'static [&'static str],
    /// Accepted, but absent from help and documents.
    pub hidden: bool,
}

/// How an answer becomes a table on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// The member of the answer that holds the rows; empty when the answer itself is the only row.
    pub rows: &'static str,
    /// Members of a row, in order; a dot goes one level down.
    pub columns: &'static [&'static str],
}

/// How an operation looks on the command line. Fields that are not positional are options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CliShape {
    /// The words of the command, e.g. `key create`.
    pub path: &'static [&'static str],
    /// Input fields given by position, in order.
    pub positional: &'static [&'static str],
    /// One-letter options: field and letter.
    pub shorts: &'static [(&'static str, char)],
    pub aliases: &'static [Alias],
    pub table: Option<Table>,
    /// The member of the answer whose items are printed as they are, one a line; all pages are fetched.
    pub lines: Option<&'static str>,
    /// Whether the answer's `next_cursor` shows, once it was printed, that it was received: it is given back.
    pub confirms_receipt: bool,
    /// Asked before running, unless `--yes` is given.
    pub confirm: Option<&'static str>,
}

impl CliShape {
    /// A command with options only.
    pub const fn new(path: &'static [&'static str]) -> Self {
        Self {
            path,
            positional: &[],
            shorts: &[],
            aliases: &[],
            table: None,
            lines: None,
            confirms_receipt: false,
            confirm: None,
        }
    }

    #[must_use]
    pub const fn confirms_receipt(mut self) -> Self {
        self.confirms_receipt = true;
        self
    }

    #[must_use]
    pub const fn positional(mut self, fields: &'static [&'static str]) -> Self {
        self.positional = fields;
        self
    }

    #[must_use]
    pub const fn shorts(mut self, shorts: &'static [(&'static str, char)]) -> Self {
        self.shorts = shorts;
        self
    }

    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [Alias]) -> Self {
        self.aliases = aliases;
        self
    }

    #[must_use]
    pub const fn table(mut self, rows: &'static str, columns: &'static [&'static str]) -> Self {
        self.table = Some(Table { rows, columns });
        self
    }

    #[must_use]
    pub const fn lines(mut self, member: &'static str) -> Self {
        self.lines = Some(member);
        self
    }

    #[must_use]
    pub const fn confirm(mut self, question: &'static str) -> Self {
        self.confirm = Some(question);
        self
    }
}
