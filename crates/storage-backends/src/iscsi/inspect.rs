//! What a session sees in its target: logical units, what they are, whether they are ready, and how large.
//!
//! What does not depend on each other is asked at once, so that a target with many units is not asked many times.

use std::time::Duration;

use storage_domain::{Lun, LunKind};

use crate::iscsi::failure::Failure;
use crate::iscsi::limits::MAX_LUNS;
use crate::iscsi::scsi::{self, Address, Answer, Command, Identity, Size};
use crate::iscsi::session::{Asked, Session};

/// How many times a unit is asked again that has news (a reset and a change of its mode may come one after the other),
/// or that is busy.
const MAX_TRIES: usize = 5;
/// How long busy units are left alone.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// The unit that answers for the whole target (SAM-5, section 4.7.4).
const LUN_0: [u8; 8] = [0; 8];

/// A logical unit with its address, and why it is not ready.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) address: Address,
    pub(crate) lun: Lun,
    pub(crate) not_ready: Option<String>,
}

/// A unit that holds blocks.
struct Disk {
    address: Address,
    kind: LunKind,
    identity: Identity,
}

/// What is in a target.
#[derive(Debug, Default)]
pub(crate) struct Units {
    /// The units that hold blocks.
    pub(crate) units: Vec<Unit>,
    /// Why there may be more.
    pub(crate) trouble: Option<String>,
}

/// The units of the session's target that hold blocks, without their sizes.
///
/// # Errors
/// The list is not to be had, or the session broke off; what is wrong with one unit is told with the others.
pub(crate) async fn units(session: &mut Session) -> Result<Units, Failure> {
    let list = ask(session, Command::report_luns(), &[LUN_0]).await?;
    let (mut addresses, mut all) = (Vec::new(), 0);
    for answer in &list {
        let (named, count) = scsi::luns(good(&Command::report_luns(), answer)?);
        addresses.extend(named);
        all += count;
    }
    let (disks, unknown) = disks(session, &addresses).await?;
    let cut = (all > MAX_LUNS).then(|| format!("of {all} logical units only {MAX_LUNS} are looked at"));
    let questions = [Command::test_unit_ready(), Command::serial()];
    let asked = disks
        .iter()
        .flat_map(|disk| questions.map(|command| (disk.address.bytes, command)));
    let answers = ask_all(session, &to_ask(asked)).await?;
    let (answers, _) = answers.as_chunks::<2>();
    let units = disks.into_iter().zip(answers);
    Ok(Units {
        units: units
            .map(|(disk, [ready, serial])| unit(disk, ready, serial))
            .collect(),
        trouble: unknown.or(cut),
    })
}

/// The units that hold blocks, and the first that does not tell what it is.
async fn disks(session: &mut Session, addresses: &[Address]) -> Result<(Vec<Disk>, Option<String>), Failure> {
    let luns: Vec<[u8; 8]> = addresses.iter().map(|address| address.bytes).collect();
    let answers = ask(session, Command::inquiry(), &luns).await?;
    let (mut disks, mut unknown) = (Vec::new(), None);
    for (address, answer) in addresses.iter().zip(&answers) {
        let identity = match identity(answer) {
            Ok(identity) => identity,
            Err(failure) => {
                unknown.get_or_insert_with(|| format!("LUN {}: {failure}", address.number));
                continue;
            }
        };
        if let Some(kind) = identity.kind {
            disks.push(Disk {
                address: *address,
                kind,
                identity,
            });
        }
    }
    Ok((disks, unknown))
}

fn identity(answer: &Answer) -> Result<Identity, Failure> {
    let command = Command::inquiry();
    scsi::identity(good(&command, answer)?).ok_or_else(|| Failure::Command {
        what: command.what,
        why: "the answer is empty".to_owned(),
    })
}

fn unit(disk: Disk, ready: &Answer, serial: &Answer) -> Unit {
    let not_ready = ready.good().is_none().then(|| ready.to_string());
    let lun = Lun {
        number: disk.address.number,
        kind: disk.kind,
        size: None,
        block_size: None,
        vendor: disk.identity.vendor,
        product: disk.identity.product,
        serial: serial.good().and_then(scsi::serial),
        ready: not_ready.is_none(),
    };
    Unit {
        address: disk.address,
        lun,
        not_ready,
    }
}

/// How large units are: by READ CAPACITY (16), and by (10) where a unit does not know that one (SBC-3, section 4.7).
///
/// # Errors
/// The session broke off; what is wrong with one unit is told in its place.
pub(crate) async fn sizes(
    session: &mut Session,
    addresses: &[Address],
) -> Result<Vec<Result<Size, Failure>>, Failure> {
    let (long, short) = (Command::read_capacity_16(), Command::read_capacity_10());
    let luns: Vec<[u8; 8]> = addresses.iter().map(|address| address.bytes).collect();
    let answers = ask(session, long, &luns).await?;
    let told = |command: &Command, answer: &Answer, size: fn(&[u8]) -> Option<Size>| {
        size(good(command, answer)?).ok_or_else(|| no_size(command.what))
    };
    let mut sizes: Vec<_> = answers
        .iter()
        .map(|answer| told(&long, answer, scsi::size_16))
        .collect();
    let old: Vec<usize> = (0..luns.len()).filter(|at| answers[*at].is_unknown()).collect();
    let old_luns: Vec<[u8; 8]> = old.iter().map(|at| luns[*at]).collect();
    let answers = ask(session, short, &old_luns).await?;
    for (at, answer) in old.into_iter().zip(&answers) {
        sizes[at] = told(&short, answer, scsi::size_10);
    }
    Ok(sizes)
}

fn to_ask(asked: impl Iterator<Item = ([u8; 8], Command)>) -> Vec<Asked> {
    asked.map(|(lun, command)| Asked { lun, command }).collect()
}

/// Asks these units the same.
async fn ask(session: &mut Session, command: Command, luns: &[[u8; 8]]) -> Result<Vec<Answer>, Failure> {
    ask_all(session, &to_ask(luns.iter().map(|lun| (*lun, command)))).await
}

/// Asks again where a unit has news for us first, as every unit has after a login, or is busy.
async fn ask_all(session: &mut Session, asked: &[Asked]) -> Result<Vec<Answer>, Failure> {
    let mut answers = session.commands(asked).await?;
    for _ in 1..MAX_TRIES {
        let again = |answer: &Answer| answer.has_attention() || answer.is_busy();
        let places: Vec<usize> = (0..asked.len()).filter(|at| again(&answers[*at])).collect();
        if places.is_empty() {
            break;
        }
        if answers.iter().any(Answer::is_busy) {
            tokio::time::sleep(BUSY_PAUSE).await;
        }
        let repeated: Vec<Asked> = places.iter().map(|at| asked[*at]).collect();
        let repeated = session.commands(&repeated).await?;
        for (at, answer) in places.into_iter().zip(repeated) {
            answers[at] = answer;
        }
    }
    Ok(answers)
}

fn good<'a>(command: &Command, answer: &'a Answer) -> Result<&'a [u8], Failure> {
    answer.good().ok_or_else(|| Failure::Command {
        what: command.what,
        why: answer.to_string(),
    })
}

fn no_size(what: &'static str) -> Failure {
    Failure::Command {
        what,
        why: "the answer holds no size".to_owned(),
    }
}
