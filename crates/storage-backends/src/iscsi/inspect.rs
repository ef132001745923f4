//! What a session sees in its target: logical units, what they are, whether they are ready, and how large.

use std::time::Duration;

use storage_domain::Lun;

use crate::iscsi::failure::Failure;
use crate::iscsi::scsi::{self, Address, Answer, Command, Size};
use crate::iscsi::session::Session;

/// How many times a unit is asked again that has news (a reset and a change of its mode may come one after the other),
/// or that is busy.
const MAX_TRIES: usize = 5;
/// How long a busy unit is left alone.
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

/// The units of the session's target that hold blocks, without their sizes.
pub(crate) async fn units(session: &mut Session) -> Result<Vec<Unit>, Failure> {
    let list = good(session, LUN_0, &Command::report_luns()).await?;
    let mut units = Vec::new();
    for address in scsi::luns(&list) {
        units.extend(unit(session, address).await?);
    }
    Ok(units)
}

async fn unit(session: &mut Session, address: Address) -> Result<Option<Unit>, Failure> {
    let inquiry = good(session, address.bytes, &Command::inquiry()).await?;
    let Some(identity) = scsi::identity(&inquiry) else {
        let (what, why) = (Command::inquiry().what, "the answer is empty".to_owned());
        return Err(Failure::Command { what, why });
    };
    let Some(kind) = identity.kind else {
        return Ok(None);
    };
    let ready = ask(session, address.bytes, &Command::test_unit_ready()).await?;
    let not_ready = ready.good().is_none().then(|| ready.to_string());
    let serial = ask(session, address.bytes, &Command::serial()).await?;
    let lun = Lun {
        number: address.number,
        kind,
        size: None,
        block_size: None,
        vendor: identity.vendor,
        product: identity.product,
        serial: serial.good().and_then(scsi::serial),
        ready: not_ready.is_none(),
    };
    Ok(Some(Unit {
        address,
        lun,
        not_ready,
    }))
}

/// How large a unit is: by READ CAPACITY (16), and by (10) where the unit does not know that one (SBC-3, section 4.7).
pub(crate) async fn size(session: &mut Session, address: Address) -> Result<Size, Failure> {
    let (long, short) = (Command::read_capacity_16(), Command::read_capacity_10());
    let answer = ask(session, address.bytes, &long).await?;
    if let Some(data) = answer.good() {
        return scsi::size_16(data).ok_or_else(|| no_size(long.what));
    }
    if !answer.is_unknown() {
        return Err(refused(long.what, &answer));
    }
    let data = good(session, address.bytes, &short).await?;
    scsi::size_10(&data).ok_or_else(|| no_size(short.what))
}

async fn good(session: &mut Session, lun: [u8; 8], command: &Command) -> Result<Vec<u8>, Failure> {
    let answer = ask(session, lun, command).await?;
    let data = answer.good().map(<[u8]>::to_vec);
    data.ok_or_else(|| refused(command.what, &answer))
}

/// Asks again where the unit has news for us first, as every unit has after a login, or is busy.
async fn ask(session: &mut Session, lun: [u8; 8], command: &Command) -> Result<Answer, Failure> {
    let mut tries = 1;
    loop {
        let answer = session.command(lun, command).await?;
        if tries == MAX_TRIES || !(answer.has_attention() || answer.is_busy()) {
            return Ok(answer);
        }
        if answer.is_busy() {
            tokio::time::sleep(BUSY_PAUSE).await;
        }
        tries += 1;
    }
}

fn refused(what: &'static str, answer: &Answer) -> Failure {
    Failure::Command {
        what,
        why: answer.to_string(),
    }
}

fn no_size(what: &'static str) -> Failure {
    Failure::Command {
        what,
        why: "the answer holds no size".to_owned(),
    }
}
