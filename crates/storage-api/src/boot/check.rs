//! Checks a file: fetches it as each kind of client does, over the code of the listener, and says which of them boots from it.
//!
//! Nothing of the file is read beyond its first bytes and a part in its middle. What each client needs is in `docs/boot.md`.

mod address;
mod bmc;
mod fault;
mod grub;
mod image;
mod ipxe;
mod lines;
mod reply;
mod shim;
mod uefi;
mod verdict;
mod wire;

use std::fmt;

use storage_domain::{BackendId, FilePath};

use self::fault::Fault;
use self::image::Image;
use self::lines::Lines;
pub(crate) use self::verdict::{Client, Outcome, Verdict};
use self::wire::Wire;
use super::Boot;
use crate::service::AppError;

/// What a check found.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) verdicts: Vec<Verdict>,
    /// The address of the file: relative to the listener if that has none that is known, and `None` if no address leads to it.
    pub(crate) url: Option<String>,
    pub(crate) lines: Lines,
}

/// A setting that keeps every machine from a file.
enum Obstacle {
    NoListener,
    NoNetworks,
    NoBootPath,
    Outside(FilePath),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoListener => f.write_str("No listener serves boot files: set boot_listen."),
            Self::NoNetworks => f.write_str(
                "No machine may read without a link: name its network in boot_networks, or make a link with boot: true.",
            ),
            Self::NoBootPath => f.write_str(
                "The backend releases no files: an admin sets its boot_path to the directory that machines may read.",
            ),
            Self::Outside(directory) => write!(
                f,
                "The file is not below the boot_path of the backend, which is {directory}: move it there, or have an admin change boot_path."
            ),
        }
    }
}

impl Boot {
    /// Checks a file. `host` is the name by which the service itself was reached.
    ///
    /// # Errors
    /// [`AppError::Store`], [`AppError::NoFiles`] and [`AppError::Files`] if the backend can't be used at all. Whatever is wrong
    /// with the file is an `Ok` result.
    pub(crate) async fn check(
        &self,
        id: BackendId,
        path: &FilePath,
        host: Option<&str>,
    ) -> Result<Checked, AppError> {
        let (backend, _) = self.app.with_files(id).await?;
        let directory = backend.boot_path.clone();
        let released = directory.clone().filter(|directory| path.is_below(directory));
        let target = released.map(|directory| address::target(&backend, &directory, path));
        let authority = address::authority(&self.addresses, &self.networks, host);
        let obstacles = [
            self.addresses.is_empty().then_some(Obstacle::NoListener),
            self.networks.is_empty().then_some(Obstacle::NoNetworks),
            match directory {
                None => Some(Obstacle::NoBootPath),
                Some(directory) => target.is_none().then_some(Obstacle::Outside(directory)),
            },
        ];
        let obstacles: Vec<String> = obstacles
            .into_iter()
            .flatten()
            .map(|obstacle| obstacle.to_string())
            .collect();
        let verdicts = match &target {
            Some(target) if obstacles.is_empty() => {
                let wire = Wire::new(self, target, authority.as_deref(), path.name());
                fetch(&wire).await
            }
            _ => {
                let all = Client::ALL.into_iter();
                all.map(|client| Verdict::fails(client, obstacles.join(" ")))
                    .collect()
            }
        };
        let image = verdicts.iter().find_map(|verdict| verdict.image);
        let image = image.unwrap_or_else(|| Image::named(path.name()));
        Ok(Checked {
            lines: target.as_ref().map_or_else(Lines::default, |target| {
                Lines::of(image, authority.as_deref(), target)
            }),
            url: target.map(|target| address::url(authority.as_deref(), &target)),
            verdicts,
        })
    }
}

/// Fetches as every client does, all at the same time.
async fn fetch(wire: &Wire<'_>) -> Vec<Verdict> {
    // On the heap: the futures of five clients are large.
    let (ipxe, uefi, grub, shim, bmc) = tokio::join!(
        Box::pin(ipxe::check(wire)),
        Box::pin(uefi::check(wire)),
        Box::pin(grub::check(wire)),
        Box::pin(shim::check(wire)),
        Box::pin(bmc::check(wire)),
    );
    let results = [ipxe, uefi, grub, shim, bmc].into_iter();
    let verdict = |(client, result): (Client, Result<Verdict, Fault>)| {
        result.unwrap_or_else(|fault| Verdict::fails(client, fault.to_string()))
    };
    Client::ALL.into_iter().zip(results).map(verdict).collect()
}
