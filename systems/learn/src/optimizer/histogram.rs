//! Histograms of one tensor's numbers, on a scale that the recorded rows give back.

/// Bins of a histogram.
pub const BINS: usize = 32;

/// How a tensor's entries are spread over `[-max, max]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Largest absolute entry: bin `i` begins at `max (i / 16 - 1)` and is `max / 16` wide.
    pub max: f64,
    /// Entries per bin: lower edges belong to their bin, `max` itself to the last.
    pub counts: [u64; BINS],
}

impl Histogram {
    /// Counts finite numbers. If all are zero, they count where the bin that begins at zero lies.
    pub fn of(values: &[f32]) -> Self {
        let max = values.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
        let max = f64::from(max);
        let mut counts = [0; BINS];
        let half = (BINS / 2) as f64;
        for &x in values {
            let part = if max > 0.0 { f64::from(x) / max } else { 0.0 };
            // Not negative; the cast rounds down.
            let bin = ((part + 1.0) * half) as usize;
            counts[bin.min(BINS - 1)] += 1;
        }
        Self { max, counts }
    }

    /// The rows that record it: `NAME/max`, then `NAME/00` to `NAME/31`.
    pub fn rows(&self, name: &str) -> impl Iterator<Item = (String, f64)> {
        let counts = self.counts.iter().enumerate();
        std::iter::once((format!("{name}/max"), self.max))
            .chain(counts.map(move |(bin, &count)| (format!("{name}/{bin:02}"), count as f64)))
    }
}

#[cfg(test)]
mod tests {
    use super::{BINS, Histogram};

    fn check(values: &[f32], max: f64, expected: &[(usize, u64)]) {
        let histogram = Histogram::of(values);
        assert_eq!(histogram.max, max);
        let mut counts = [0; BINS];
        expected.iter().for_each(|&(bin, count)| counts[bin] = count);
        assert_eq!(histogram.counts, counts, "{values:?}");
    }

    #[test]
    fn histogram_bins_begin_at_their_lower_edges() {
        check(&[], 0.0, &[]);
        check(&[0.0, -0.0, 0.0], 0.0, &[(16, 3)]);
        check(&[-2.0, 2.0, 0.0], 2.0, &[(0, 1), (16, 1), (31, 1)]);
        // Bins of 1/8 from -2 on.
        check(
            &[2.0, 0.125, 0.124, -0.125, -0.126, -1.875, -1.876],
            2.0,
            &[(31, 1), (17, 1), (16, 1), (15, 1), (14, 1), (1, 1), (0, 1)],
        );
        check(&[1e-45, -1e-45], f64::from(1e-45_f32), &[(31, 1), (0, 1)]);
    }

    #[test]
    fn histogram_rows_are_its_scale_and_its_counts() {
        let rows: Vec<_> = Histogram::of(&[1.0, 0.0]).rows("grad_hist/w").collect();
        assert_eq!(rows.len(), 1 + BINS);
        assert_eq!(rows[0], ("grad_hist/w/max".to_owned(), 1.0));
        assert_eq!(rows[1 + 16], ("grad_hist/w/16".to_owned(), 1.0));
        assert_eq!(rows[1 + 7], ("grad_hist/w/07".to_owned(), 0.0));
    }
}
