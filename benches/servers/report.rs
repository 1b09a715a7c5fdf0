//! The table of results, with the ratio of `reg` to the best peer of each row.

use std::collections::BTreeMap;
use std::fmt;

use crate::process::Kind;

/// A rate by the server's CPU time and by the wall clock.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) per_cpu_s: f64,
    pub(crate) per_wall_s: f64,
}

enum Cell {
    Rate(Sample),
    Value(f64),
    Failed,
}

/// Rows in the order in which they first came; cells by server.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<(String, BTreeMap<&'static str, Cell>)>,
}

impl Table {
    fn put(&mut self, work: &str, server: &'static str, cell: Cell) {
        let at = self.rows.iter().position(|(name, _)| name == work).unwrap_or_else(|| {
            self.rows.push((work.to_owned(), BTreeMap::new()));
            self.rows.len() - 1
        });
        self.rows[at].1.insert(server, cell);
    }

    pub(crate) fn add(&mut self, work: &str, server: &'static str, sample: Sample) {
        self.put(work, server, Cell::Rate(sample));
    }

    /// A number where less is better.
    pub(crate) fn note(&mut self, work: &str, server: &'static str, value: f64) {
        self.put(work, server, Cell::Value(value));
    }

    pub(crate) fn fail(&mut self, work: &str, server: &'static str, why: &str) {
        eprintln!("  {work}: FAILED: {why}");
        self.put(work, server, Cell::Failed);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        writeln!(f, "Rates: per CPU second of the server / per wall second. Ratio: reg to the best other registry.\n")?;
        writeln!(f, "| work | {} | ratio CPU | ratio wall |", servers.join(" | "))?;
        writeln!(f, "|---|{}", "---|".repeat(servers.len() + 2))?;
        for (work, cells) in &self.rows {
            write!(f, "| {work} |")?;
            for server in &servers {
                match cells.get(server) {
                    None => write!(f, " – |")?,
                    Some(Cell::Rate(sample)) => write!(f, " {:.0} / {:.0} |", sample.per_cpu_s, sample.per_wall_s)?,
                    Some(Cell::Value(value)) => write!(f, " {value:.1} |")?,
                    Some(Cell::Failed) => write!(f, " failed |")?,
                }
            }
            let ratio = |value: fn(&Cell) -> Option<f64>, more_is_better: bool| {
                let ours = cells.get("reg").and_then(value)?;
                let peers = cells.iter().filter(|(name, _)| !["reg", "nginx"].contains(*name));
                let values = peers.filter_map(|(_, cell)| value(cell));
                if more_is_better {
                    values.reduce(f64::max).map(|best| ours / best)
                } else {
                    values.reduce(f64::min).map(|best| best / ours)
                }
            };
            let cpu = ratio(|cell| if let Cell::Rate(s) = cell { Some(s.per_cpu_s) } else { None }, true)
                .or_else(|| ratio(|cell| if let Cell::Value(v) = cell { Some(*v) } else { None }, false));
            let wall = ratio(|cell| if let Cell::Rate(s) = cell { Some(s.per_wall_s) } else { None }, true);
            let text = |ratio: Option<f64>| ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
            writeln!(f, " {} | {} |", text(cpu), text(wall))?;
        }
        Ok(())
    }
}
