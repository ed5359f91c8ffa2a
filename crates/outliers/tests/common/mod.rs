//! Panels to try models on.
#![allow(dead_code)]

use std::ops::Range;

use outliers::{Model, Panel, Settings, Verdict};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// The rows of a panel, to be added airport by airport.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    pub airports: Vec<Range<usize>>,
    pub day: Vec<i32>,
    pub mean: Vec<f64>,
    pub flights: Vec<u32>,
    pub cancelled: Vec<u32>,
    /// Whether the models may see `cancelled`.
    pub cancellations_known: bool,
}

impl Rows {
    /// Adds an airport of rows (day, mean, flights flown, flights cancelled).
    pub fn add(&mut self, rows: impl IntoIterator<Item = (i32, f64, u32, u32)>) {
        let start = self.day.len();
        for (day, mean, flights, cancelled) in rows {
            self.day.push(day);
            self.mean.push(mean);
            self.flights.push(flights);
            self.cancelled.push(cancelled);
        }
        self.airports.push(start..self.day.len());
    }

    pub fn judge(&self, model: &Model, contamination: f64) -> Verdict {
        let scheduled = self.flights.iter().zip(&self.cancelled);
        let scheduled: Vec<u32> = scheduled.map(|(n, c)| n.saturating_add(*c)).collect();
        let panel = Panel {
            airports: &self.airports,
            day: &self.day,
            mean: &self.mean,
            flights: &self.flights,
            scheduled: &scheduled,
            cancelled: self.cancellations_known.then_some(&self.cancelled),
        };
        let settings = Settings {
            contamination,
            seed: 1,
        };
        (model.judge)(&panel, &settings)
    }

    /// A year as real ones are: airports of 1 to 400 flights a day, a season, weekdays, a long tail
    /// above, a mean the steadier the more flights it has, storms over two fifths of the airports, few
    /// cancellations, closed days.
    pub fn made_up(airports: usize, days: i32, seed: u64) -> Self {
        let mut rows = Rows {
            cancellations_known: true,
            ..Rows::default()
        };
        let mut random = Random::new(seed);
        for airport in 0..airports {
            let size = 400.0_f64.powf(airport as f64 / airports as f64);
            let late = 4.0 + 8.0 * random.uniform();
            let rows_of_airport: Vec<_> = (0..days)
                .filter_map(|day| {
                    let planned = (size * (0.7 + 0.6 * random.uniform())).round() as u32;
                    let closed = random.uniform() < 0.002;
                    let cancelled = (0..planned).filter(|_| closed || random.uniform() < 0.015);
                    let cancelled = cancelled.count() as u32;
                    let flown = planned - cancelled;
                    let season = 4.0 * (f64::from(day) / 58.0).sin();
                    let weekday = f64::from(day % 7) * 0.5;
                    let one = 30.0 * (random.exponential() - 1.0) / f64::from(flown.max(1)).sqrt();
                    let storm = day % 10 == 7 && airport % 5 < 2;
                    let storm = f64::from(u8::from(storm)) * 30.0 * random.exponential();
                    let mean = late + season + weekday + storm + 4.0 * random.exponential() + one;
                    let mean = if flown == 0 { f64::NAN } else { mean };
                    (planned > 0).then_some((16_000 + day, mean, flown, cancelled))
                })
                .collect();
            rows.add(rows_of_airport);
        }
        rows
    }
}

/// Random numbers.
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Uniform in (0, 1].
    pub fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// 1 with the given chance, or else 0.
    pub fn rarely(&mut self, chance: f64) -> f64 {
        f64::from(u8::from(self.uniform() <= chance))
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }
}
