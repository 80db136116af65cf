//! The Travertine virtual machine: load, run, settle, prove.
