//! What the operating system counts of this process (`/proc/self`, Linux; zeros elsewhere).

use std::fs;

/// What Prometheus' clients tell of every process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) open_files: u64,
    pub(super) open_files_max: u64,
    /// Seconds since 1970.
    pub(super) started: f64,
}

/// Reads the counts as they are now.
pub(super) fn now() -> Process {
    let read = |name: &str| fs::read_to_string(format!("/proc/{name}")).unwrap_or_default();
    let open_files = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) as u64;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let process = parse(&read("self/stat"), &read("stat"), page_bytes(), TICKS);
    Process { open_files: open_files.saturating_sub(1), open_files_max: limit.unwrap_or(u64::MAX), ..process }
}

/// Units of time in a second in `/proc`: the same on every Linux that anybody runs.
const TICKS: f64 = 100.0;

fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

/// `stat` is `/proc/self/stat` (proc_pid_stat(5)), `system` is `/proc/stat`.
fn parse(stat: &str, system: &str, page_bytes: u64, ticks: f64) -> Process {
    // The name of the program may hold spaces and parentheses. The first field behind it is the third.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let booted = system.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<u64>().ok());
    #[expect(clippy::cast_precision_loss, reason = "hundredths of seconds of a process")]
    let seconds = |ticks_passed: u64| ticks_passed as f64 / ticks;
    Process {
        cpu_seconds: seconds(field(14) + field(15)),
        started: booted.map_or(0.0, |booted| f64::from(u32::try_from(booted).unwrap_or(u32::MAX)) + seconds(field(22))),
        virtual_bytes: field(23),
        resident_bytes: field(24) * page_bytes,
        ..Process::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat =
            "42 (a) b (c) S 1 1 1 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 4 0 1000 4096000 250 18446744073709551615\n";
        let process = parse(stat, "cpu 1 2\nbtime 1700000000\nprocesses 1\n", 4096, 100.0);
        assert_eq!(
            process,
            Process {
                cpu_seconds: 2.0,
                started: 1_700_000_010.0,
                virtual_bytes: 4_096_000,
                resident_bytes: 1_024_000,
                ..Process::default()
            }
        );
        assert_eq!(parse("", "", 4096, 100.0), Process::default());
    }

    #[test]
    fn this_process_has_memory_and_files() {
        let process = now();
        assert!(process.resident_bytes > 1 << 20 && process.virtual_bytes >= process.resident_bytes, "{process:?}");
        assert!((3..=process.open_files_max).contains(&process.open_files), "{process:?}");
        assert!(process.started > 1.5e9, "{process:?}");
    }
}
