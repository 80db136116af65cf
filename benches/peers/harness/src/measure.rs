//! Medians of samples. Inputs are made before the clock starts, and results are dropped after it has stopped.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A sample is at least so long that reading the clock does not count.
const SAMPLE: Duration = Duration::from_micros(200);
/// Runs of a sample, all of whose inputs and outputs exist at once.
const MOST_RUNS: usize = 1 << 12;
const FEWEST_SAMPLES: usize = 3;
const MOST_SAMPLES: usize = 1001;

/// The median time of a run, and what it is the median of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Median {
    pub(crate) nanoseconds: f64,
    pub(crate) samples: usize,
    pub(crate) runs_per_sample: usize,
}

/// Runs `run` on inputs of `setup` for about `budget`, set-up included, and gives the last output of each sample to `check`.
pub(crate) fn median<I, O, E>(
    budget: Duration,
    mut setup: impl FnMut() -> I,
    mut run: impl FnMut(I) -> O,
    mut check: impl FnMut(&O) -> Result<(), E>,
) -> Result<Median, E> {
    let mut sample = |runs: usize| {
        let inputs: Vec<I> = (0..runs).map(|_| setup()).collect();
        let mut outputs = Vec::with_capacity(runs);
        let start = Instant::now();
        for input in inputs {
            outputs.push(run(black_box(input)));
        }
        let time = start.elapsed();
        check(black_box(outputs.last().expect("a sample has a run"))).map(|()| time)
    };
    // The first samples warm up caches and tell how many runs a sample takes.
    let mut runs = 1;
    while sample(runs)? < SAMPLE && runs < MOST_RUNS {
        runs *= 2;
    }
    let mut samples = Vec::new();
    let start = Instant::now();
    while samples.len() < FEWEST_SAMPLES || (samples.len() < MOST_SAMPLES && start.elapsed() < budget) {
        samples.push(sample(runs)?);
    }
    samples.sort_unstable();
    #[allow(clippy::cast_precision_loss, reason = "there are at most 4,096 runs")]
    let nanoseconds = samples[samples.len() / 2].as_secs_f64() * 1e9 / runs as f64;
    Ok(Median { nanoseconds, samples: samples.len(), runs_per_sample: runs })
}
