//! Sessions that the documents show, word for word.

use std::fmt::Write;
use std::path::Path;
use std::process::Stdio;

use crate::service::command;

/// A command and what it answers.
pub(crate) struct Step {
    pub(crate) command: String,
    answer: String,
}

/// Returns the commands in the console blocks of these sections, in the order of the document.
pub(crate) fn steps(document: &str, sections: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut is_wanted, mut is_session) = (false, false);
    for line in document.lines() {
        match (is_session, line) {
            (false, heading) if heading.starts_with('#') => {
                is_wanted = sections.contains(&heading.trim_start_matches('#').trim());
            }
            (false, "```console") => is_session = is_wanted,
            (false, _) => {}
            (true, "```") => is_session = false,
            (true, line) => take(&mut steps, line),
        }
    }
    steps
}

fn take(steps: &mut Vec<Step>, line: &str) {
    match (line.strip_prefix("$ "), steps.last_mut()) {
        (Some(command), _) => steps.push(Step {
            command: command.to_owned(),
            answer: String::new(),
        }),
        (None, Some(step)) if step.command.ends_with('\\') => {
            step.command = format!("{}\n{line}", step.command);
        }
        (None, Some(step)) => step.answer.extend([line, "\n"]),
        (None, None) => panic!("an answer without a command: {line}"),
    }
}

/// Ids, keys, times and durations differ from run to run.
fn masked(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, mask) in [
        ("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
        ("[0-9a-f]{16}", "KEY"),
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
        (r#""duration_ms": ?\d+"#, r#""duration_ms":MS"#),
        (r"\d+ ms", "MS"),
        (r"\(id \w+", "(id ID"),
        (r"the token \w+ is revoked", "the token ID is revoked"),
    ] {
        let pattern = regex_lite::Regex::new(pattern).expect("a pattern");
        text = pattern.replace_all(&text, mask).into_owned();
    }
    text
}

/// Parts the answers of one shell.
const MARK: &str = "--- the next step ---";

/// Runs the steps in one shell, for variables and jobs live as long as it, and compares each answer with what is told.
///
/// `around` is what the shell does before and after the steps, and `behind` what it does after a step.
pub(crate) fn run(steps: &[Step], home: &Path, around: (&str, &str), behind: impl Fn(&Step) -> &'static str) {
    let mut script = format!("{}\n", around.0);
    for step in steps {
        let _ = writeln!(
            script,
            "{}\nprintf '\\n%s\\n' '{MARK}'\n{}",
            step.command,
            behind(step)
        );
    }
    script.push_str(around.1);
    let mut shell = command("timeout");
    shell
        .args(["120", "bash", "-c", &script])
        .current_dir(home)
        .stdin(Stdio::null());
    let done = shell.output().expect("bash starts");
    let out = String::from_utf8_lossy(&done.stdout);
    let answers: Vec<&str> = out.split(MARK).collect();
    assert_eq!(answers.len(), steps.len() + 1, "{out}");
    for (step, answer) in steps.iter().zip(&answers) {
        let (got, told) = (masked(answer.trim()), masked(step.answer.trim()));
        assert_eq!(got, told, "{}\nanswered\n{answer}", step.command);
    }
    assert!(
        done.status.success(),
        "{}\n{}",
        done.status,
        answers.last().unwrap_or(&"")
    );
}
