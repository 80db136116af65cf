//! The Travertine instruction set, declared once in one table.
