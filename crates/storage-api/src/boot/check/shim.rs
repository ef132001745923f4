//! shim: GET by the firmware, with a length; the boot loader beside it, by its name.

use super::fault::Fault;
use super::image::{DECIDING_BYTES, Image, Named};
use super::reply::Reply;
use super::uefi::FIELDS;
use super::verdict::{Client, Verdict};
use super::wire::Wire;

const CLIENT: Client = Client::Shim;

pub(super) async fn check(wire: &Wire<'_>) -> Result<Verdict, Fault> {
    judge(wire.name, &wire.ask(wire.get(FIELDS, DECIDING_BYTES)).await?)
}

fn judge(name: &str, get: &Reply) -> Result<Verdict, Fault> {
    get.expect(200)?;
    if get.is_chunked() {
        return Err(Fault::Chunked);
    }
    get.spelled_length()?;
    let image = Image::of(name, get.bytes());
    if let Some(damaged) = Verdict::on_damage(CLIENT, name, image) {
        return Ok(damaged);
    }
    let is_loader = name.starts_with("grub") && Named::of(name) == Named::Efi;
    Ok(match image {
        Image::Efi | Image::Kernel { is_efi: true } if is_loader => {
            let detail =
                "Starts it; with Secure Boot, if its signature is one that shim or the firmware trusts.";
            Verdict::boots(CLIENT, image, detail)
        }
        Image::Efi | Image::Kernel { is_efi: true } => {
            let detail = "Starts the boot loader beside it by its name alone, such as grubx64.efi: name the file so if it is to be that.";
            Verdict::unsuitable(CLIENT, image, detail)
        }
        _ => {
            let detail = "Starts EFI applications alone: the boot loader beside it, such as grubx64.efi.";
            Verdict::unsuitable(CLIENT, image, detail)
        }
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::image::tests::program;
    use super::super::reply::tests::reply;
    use super::super::verdict::Outcome::{self, Boots, Fails, Unsuitable};
    use super::*;

    #[rstest]
    #[case("grubx64.efi", program(10), Boots)]
    #[case("grubx64.efi", program(3), Fails)]
    #[case("ipxe.efi", program(10), Unsuitable)]
    #[case("vmlinuz", b"abc".to_vec(), Unsuitable)]
    fn files(#[case] name: &str, #[case] content: Vec<u8>, #[case] outcome: Outcome) {
        let head = format!("HTTP/1.1 200 OK|Content-Length: {}|", content.len());
        assert_eq!(judge(name, &reply(&head, &content)).unwrap().outcome, outcome);
    }

    #[rstest]
    #[case("HTTP/1.1 200 OK|Transfer-Encoding: chunked|", Fault::Chunked)]
    #[case("HTTP/1.1 200 OK|Connection: close|", Fault::NoLength)]
    #[case("HTTP/1.1 200 OK|content-length: 1024|", Fault::Spelling("Content-Length"))]
    #[case("HTTP/1.1 302 Found|Location: /a|", Fault::Redirected(302))]
    #[case("HTTP/1.1 206 X|Content-Length: 1024|", Fault::Refused(206, None))]
    fn faults(#[case] head: &str, #[case] fault: Fault) {
        assert_eq!(judge("grubx64.efi", &reply(head, &program(10))), Err(fault));
    }
}
