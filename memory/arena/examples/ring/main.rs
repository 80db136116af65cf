//! Two processes exchange messages of mixed sizes through an arena, and one or the other is killed now and then:
//! `cargo run --release -p travertine-arena --example ring -- [MESSAGES] [KILLS]`.

#[cfg(target_os = "linux")]
mod ring;
#[cfg(target_os = "linux")]
mod run;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::process::Command;
    use travertine_arena::Handle;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, handle, count] = &arguments[..] {
        return ring::child(role, Handle::from_bits(handle.parse()?), count.parse()?);
    }
    let number = |at: usize, default: u64| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (count, kills) = (number(0, 10_000_000)?, number(1, 100)?);
    let start = std::time::Instant::now();
    let kills = run::run(count, kills, |role, handle| {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([role, &handle.to_bits().to_string(), &count.to_string()]);
        Ok(command)
    })?;
    println!(
        "{count} messages in {:.1} s, {} kills: each had its effect once, nothing is leaked",
        start.elapsed().as_secs_f64(),
        kills
    );
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("shared segments are there on Linux only");
}
