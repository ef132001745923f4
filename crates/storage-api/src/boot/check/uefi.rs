//! UEFI HTTP Boot: HEAD for the size, then GET; the kind of file by its media type, or by the end of its address.

use super::fault::Fault;
use super::image::{DECIDING_BYTES, Image};
use super::reply::Reply;
use super::verdict::{Client, Verdict};
use super::wire::Wire;

const CLIENT: Client = Client::UefiHttp;
/// What the firmware sends.
pub(super) const FIELDS: &str = "Accept: */*\r\nUser-Agent: UefiHttpBoot/1.0\r\n";
/// What it takes: media type, and the end of an address, both byte for byte.
const TYPES: [(Kind, &str, &str); 3] = [
    (Kind::Program, "application/efi", ".efi"),
    (Kind::Iso, "application/vnd.efi-iso", ".iso"),
    (Kind::Disk, "application/vnd.efi-img", ".img"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Program,
    Iso,
    Disk,
}

pub(super) async fn check(wire: &Wire<'_>) -> Result<Verdict, Fault> {
    let requests = [wire.head(FIELDS), wire.get(FIELDS, DECIDING_BYTES)];
    judge(wire.name, &wire.ask_all(&requests).await?)
}

fn judge(name: &str, replies: &[Reply]) -> Result<Verdict, Fault> {
    let [head, rest @ ..] = replies else {
        return Err(Fault::BrokeOff);
    };
    head.expect(200)?;
    let size = head.length().ok_or(Fault::NoLength)?;
    let get = rest.first().ok_or(Fault::BrokeOff)?;
    get.expect(200)?;
    if head.has_empty_field() || get.has_empty_field() {
        return Err(Fault::EmptyField);
    }
    match get.length() {
        Some(length) if length != size => return Err(Fault::OtherLength),
        None if !get.is_chunked() => return Err(Fault::NoLength),
        _ => {}
    }
    let image = Image::of(name, get.bytes());
    if let Some(damaged) = Verdict::on_damage(CLIENT, name, image) {
        return Ok(damaged);
    }
    let media_type = get.field("content-type").unwrap_or_default();
    let by_type = TYPES.iter().find(|(_, known, _)| *known == media_type);
    let kind = by_type.or_else(|| TYPES.iter().find(|(_, _, end)| name.ends_with(end)));
    let boots = |what: &str| {
        let detail = format!("{what} The firmware has to allow plain HTTP, which some vendors don't.");
        Verdict::boots(CLIENT, image, detail)
    };
    Ok(match (kind.map(|(kind, ..)| *kind), image) {
        (Some(Kind::Program), Image::Efi | Image::Kernel { is_efi: true }) => {
            boots("Starts it as an EFI application.")
        }
        (Some(Kind::Iso), Image::Iso) | (Some(Kind::Disk), Image::Disk) => {
            boots("Boots it as a RAM disk, for which the machine needs as much memory as the file is long.")
        }
        (None, Image::Efi | Image::Kernel { is_efi: true }) => Verdict::unsuitable(
            CLIENT,
            image,
            "Goes by the name: give the file one that ends in .efi.",
        ),
        (None, Image::Iso | Image::Disk) => {
            let detail =
                "Goes by the name: give the file one that ends in .iso for a CD, or in .img for a disk.";
            Verdict::unsuitable(CLIENT, image, detail)
        }
        _ => {
            let detail = "Starts EFI applications (.efi) and boots images of CDs (.iso) and disks (.img); this file is none of them.";
            Verdict::unsuitable(CLIENT, image, detail)
        }
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::image::tests::{iso, program};
    use super::super::reply::tests::reply;
    use super::super::verdict::Outcome::{self, Boots, Fails, Unsuitable};
    use super::*;

    fn judged(name: &str, heads: [&str; 2], content: &[u8]) -> Result<Outcome, Fault> {
        let [head, get] = heads;
        let verdict = judge(name, &[reply(head, b""), reply(get, content)])?;
        Ok(verdict.outcome)
    }

    #[rstest]
    #[case("a.efi", "Content-Type: application/efi|", program(10), Boots)]
    #[case("a", "Content-Type: application/efi|", program(10), Boots)]
    #[case("a.efi", "Content-Type: application/octet-stream|", program(10), Boots)]
    #[case("a.efi", "", program(11), Boots)]
    #[case("vmlinuz", "Content-Type: application/octet-stream|", program(10), Unsuitable)]
    #[case(
        "a.EFI",
        "Content-Type: application/efi; charset=binary|",
        program(10),
        Unsuitable
    )]
    #[case("a.efi", "Content-Type: application/efi|", b"MZ".to_vec(), Fails)]
    #[case("a.iso", "Content-Type: application/vnd.efi-iso|", iso(), Boots)]
    #[case("a.iso", "Content-Type: application/vnd.efi-iso|", b"abc".to_vec(), Fails)]
    #[case("a", "", iso(), Unsuitable)]
    #[case("initrd.img", "Content-Type: application/vnd.efi-img|", b"\x1f\x8b\x08".to_vec(), Unsuitable)]
    #[case("linux.gz", "", b"\x1f\x8b\x08".to_vec(), Unsuitable)]
    fn files(#[case] name: &str, #[case] field: &str, #[case] content: Vec<u8>, #[case] outcome: Outcome) {
        for length in ["Content-Length", "content-length"] {
            let head = format!("HTTP/1.1 200 OK|{length}: {}|{field}", content.len());
            assert_eq!(judged(name, [&head, &head], &content), Ok(outcome));
        }
    }

    const OK: &str = "HTTP/1.1 200 OK|Content-Length: 1024|";

    #[rstest]
    #[case(
        "HTTP/1.1 405 X|Content-Length: 18|Allow: GET|",
        OK,
        Fault::Refused(405, None)
    )]
    #[case("HTTP/1.1 302 Found|Location: /b|", OK, Fault::Redirected(302))]
    #[case("HTTP/1.1 200 OK|Transfer-Encoding: chunked|", OK, Fault::NoLength)]
    #[case(OK, "HTTP/1.1 301 X|Location: /b|", Fault::Redirected(301))]
    #[case(OK, "HTTP/1.1 200 OK|Content-Length: 1023|", Fault::OtherLength)]
    #[case(OK, "HTTP/1.1 200 OK|Connection: close|", Fault::NoLength)]
    #[case("HTTP/1.1 200 OK|Content-Length: 1024|Server: |", OK, Fault::EmptyField)]
    fn faults(#[case] head: &str, #[case] get: &str, #[case] fault: Fault) {
        assert_eq!(judged("a.efi", [head, get], &program(10)), Err(fault));
    }
}
