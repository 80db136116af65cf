//! Gas schedule and meter.
