//! Virtual media of a BMC: HEAD, then single ranges of an image whose address ends in its name.

use super::fault::Fault;
use super::image::{DECIDING_BYTES, Image, Named};
use super::reply::{Reply, middle};
use super::verdict::{Client, Verdict};
use super::wire::Wire;

const CLIENT: Client = Client::Bmc;
const FIELDS: &str = "Accept: */*\r\n";

pub(super) async fn check(wire: &Wire<'_>) -> Result<Verdict, Fault> {
    let part = |(first, last): (u64, u64)| {
        wire.get(
            &format!("{FIELDS}Range: bytes={first}-{last}\r\n"),
            DECIDING_BYTES,
        )
    };
    let size = size(&wire.ask(wire.head(FIELDS)).await?)?;
    if let Some(useless) = by_name(wire.name, size) {
        return Ok(useless);
    }
    let beginning = wire.ask(part((0, DECIDING_BYTES as u64 - 1))).await?;
    let verdict = judge(wire.name, &beginning, size)?;
    let range = middle(size);
    let reply = wire.ask(part(range)).await?;
    reply.expect_range(range, size, &beginning.content)?;
    Ok(verdict)
}

fn size(head: &Reply) -> Result<u64, Fault> {
    head.expect(200)?;
    head.length().ok_or(Fault::NoLength)
}

/// Returns the verdict on a file that is empty, or not named as an image.
fn by_name(name: &str, size: u64) -> Option<Verdict> {
    if size == 0 {
        return Verdict::on_damage(CLIENT, name, Image::Empty);
    }
    let is_image = matches!(Named::of(name), Named::Iso | Named::Disk);
    let detail = "Mounts images alone, whose names end in .iso or .img.";
    (!is_image).then(|| Verdict::unsuitable(CLIENT, Image::named(name), detail))
}

fn judge(name: &str, beginning: &Reply, size: u64) -> Result<Verdict, Fault> {
    let last = size.min(DECIDING_BYTES as u64) - 1;
    beginning.expect_range((0, last), size, &[])?;
    let image = Image::of(name, &beginning.content);
    if let Some(damaged) = Verdict::on_damage(CLIENT, name, image) {
        return Ok(damaged);
    }
    Ok(if image.is_disk() {
        let detail = "Mounts it, and reads it by ranges. The BMC has to reach this address, and some take HTTPS alone.";
        Verdict::boots(CLIENT, image, detail)
    } else {
        let detail = "Mounts images of disks; this file has no boot record.";
        Verdict::unsuitable(CLIENT, image, detail)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::image::tests::iso;
    use super::super::reply::tests::reply;
    use super::super::verdict::Outcome::{self, Boots, Fails, Unsuitable};
    use super::*;

    const HEAD: &str = "HTTP/1.1 200 OK|Content-Length: 32774|";
    const PART: &str = "HTTP/1.1 206 X|Content-Length: 32774|Content-Range: bytes 0-32773/32774|";

    fn judged(name: &str, head: &str, beginning: &str, content: &[u8]) -> Result<Outcome, Fault> {
        let size = size(&reply(head, b""))?;
        let beginning = reply(beginning, content);
        let verdict = by_name(name, size).map_or_else(|| judge(name, &beginning, size), Ok);
        Ok(verdict?.outcome)
    }

    #[rstest]
    #[case("a.iso", HEAD, PART, Ok(Boots))]
    #[case("a.img", HEAD, PART, Ok(Boots))]
    #[case("a.efi", HEAD, PART, Ok(Unsuitable))]
    #[case("a.iso", "HTTP/1.1 200 OK|Content-Length: 0|", PART, Ok(Fails))]
    #[case(
        "a.iso",
        "HTTP/1.1 405 X|Content-Length: 0|",
        PART,
        Err(Fault::Refused(405, None))
    )]
    #[case("a.iso", "HTTP/1.1 302 X|Location: /a|", PART, Err(Fault::Redirected(302)))]
    #[case(
        "a.iso",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked|",
        PART,
        Err(Fault::NoLength)
    )]
    #[case("a.iso", HEAD, HEAD, Err(Fault::WholeFile))]
    #[case(
        "a.iso",
        HEAD,
        "HTTP/1.1 206 X|Content-Length: 32774|",
        Err(Fault::OtherRange)
    )]
    fn answers(
        #[case] name: &str,
        #[case] head: &str,
        #[case] beginning: &str,
        #[case] wanted: Result<Outcome, Fault>,
    ) {
        assert_eq!(judged(name, head, beginning, &iso()), wanted);
    }

    #[test]
    fn contents_decide() {
        let zeros = vec![0; iso().len()];
        assert_eq!(judged("a.iso", HEAD, PART, &zeros), Ok(Fails));
        assert_eq!(judged("a.img", HEAD, PART, &zeros), Ok(Unsuitable));
    }
}
