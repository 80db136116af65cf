//! The choice of the SHA-256 backend: by the environment, and by the program over the environment.
//!
//! The choice is that of a process, so each case is a process of its own: this test program again, with the variable set.
#![cfg(feature = "simd")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::Command;

use travertine_merkle::{Backend, BackendError, ZERO_HASH, hash_pair, zero_hash};

/// What `reports_the_choice` prints in a process where the variable has this value.
fn choice(value: Option<&str>) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["reports_the_choice", "--exact", "--nocapture"]).env_remove("TRAVERTINE_SHA256");
    if let Some(value) = value {
        command.env("TRAVERTINE_SHA256", value);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{value:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The other half of [`choice`]; by itself it checks that whatever is in the environment hashes correctly.
#[test]
fn reports_the_choice() {
    let at_first = Backend::current();
    assert_eq!(hash_pair(&ZERO_HASH, &ZERO_HASH), *zero_hash(1));
    let asked = Backend::from_environment();
    Backend::Portable.select().unwrap();
    println!("choice: {at_first}, then {}; asked for {asked:?}.", Backend::current());
}

fn fastest() -> Backend {
    Backend::ALL.into_iter().rfind(|backend| backend.is_available()).unwrap()
}

#[test]
fn without_the_variable_the_fastest_is_used() {
    for value in [None, Some("")] {
        let expected = format!("choice: {}, then portable; asked for Ok(None).", fastest());
        assert!(choice(value).contains(&expected), "{value:?}");
    }
}

#[test]
fn the_variable_forces_what_is_available() {
    for backend in Backend::ALL {
        let expected = if backend.is_available() {
            format!("choice: {backend}, then portable; asked for Ok(Some({backend:?})).")
        } else {
            println!("no {backend} here: the portable one is used");
            "choice: portable, then portable; asked for Err(Unavailable".to_owned()
        };
        assert!(choice(Some(backend.name())).contains(&expected), "{backend}");
    }
}

#[test]
fn a_name_that_is_none_means_portable_and_is_an_error_for_who_asks() {
    for value in ["Portable", "avx-512", "fastest", " "] {
        let expected =
            format!("choice: portable, then portable; asked for Err(Unknown {{ name: {value:?} }}).");
        assert!(choice(Some(value)).contains(&expected), "{value:?}");
    }
}

#[test]
fn names_are_read_back() {
    for backend in Backend::ALL {
        assert_eq!(backend.to_string().parse(), Ok(backend));
    }
    let unknown = "neon".parse::<Backend>();
    assert_eq!(unknown, Err(BackendError::Unknown { name: "neon".to_owned() }));
}

#[test]
fn what_is_not_available_cannot_be_selected() {
    for backend in Backend::ALL.into_iter().filter(|backend| !backend.is_available()) {
        assert_eq!(backend.select(), Err(BackendError::Unavailable { backend }));
    }
}
