//! Every test of the store runs on both databases. Postgres comes from `BRAINS_TEST_POSTGRES` (the URL of an
//! admin database) or from a throw-away cluster; when there is none the tests fail.

mod audit;
mod bed;
mod clocks;
mod errors;
mod groups;
mod identity;
mod outages;
mod planes;
mod processes;
mod responses;
mod scale;
mod schema;
mod spending;
mod traces;
mod usage_ledger;
mod warm_places;
mod work;
mod writes;
