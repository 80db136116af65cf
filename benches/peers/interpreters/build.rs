//! Compiles the kernels for this machine with the script that also makes their other forms, and links them.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let variable = |name| env::var(name).map_err(io::Error::other);
    let kernels = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../../kernels");
    let output = variable("OUT_DIR")?;
    println!("cargo::rerun-if-changed={}", kernels.display());
    check(Command::new(kernels.join("build")).args(["--native", &output]).status()?)?;
    let mut archive = Command::new("ar");
    archive.args(["rcs", &format!("{output}/libkernels.a")]);
    for name in
        fs::read_to_string(kernels.join("checksums"))?.lines().filter_map(|line| line.split(' ').next())
    {
        archive.arg(format!("{output}/{name}.o"));
    }
    check(archive.status()?)?;
    println!("cargo::rustc-link-search=native={output}");
    println!("cargo::rustc-link-lib=static=kernels");
    Ok(())
}

fn check(status: ExitStatus) -> io::Result<()> {
    if status.success() { Ok(()) } else { Err(io::Error::other("the kernels could not be built")) }
}
