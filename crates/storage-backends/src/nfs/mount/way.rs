//! Whether the options in force are the wanted ones. The kernel shows many in another way than they were given, and
//! some not at all (`nfs_show_mount_options` in its `fs/nfs/super.c`).

use storage_domain::MountOptions;
use storage_domain::nfs::NfsVersion;

use crate::mount::table::MountEntry;

/// The port that the kernel does not show for version 4.
const NFS_PORT: u64 = 2049;
/// The longest `timeo` that the kernel keeps over TCP (`NFS_MAX_TCP_TIMEOUT`), in tenths of a second.
pub(in crate::nfs) const MAX_TIMEO: u64 = 6000;
/// Options that exclude each other, of which the kernel shows only the first where it holds.
const SWITCHES: [[&str; 2]; 4] = [
    ["nocto", "cto"],
    ["noac", "ac"],
    ["nordirplus", "rdirplus"],
    ["noresvport", "resvport"],
];

/// Whether a mount is made as the options say, as far as the kernel shows it. How many connections it has is not asked:
/// all mounts of a server share them, and the first one's `nconnect` is that of all.
pub(super) fn is_in_force(options: &MountOptions, kerberos: bool, entry: &MountEntry) -> bool {
    let shown = entry.option("vers").unwrap_or_default();
    let version = options.versions().iter().any(|v| v.as_str() == shown);
    let sec = entry.option("sec").unwrap_or("sys");
    let security = match (options.value("sec"), kerberos) {
        (Some(wanted), _) => sec == wanted,
        (None, true) => sec == "krb5",
        (None, false) => !sec.starts_with("krb5"),
    };
    let failing = options.last_of(&["soft", "softerr", "hard"]);
    let same_failing = failing.is_none_or(|mode| entry.option(mode).is_some());
    let same_switch = |[shown, not_shown]: &[&str; 2]| {
        let wanted = options.last_of(&[*shown, *not_shown]) == Some(*shown);
        wanted == entry.option(shown).is_some()
    };
    version
        && security
        && same_failing
        && ["timeo", "retrans", "port", "lookupcache"]
            .iter()
            .all(|key| is_same(key, options, entry))
        && SWITCHES.iter().all(same_switch)
}

/// Whether an option that was given is in force with the value that the kernel makes of it.
fn is_same(key: &str, options: &MountOptions, entry: &MountEntry) -> bool {
    let Some(wanted) = options.value(key) else {
        return true;
    };
    let shown = entry.option(key);
    let is_v3 = entry.option("vers") == Some(NfsVersion::V3.as_str());
    match key {
        "lookupcache" => cached(Some(wanted)) == cached(shown),
        "port" if !is_v3 => number(wanted) == shown.map_or(Some(NFS_PORT), number),
        "timeo" => number(wanted).map(|tenths| tenths.min(MAX_TIMEO)) == shown.and_then(number),
        _ => number(wanted) == shown.and_then(number),
    }
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

/// A value of `lookupcache` as the kernel shows it.
fn cached(value: Option<&str>) -> Option<&str> {
    match value {
        Some("positive") => Some("pos"),
        Some("all") => None,
        other => other,
    }
}

/// An option as the kernel is to read it: it takes a number that begins with 0 for an octal one, and computes wrongly
/// with a `timeo` that is longer than it keeps.
pub(super) fn plain(option: String) -> String {
    let Some((key, value)) = option.split_once('=') else {
        return option;
    };
    match number(value) {
        Some(tenths) if key == "timeo" => format!("{key}={}", tenths.min(MAX_TIMEO)),
        Some(value) => format!("{key}={value}"),
        None => option,
    }
}
