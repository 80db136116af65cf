//! Tests of the instruction table and of all that derives from it.

mod elf;
mod encoding;
mod golden;
mod manual;
mod oracle;
mod space;
mod words;
