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
