//! iPXE: any spelling, GET alone; a disk by ranges of one block or several.

use super::fault::Fault;
use super::image::{DECIDING_BYTES, Image};
use super::reply::{Reply, middle};
use super::verdict::{Client, Verdict};
use super::wire::Wire;

const CLIENT: Client = Client::Ipxe;
const FIELDS: &str = "Connection: keep-alive\r\nUser-Agent: iPXE/1.21.1\r\n";
/// The length that builds for BIOS, whose `size_t` has 32 bits, can't count.
const BIOS_BYTES: u64 = 1 << 32;

pub(super) async fn check(wire: &Wire<'_>) -> Result<Verdict, Fault> {
    let get = wire.ask(wire.get(FIELDS, DECIDING_BYTES)).await?;
    let verdict = judge(wire.name, &get)?;
    if let (Some(image), Some(size)) = (verdict.image, get.length())
        && image.is_disk()
    {
        let (first, last) = middle(size);
        let range = format!("{FIELDS}Range: bytes={first}-{last}\r\n");
        let requests = [wire.head(FIELDS), wire.get(&range, DECIDING_BYTES)];
        let replies = wire.ask_all(&requests).await?;
        judge_disk(&replies, (first, last), size, &get.content)?;
    }
    Ok(verdict)
}

fn judge(name: &str, get: &Reply) -> Result<Verdict, Fault> {
    get.expect(200)?;
    let image = Image::of(name, get.bytes());
    if let Some(damaged) = Verdict::on_damage(CLIENT, name, image) {
        return Ok(damaged);
    }
    let what = match image {
        Image::Script => "Runs it as a script.",
        Image::Efi => "Builds for UEFI start it; builds for BIOS can't.",
        Image::Kernel { is_efi: true } => "Starts it as a kernel.",
        Image::Kernel { is_efi: false } => {
            "Builds for BIOS start it as a kernel; builds for UEFI can't, for it has no EFI stub."
        }
        Image::Iso | Image::Disk => "Boots it as a disk, which it reads by ranges.",
        Image::Archive => "Loads it with a kernel, as its initial RAM disk.",
        Image::Config | Image::Other | Image::Empty => {
            let detail = "Reads it right, and starts no such file: it takes scripts that begin with #!ipxe, EFI applications, Linux kernels, and images of disks.";
            return Ok(Verdict::unsuitable(CLIENT, image, detail));
        }
    };
    let limit = match get.length() {
        Some(BIOS_BYTES..) => " Builds for BIOS can't, for they stop at 4 GiB.",
        _ => "",
    };
    Ok(Verdict::boots(CLIENT, image, format!("{what}{limit}")))
}

fn judge_disk(replies: &[Reply], range: (u64, u64), size: u64, known: &[u8]) -> Result<(), Fault> {
    let [head, parts @ ..] = replies else {
        return Err(Fault::BrokeOff);
    };
    head.expect(200)?;
    if head.length() != Some(size) {
        return Err(Fault::OtherLength);
    }
    parts
        .first()
        .ok_or(Fault::BrokeOff)?
        .expect_range(range, size, known)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::image::tests::{iso, program};
    use super::super::reply::tests::reply;
    use super::super::verdict::Outcome::{self, Boots, Fails, Unsuitable};
    use super::*;

    #[rstest]
    #[case("a.ipxe", "HTTP/1.1 200 OK|Content-Length: 7|", b"#!ipxe\n".to_vec(), Boots)]
    #[case("a.ipxe", "HTTP/1.1 200 OK|content-length: 7|", b"#!ipxe\n".to_vec(), Boots)]
    #[case("a.ipxe", "HTTP/1.1 200 OK|Transfer-Encoding: chunked|", b"7\r\n#!ipxe\n\r\n".to_vec(), Boots)]
    #[case("a.ipxe", "HTTP/1.1 200 OK|Connection: close|", b"#!ipxe\n".to_vec(), Boots)]
    #[case("a.ipxe", "HTTP/1.1 200 OK|Content-Length: 4|", b"boot".to_vec(), Fails)]
    #[case("a.efi", "HTTP/1.1 200 OK|Content-Length: 1024|", program(10), Boots)]
    #[case("a.efi", "HTTP/1.1 200 OK|Content-Length: 1024|", program(3), Fails)]
    #[case("a.iso", "HTTP/1.1 200 OK|Content-Length: 32774|", iso(), Boots)]
    #[case("a.iso", "HTTP/1.1 200 OK|Content-Length: 3|", b"abc".to_vec(), Fails)]
    #[case("initrd.img", "HTTP/1.1 200 OK|Content-Length: 3|", b"\x1f\x8b\x08".to_vec(), Boots)]
    #[case("root.squashfs", "HTTP/1.1 200 OK|Content-Length: 4|", b"hsqs".to_vec(), Unsuitable)]
    #[case("empty", "HTTP/1.1 200 OK|Content-Length: 0|", Vec::new(), Fails)]
    fn files(#[case] name: &str, #[case] head: &str, #[case] content: Vec<u8>, #[case] outcome: Outcome) {
        let verdict = judge(name, &reply(head, &content)).unwrap();
        assert_eq!(verdict.outcome, outcome, "{verdict:?}");
    }

    #[test]
    fn old_builds_stop_at_4_gib() {
        let head = |bytes: u64| format!("HTTP/1.1 200 OK|Content-Length: {bytes}|");
        let of = |bytes| judge("a.iso", &reply(&head(bytes), &iso())).unwrap().detail;
        assert!(of(BIOS_BYTES).ends_with("4 GiB."));
        assert!(!of(BIOS_BYTES - 1).contains("4 GiB"));
    }

    #[rstest]
    #[case("HTTP/1.1 302 Found|Location: /a|", Fault::Redirected(302))]
    #[case("HTTP/1.1 503 X|Content-Length: 0|Retry-After: 5|", Fault::Refused(503, None))]
    fn faults(#[case] head: &str, #[case] fault: Fault) {
        assert_eq!(judge("a.ipxe", &reply(head, b"")), Err(fault));
    }

    #[rstest]
    #[case("HTTP/1.1 405 X|Content-Length: 0|", None, Err(Fault::Refused(405, None)))]
    #[case("HTTP/1.1 200 OK|Content-Length: 9|", None, Err(Fault::OtherLength))]
    #[case("HTTP/1.1 200 OK|Content-Length: 10|", None, Err(Fault::BrokeOff))]
    #[case(
        "HTTP/1.1 200 OK|Content-Length: 10|",
        Some("HTTP/1.1 200 OK|Content-Length: 10|"),
        Err(Fault::WholeFile)
    )]
    #[case(
        "HTTP/1.1 200 OK|Content-Length: 10|",
        Some("HTTP/1.1 206 X|Content-Length: 2|Content-Range: bytes 5-6/10|"),
        Ok(())
    )]
    fn disks(#[case] head: &str, #[case] part: Option<&str>, #[case] wanted: Result<(), Fault>) {
        let replies: Vec<_> = [Some(head), part]
            .into_iter()
            .flatten()
            .map(|head| reply(head, b"56"))
            .collect();
        assert_eq!(judge_disk(&replies, (5, 6), 10, b"0123456789"), wanted);
    }
}
