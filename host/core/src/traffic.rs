//! Rules on traffic, as pure values: time is passed in.

pub mod affinity;
pub mod attempt;
pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod continuation;
pub mod fault_rate;
pub mod hedge;
pub mod limit;
pub mod occupancy;
pub mod throttle;
pub mod treatment;
