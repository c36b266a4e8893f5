//! Rules on traffic, as pure values: time is passed in.

pub mod fault_rate;
pub mod limit;
pub mod throttle;
