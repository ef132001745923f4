//! The README's session, word for word against a real service.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::service::{Service, directory};

const README: &str = include_str!("../../../../README.md");
/// The section whose blocks are a session.
const SECTION: &str = "## A first backend";

/// A command and what it answers.
struct Step {
    command: String,
    answer: String,
}

fn steps() -> Vec<Step> {
    let section = README.split(SECTION).nth(1).expect("the README has the session");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut steps: Vec<Step> = Vec::new();
    for block in section.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        for line in block.lines() {
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
    }
    steps
}

/// Ids, times and durations differ from run to run.
fn masked(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, mask) in [
        ("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
        (r#""duration_ms":\d+"#, r#""duration_ms":MS"#),
        (r"\d+ ms", "MS"),
    ] {
        let pattern = regex_lite::Regex::new(pattern).expect("a pattern");
        text = pattern.replace_all(&text, mask).into_owned();
    }
    text
}

/// Parts the answers of one shell.
const MARK: &str = "--- the next step ---";

/// One script of all steps, for variables and jobs live as long as a shell.
fn script(steps: &[Step]) -> String {
    let mut script = "trap 'kill $(jobs -p) 2>/dev/null' EXIT\n".to_owned();
    for step in steps {
        let _ = writeln!(script, "{}\nprintf '\\n%s\\n' '{MARK}'", step.command);
        if step.command.starts_with("kill ") {
            script.push_str("wait\n");
        }
        if step.command.ends_with('&') {
            // A person is slower than a server that starts.
            script.push_str("until (exec 3<>/dev/tcp/127.0.0.1/8000) 2>/dev/null; do sleep 0.05; done\n");
        }
    }
    script
}

fn shell(script: &str, home: &Path) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the README's commands are what a person types into a shell"
    )]
    let mut shell = Command::new("timeout");
    shell
        .args(["120", "bash", "-c", script])
        .current_dir(home)
        .stdin(Stdio::null());
    shell
}

#[test]
fn the_session_is_as_it_is_told() {
    let (service, home) = (Service::start(), directory());
    let images = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free port");
    let port = images.port().to_string();
    let here = |text: &str| {
        text.replace("127.0.0.1:8080", &service.address.to_string())
            .replace("127.0.0.1:8000", &images.to_string())
            .replace("127.0.0.1/8000", &format!("127.0.0.1/{port}"))
            .replace("http.server 8000", &format!("http.server {port}"))
    };
    let steps = steps();
    assert!(steps.len() > 8, "the session is not found");
    let done = shell(&here(&script(&steps)), home.path())
        .output()
        .expect("bash starts");
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    let answers: Vec<&str> = out.split(MARK).collect();
    assert_eq!(answers.len(), steps.len() + 1, "{out}\n{err}");
    for (step, answer) in steps.iter().zip(answers) {
        let (got, told) = (masked(answer.trim()), masked(here(&step.answer).trim()));
        assert_eq!(got, told, "{}\nanswered\n{answer}", step.command);
    }
}
