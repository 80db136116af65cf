//! Operations and their costs, and refunds, against the figures that are documented and against naive twins.

mod costs;
mod refunds;
mod text;
