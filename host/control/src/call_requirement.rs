//! What a caller must be to call an operation at all.

use brains_core::principal::{KeyScope, Role};
use brains_core::{Fault, Principal};

/// The least role and the scope that an operation takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallRequirement {
    pub(crate) operation: &'static str,
    pub(crate) role: Role,
    pub(crate) scope: KeyScope,
}

impl CallRequirement {
    pub(crate) fn permits(self, principal: &Principal) -> bool {
        let role = match self.role {
            Role::Admin => principal.role == Role::Admin,
            Role::Member => true,
        };
        let scope = match self.scope {
            KeyScope::Read => principal.may(KeyScope::Read) || principal.may(KeyScope::Write),
            KeyScope::Write => principal.may(KeyScope::Write),
            KeyScope::Gateway => !principal.scopes.is_empty(),
        };
        role && scope
    }

    /// Why `principal` may not call it, and what it takes.
    pub(crate) fn refusal(self, principal: &Principal) -> Fault {
        let fault = Fault::forbidden(format!("`{}` is not allowed to this key", self.operation));
        if self.role == Role::Admin && principal.role != self.role {
            fault.hint("it takes the admin key or an operator with the role `admin`")
        } else {
            fault.hint(format!("it takes a key with the scope `{}`", scope_name(self.scope)))
        }
    }

    /// Why no agent may call it.
    pub(crate) fn refusal_of_agents(self) -> Fault {
        Fault::forbidden(format!("`{}` is for people, not for agents", self.operation))
            .code("people_only")
            .hint("ask the operator to do it on the command line or in the console")
    }
}

pub(crate) const fn scope_name(scope: KeyScope) -> &'static str {
    match scope {
        KeyScope::Gateway => "gateway",
        KeyScope::Read => "read",
        KeyScope::Write => "write",
    }
}
