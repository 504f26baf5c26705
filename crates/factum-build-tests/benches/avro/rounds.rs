//! Interleaved rounds, and what they tell.

use std::time::{Duration, Instant};

use crate::events::COUNT;

const ROUNDS: usize = 41;
const ROUND: Duration = Duration::from_millis(15);

/// Something that is measured.
pub struct Contender<'a> {
    name: &'static str,
    /// Does the work for every event once.
    pass: Box<dyn FnMut() + 'a>,
}

impl<'a> Contender<'a> {
    pub fn new(name: &'static str, pass: impl FnMut() + 'a) -> Self {
        Self {
            name,
            pass: Box::new(pass),
        }
    }

    /// One round, in nanoseconds an event.
    fn round(&mut self) -> f64 {
        let (start, mut passes) = (Instant::now(), 0);
        while start.elapsed() < ROUND {
            for _ in 0..16 {
                (self.pass)();
            }
            passes += 16;
        }
        start.elapsed().as_nanos() as f64 / (passes * COUNT) as f64
    }
}

/// Contenders that do the same work; the first is the floor.
pub struct Group<'a> {
    name: String,
    contenders: Vec<Contender<'a>>,
}

impl<'a> Group<'a> {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            contenders: Vec::new(),
        }
    }

    pub fn add(&mut self, contender: Contender<'a>) {
        self.contenders.push(contender);
    }

    /// Measures all, and prints a table or a JSON object a line.
    pub fn print(mut self, json: bool) {
        let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); self.contenders.len()];
        for _ in 0..ROUNDS {
            for (contender, rounds) in self.contenders.iter_mut().zip(&mut rounds) {
                rounds.push(contender.round());
            }
        }
        let floor = rounds[0].clone();
        if !json {
            println!("\n{:<44} {:>9} {:>8}", self.name, "ns", "x floor");
        }
        for (contender, rounds) in self.contenders.iter().zip(rounds) {
            let ratios = rounds
                .iter()
                .zip(&floor)
                .map(|(round, floor)| round / floor);
            let (ratio, value) = (median(ratios.collect()), median(rounds));
            if json {
                let line = serde_json::json!({
                    "bench": "avro", "case": format!("{}: {}", self.name, contender.name),
                    "value": value, "unit": "ns", "limit": median(floor.clone()), "ratio": ratio,
                });
                println!("{line}");
            } else {
                println!("  {:<42} {value:>9.1} {ratio:>8.2}", contender.name);
            }
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
