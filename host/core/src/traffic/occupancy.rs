//! How many are inside at once. Nobody waits at the door: whoever does not get in is told so.

/// A room with places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Occupancy {
    inside: u32,
}

impl Occupancy {
    /// Lets one in while fewer than `limit` are inside; 0 is no limit. One that got in must leave.
    pub const fn enter(&mut self, limit: u32) -> bool {
        let room = limit == 0 || self.inside < limit;
        if room {
            self.inside = self.inside.saturating_add(1);
        }
        room
    }

    pub const fn leave(&mut self) {
        self.inside = self.inside.saturating_sub(1);
    }

    pub const fn inside(self) -> u32 {
        self.inside
    }
}

#[cfg(test)]
mod tests;
