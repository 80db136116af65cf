//! The pages that show a session with the command are played: what they show is what is printed.
//!
//! After a change of what is printed, `TRAVERTINE_UPDATE_PAGES=1 cargo test -p travertine --test pages` writes it anew.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

const PAGES: [&str; 2] = ["README.md", "docs/tour.md"];

/// Stands between the outputs of two commands.
const MARK: &str = "-- next command --\n";
const ECHO_MARK: &str = "echo '-- next command --'";

/// `cargo run … -- ARGUMENTS` runs the command that was built for the test.
const PRELUDE: &str = r#"
exec 2>&1
cargo() { while [ "$1" != -- ]; do shift; done; shift; "$TRAVERTINE" "$@"; }
"#;

/// A piece of a page: text, or a command with what it prints.
enum Piece<'a> {
    Text(&'a str),
    Command { line: &'a str, output: String },
}

/// Lines in `console` blocks that start with `$ ` are commands; the lines below them are their output.
fn pieces(page: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut in_block = false;
    for line in page.lines() {
        if line.starts_with("```") {
            in_block = line == "```console";
        } else if in_block {
            match (line.strip_prefix("$ "), pieces.last_mut()) {
                (Some(_), _) => {
                    pieces.push(Piece::Command { line, output: String::new() });
                    continue;
                }
                (None, Some(Piece::Command { output, .. })) => {
                    *output += line;
                    *output += "\n";
                    continue;
                }
                (None, _) => {}
            }
        }
        pieces.push(Piece::Text(line));
    }
    pieces
}

/// Plays the page's commands in one shell, in a directory that has the fixtures. Gives what each printed.
fn play(pieces: &[Piece<'_>], root: &Path) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    symlink(root.join("fixtures"), directory.path().join("fixtures")).expect("a link to the fixtures");
    let mut script = vec![PRELUDE];
    for piece in pieces {
        if let Piece::Command { line, .. } = piece {
            script.extend([ECHO_MARK, &line[2..]]);
        }
    }
    let ended = Command::new("sh")
        .args(["-c", &script.join("\n")])
        .env("TRAVERTINE", env!("CARGO_BIN_EXE_travertine"))
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let printed = String::from_utf8(ended.stdout).expect("UTF-8");
    printed.split(MARK).skip(1).map(str::to_owned).collect()
}

#[test]
fn pages_show_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace");
    for name in PAGES {
        let page = fs::read_to_string(root.join(name)).expect("the page");
        let pieces = pieces(&page);
        let mut printed = play(&pieces, &root).into_iter();
        let mut played = String::new();
        for piece in &pieces {
            match piece {
                Piece::Text(line) => played.extend([line, "\n"]),
                Piece::Command { line, .. } => {
                    let output = printed.next().expect("an output for each command");
                    played.extend([line, "\n", &output]);
                }
            }
        }
        if std::env::var_os("TRAVERTINE_UPDATE_PAGES").is_some() {
            fs::write(root.join(name), played).expect("the page can be written");
        } else {
            assert_eq!(page, played, "{name} does not show what is printed");
        }
    }
}
