//! The memory estimate against the machine's memory, before anything large is allocated.

use starling_components::Fault;

/// The machine's memory in bytes: the total, or the control group's limit where that is lower. `None` where the system does not tell.
fn machine() -> Option<u64> {
    let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    });
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok());
    match (total, group) {
        (Some(total), Some(group)) => Some(total.min(group)),
        (total, group) => total.or(group),
    }
}

/// The limit that the command line gives, or the machine's memory.
pub fn limit_of(argument: Option<u64>) -> Option<u64> {
    argument.or_else(machine)
}

/// `8GiB`, `500M`, `1000000`: bytes. Decimal and binary prefixes mean the same power of 1024, as people use them for memory.
///
/// # Errors
/// Text that is no size.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no size, e.g. 8GiB"))?;
    let unit = unit.trim().to_ascii_lowercase();
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(format!("`{unit}` is no unit of memory, e.g. 8GiB")),
    };
    Ok((number * 1024_f64.powi(power)) as u64)
}

/// What is wrong with an estimate, given as (what, bytes).
pub(crate) fn problem(estimate: &[(String, usize)], limit: Option<u64>) -> Option<Fault> {
    let limit = limit?;
    let total = estimate
        .iter()
        .fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes as u64));
    if total <= limit {
        return None;
    }
    let mut parts: Vec<_> = estimate.iter().collect();
    parts.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    let largest = parts
        .iter()
        .take(3)
        .map(|(what, bytes)| format!("{what} {}", human(*bytes as u64)));
    let largest: Vec<_> = largest.collect();
    let message = format!(
        "this pipeline needs about {} of memory, {} are there",
        human(total),
        human(limit)
    );
    let advice = format!(
        "largest parts: {}; fewer lanes, steps or replicas take less, --memory-limit sets another limit",
        largest.join(", ")
    );
    Some(Fault::pipeline(message).advise(advice))
}

/// Bytes in words, e.g. `1.5 GiB`.
pub fn human(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        return format!("{bytes} B");
    }
    format!("{value:.1} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(parse_bytes("8GiB"), Ok(8 << 30));
        assert_eq!(parse_bytes("1.5g"), Ok(3 << 29));
        assert_eq!(parse_bytes("500 MB"), Ok(500 << 20));
        assert_eq!(parse_bytes("4096"), Ok(4096));
        assert!(parse_bytes("many").is_err());
    }

    #[test]
    fn an_estimate_above_the_limit_names_its_largest_part() {
        let estimate = [
            ("rollout of environment.a".to_owned(), 3 << 30),
            ("agent.b".to_owned(), 10),
        ];
        assert!(problem(&estimate, Some(4 << 30)).is_none());
        let fault = problem(&estimate, Some(1 << 30)).expect("too large");
        assert!(fault.message.contains("3.0 GiB"), "{}", fault.message);
        assert!(
            fault
                .advice
                .is_some_and(|a| a.contains("rollout of environment.a 3.0 GiB"))
        );
    }
}
