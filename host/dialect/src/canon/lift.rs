//! Lets generated component bindings use these types as they are: an enum arrives as its number. A component's
//! bindings call nothing else here, so a value crosses without a conversion.

use super::chat::Role;
use super::task::Circuit;

impl Role {
    /// The case of this number, as WIT counts them. The canonical ABI has checked the range.
    #[doc(hidden)]
    pub fn _lift(case: u8) -> Self {
        match case {
            0 => Self::System,
            1 => Self::Developer,
            2 => Self::User,
            3 => Self::Assistant,
            _ => Self::Tool,
        }
    }
}

impl Circuit {
    /// The case of this number, as WIT counts them. The canonical ABI has checked the range.
    #[doc(hidden)]
    pub fn _lift(case: u8) -> Self {
        match case {
            0 => Self::Closed,
            1 => Self::HalfOpen,
            _ => Self::Open,
        }
    }
}
