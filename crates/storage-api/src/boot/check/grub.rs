//! GRUB: HTTP/1.1 and names of fields byte for byte; each seek is a range on a connection of its own.

use super::fault::Fault;
use super::image::{DECIDING_BYTES, Image};
use super::reply::Reply;
use super::verdict::{Client, Verdict};
use super::wire::Wire;

const CLIENT: Client = Client::Grub;
const FIELDS: &str = "User-Agent: GRUB 2.06\r\n";
/// Where the range of the check begins at most: its bytes are compared with those that were read before.
const SEEK: u64 = 4096;
/// Bytes of the range that are read.
const RANGE_BYTES: usize = 1024;

pub(super) async fn check(wire: &Wire<'_>) -> Result<Verdict, Fault> {
    let get = wire.ask(wire.get(FIELDS, DECIDING_BYTES)).await?;
    let (verdict, size) = judge(wire.name, &get)?;
    if let Some(size) = size.filter(|size| *size > 0 && verdict.is_useful()) {
        let first = SEEK.min(size / 2);
        let seek = wire.get(&format!("{FIELDS}Range: bytes={first}-\r\n"), RANGE_BYTES);
        judge_seek(&wire.ask(seek).await?, first, size, &get.content)?;
    }
    Ok(verdict)
}

/// Returns the verdict, and the size as far as the client sees it.
fn judge(name: &str, get: &Reply) -> Result<(Verdict, Option<u64>), Fault> {
    get.check_bytes()?;
    get.expect(200)?;
    let size = match get.spelled_length() {
        Ok(size) => Some(size),
        Err(_) if get.line("Transfer-Encoding: ") == Some("chunked") => None,
        Err(fault) => return Err(fault),
    };
    let image = Image::of(name, get.bytes());
    if let Some(damaged) = Verdict::on_damage(CLIENT, name, image) {
        return Ok((damaged, size));
    }
    let boots = |detail| Verdict::boots(CLIENT, image, detail);
    let verdict = match image {
        Image::Kernel { .. } => boots("Loads it as a kernel."),
        Image::Efi => boots("Builds for UEFI start it with chainloader; builds for BIOS can't."),
        Image::Archive => boots("Loads it as an initial RAM disk."),
        Image::Iso | Image::Disk => boots("Reads the files in it with loopback, in many small ranges."),
        Image::Config => boots("Reads it as a configuration."),
        Image::Other => boots("Reads it right; what it is good for depends on the command."),
        Image::Script | Image::Empty => {
            let detail = "Reads it right, and has no use for a script of iPXE.";
            Verdict::unsuitable(CLIENT, image, detail)
        }
    };
    Ok((verdict, size))
}

fn judge_seek(reply: &Reply, first: u64, size: u64, known: &[u8]) -> Result<(), Fault> {
    reply.check_bytes()?;
    reply.expect_range((first, size - 1), size, known)?;
    reply.spelled_length().map(|_| ())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::image::tests::{iso, program};
    use super::super::reply::tests::reply;
    use super::super::verdict::Outcome::{self, Boots, Fails, Unsuitable};
    use super::*;

    #[rstest]
    #[case("a.efi", program(10), Boots)]
    #[case("a.efi", b"abc".to_vec(), Fails)]
    #[case("a.iso", iso(), Boots)]
    #[case("grub.cfg", b"set timeout=5".to_vec(), Boots)]
    #[case("root.squashfs", b"hsqs".to_vec(), Boots)]
    #[case("a.ipxe", b"#!ipxe\n".to_vec(), Unsuitable)]
    fn files(#[case] name: &str, #[case] content: Vec<u8>, #[case] outcome: Outcome) {
        let head = format!("HTTP/1.1 200 OK|Content-Length: {}|", content.len());
        let (verdict, size) = judge(name, &reply(&head, &content)).unwrap();
        assert_eq!((verdict.outcome, size), (outcome, Some(content.len() as u64)));
    }

    #[rstest]
    #[case("HTTP/1.1 200 OK|content-length: 3|", Err(Fault::Spelling("Content-Length")))]
    #[case("HTTP/1.1 200 OK|Content-length: 3|", Err(Fault::Spelling("Content-Length")))]
    #[case("HTTP/1.1 200 OK|Content-Length:3|", Err(Fault::Spelling("Content-Length")))]
    #[case("HTTP/1.1 200 OK|Connection: close|", Err(Fault::NoLength))]
    #[case("HTTP/1.0 200 OK|Content-Length: 3|", Err(Fault::NotHttp11))]
    #[case("HTTP/1.1 302 Found|Location: /a|", Err(Fault::Redirected(302)))]
    #[case("HTTP/1.1 404 X|Content-Length: 10|", Err(Fault::Refused(404, None)))]
    #[case("HTTP/1.1 200 OK|transfer-encoding: chunked|", Err(Fault::NoLength))]
    #[case("HTTP/1.1 200 OK|Transfer-Encoding: chunked|", Ok(None))]
    fn heads(#[case] head: &str, #[case] wanted: Result<Option<u64>, Fault>) {
        assert_eq!(judge("linux", &reply(head, b"abc")).map(|(_, size)| size), wanted);
    }

    #[rstest]
    #[case("HTTP/1.1 206 X|Content-Length: 5|Content-Range: bytes 5-9/10|", Ok(()))]
    #[case(
        "HTTP/1.1 206 X|content-length: 5|Content-Range: bytes 5-9/10|",
        Err(Fault::Spelling("Content-Length"))
    )]
    #[case("HTTP/1.1 200 OK|Content-Length: 10|", Err(Fault::WholeFile))]
    fn seeks(#[case] head: &str, #[case] wanted: Result<(), Fault>) {
        assert_eq!(judge_seek(&reply(head, b"56789"), 5, 10, b"0123456789"), wanted);
    }
}
