//! Measures a child process that runs one batch after the other.

use crate::backend::{Backend, Counts};
use crate::process;
use std::time::{Duration, Instant};

/// A child process that runs batches.
pub(crate) trait Worker {
    /// Its process.
    fn process(&self) -> u32;

    /// Prepares the next batch; not measured.
    fn prepare(&mut self);

    /// Runs the batch.
    fn work(&mut self) -> impl Future<Output = ()>;
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Rounds; the median counts.
    pub(crate) rounds: usize,
    /// A round ends when the child has used this much CPU time,
    pub(crate) cpu: Duration,
    /// or has run this many batches.
    pub(crate) batches: usize,
    /// Warm-up batches, not measured.
    pub(crate) warm_up: usize,
}

/// The cost of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// CPU time for 1,000 records in the median round.
    pub(crate) cpu: Duration,
    /// The same in the cheapest and in the most expensive round.
    pub(crate) cpu_range: (Duration, Duration),
    /// Time from the delivery of a batch to its answer, in the median round.
    pub(crate) wall: Duration,
    /// What one batch writes.
    pub(crate) counts: Counts,
    /// Most memory held.
    pub(crate) peak_memory_bytes: usize,
}

/// Measures batches of this many records.
pub(crate) async fn measure(worker: &mut impl Worker, backend: &Backend, records: usize, effort: Effort) -> Cost {
    for _ in 0..effort.warm_up {
        worker.prepare();
        worker.work().await;
    }
    let mut cpu = Vec::new();
    let mut wall = Vec::new();
    for _ in 0..effort.rounds {
        let round = measure_round(worker, effort).await;
        cpu.push(round.cpu.mul_f64(1_000.0) / count(round.batches * records));
        wall.push(round.wall / count(round.batches));
    }
    cpu.sort_unstable();
    wall.sort_unstable();
    let peak_memory_bytes = process::peak_memory_bytes(worker.process());
    worker.prepare();
    backend.count();
    worker.work().await;
    Cost {
        cpu: cpu[cpu.len() / 2],
        cpu_range: (cpu[0], cpu[cpu.len() - 1]),
        wall: wall[wall.len() / 2],
        counts: backend.counted(),
        peak_memory_bytes,
    }
}

struct Round {
    cpu: Duration,
    wall: Duration,
    batches: usize,
}

async fn measure_round(worker: &mut impl Worker, effort: Effort) -> Round {
    let mut round = Round { cpu: Duration::ZERO, wall: Duration::ZERO, batches: 0 };
    let before = process::cpu_time(worker.process());
    while round.cpu < effort.cpu && round.batches < effort.batches {
        worker.prepare();
        let started = Instant::now();
        worker.work().await;
        round.wall += started.elapsed();
        round.batches += 1;
        // A thread that has ended is no longer counted.
        round.cpu = process::cpu_time(worker.process()).saturating_sub(before);
    }
    round
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("a round is not that long")
}
