//! Builds the calls to Boost.Interprocess, if the C++ compiler finds its headers.

fn main() {
    const CALLS: &str = "src/allocators/boost.cpp";
    println!("cargo::rerun-if-changed={CALLS}");
    println!("cargo::rustc-check-cfg=cfg(boost)");
    let build = || {
        let mut build = cc::Build::new();
        build.cpp(true).std("c++17").warnings(false).cargo_warnings(false).file(CALLS);
        build
    };
    if build().try_expand().is_ok() {
        build().compile("boost_calls");
        println!("cargo::rustc-cfg=boost");
    }
}
