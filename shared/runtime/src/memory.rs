//! How much memory this machine has.

use std::fs;
use std::path::Path;

/// The bytes that all processes here may take together: those of the container, or else of the machine.
/// `None` where neither says.
pub(crate) fn available() -> Option<u64> {
    let read = |path: &str| fs::read_to_string(Path::new(path)).ok();
    let machine = read("/proc/meminfo").and_then(|text| total(&text));
    let container: Option<u64> = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse().ok());
    match (machine, container) {
        (Some(machine), Some(container)) => Some(container.min(machine)),
        (machine, container) => container.or(machine),
    }
}

/// `MemTotal:       16384256 kB`, in bytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_in_bytes() {
        assert_eq!(total("MemTotal:       16384256 kB\nMemFree: 1 kB\n"), Some(16_384_256 * 1024));
        for nonsense in ["", "MemFree: 1 kB", "MemTotal: much", "MemTotal: 18446744073709551615 kB"] {
            assert_eq!(total(nonsense), None, "{nonsense}");
        }
    }
}
