//! The table of figures.

/// Figures and their bounds, printed as they come.
#[derive(Default)]
pub(crate) struct Table {
    broken: u32,
}

impl Table {
    /// A figure that has to be `bound` or less.
    pub(crate) fn at_most(&mut self, name: &str, figure: f64, bound: f64, unit: &str) {
        let bound_text = if bound.is_finite() {
            format!("<= {bound}")
        } else {
            "-".to_owned()
        };
        self.row(name, figure, &bound_text, unit, figure <= bound);
    }

    /// A figure that has to be `bound` or more.
    pub(crate) fn at_least(&mut self, name: &str, figure: f64, bound: f64, unit: &str) {
        self.row(name, figure, &format!(">= {bound}"), unit, figure >= bound);
    }

    #[expect(clippy::print_stdout, reason = "the table is what the benchmark is for")]
    fn row(&mut self, name: &str, figure: f64, bound: &str, unit: &str, ok: bool) {
        self.broken += u32::from(!ok);
        let verdict = if ok { "ok" } else { "FAIL" };
        println!("{name:52} {figure:9.2} {unit:3} {bound:8} {verdict}");
    }

    /// The exit code.
    pub(crate) fn finish(&self) -> i32 {
        i32::from(self.broken > 0)
    }
}

/// What the next figure was made from.
#[expect(clippy::print_stdout, reason = "the table is what the benchmark is for")]
pub(crate) fn note(text: &str) {
    println!("  ({text})");
}

/// Measures two things so many times, one right after the other; the round with the middle ratio counts, for what else
/// the machine does comes and goes.
pub(crate) fn middle_of(rounds: usize, round: impl FnMut() -> (f64, f64)) -> (f64, f64) {
    let mut rounds: Vec<_> = std::iter::repeat_with(round).take(rounds).collect();
    rounds.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    rounds[rounds.len() / 2]
}
