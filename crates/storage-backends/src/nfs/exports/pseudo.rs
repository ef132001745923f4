//! Paths of NFSv4, which may differ from those of the export list.
//!
//! The list has the paths of the server's file system, which NFS version 3 uses. NFSv4 has a tree of its own (RFC 7530,
//! section 7), whose root is another directory if the server says so: `fsid=0` of knfsd, `Pseudo` of Ganesha.

use storage_domain::ExportPath;

use super::list::ExportList;

/// A path that NFSv4 may have for a directory, and the directory that is its root then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::nfs) struct V4Path {
    pub(in crate::nfs) path: String,
    pub(in crate::nfs) root: String,
}

/// Returns the path of `path` below `root`; `None` if it is not in it.
fn below(path: &str, root: &str) -> Option<String> {
    let rest = path.strip_prefix(root.trim_end_matches('/'))?;
    match rest {
        "" => Some("/".to_owned()),
        rest => rest.starts_with('/').then(|| rest.to_owned()),
    }
}

impl ExportList {
    /// Returns the paths that NFSv4 may have for a directory, the likeliest first.
    ///
    /// A root is exported itself, so that it is in the list: it contains the directory. If no such directory is
    /// listed, the root is a tree of names, in which an export mostly has its last one.
    pub(in crate::nfs) fn v4_paths(&self, wanted: &ExportPath) -> Vec<V4Path> {
        let path = wanted.normalized();
        let mut roots: Vec<String> = self.exports.iter().map(|e| e.path.normalized()).collect();
        roots.retain(|root| root != "/" && *root != path && below(&path, root).is_some());
        roots.sort_by_key(String::len);
        roots.dedup();
        if roots.is_empty() {
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            roots.extend(
                [parent, &path]
                    .iter()
                    .filter(|root| root.len() > 1)
                    .map(ToString::to_string),
            );
        }
        let v4_path = |root: String| {
            let path = below(&path, &root)?;
            Some(V4Path { path, root })
        };
        roots.into_iter().filter_map(v4_path).collect()
    }

    /// Returns the listed directory that NFSv4 may have as `wanted`: its path ends with that, or with a part of it.
    pub(in crate::nfs) fn v4_alias(&self, wanted: &ExportPath) -> Option<ExportPath> {
        let path = wanted.normalized();
        let may_be = |listed: &str| {
            let suffixes = listed.match_indices('/').skip(1).map(|(at, _)| &listed[at..]);
            suffixes.into_iter().any(|suffix| below(&path, suffix).is_some())
        };
        let listed = self.exports.iter().map(|e| &e.path);
        listed
            .filter(|p| may_be(&p.normalized()))
            .max_by_key(|p| p.normalized().len())
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::nfs::exports::parse;

    #[rstest]
    #[case::below_the_root("/srv/exp *\n/srv/exp/images *", "/srv/exp/images", &["/images"])]
    #[case::far_below("/srv/exp *", "/srv/exp/images/x", &["/images/x"])]
    #[case::two_roots("/srv *\n/srv/exp *\n/srv/exp/images *", "/srv/exp/images", &["/exp/images", "/images"])]
    #[case::a_tree_of_names("/mem/images *\n/mem/isos *", "/mem/images", &["/images", "/"])]
    #[case::the_root_itself("/images *", "/images", &["/"])]
    #[case::part_of_a_name("/srv/exp *", "/srv/exports/x", &["/x", "/"])]
    #[case::everything("/ *", "/srv", &["/"])]
    fn v4_has_its_own_paths(#[case] printed: &str, #[case] wanted: &str, #[case] paths: &[&str]) {
        let found = parse(printed.as_bytes()).v4_paths(&wanted.parse().unwrap());
        assert_eq!(found.iter().map(|v4| v4.path.as_str()).collect::<Vec<_>>(), paths);
    }

    #[rstest]
    #[case("/srv/exp *\n/srv/exp/images *", "/images", Some("/srv/exp/images"))]
    #[case("/srv/exp *\n/srv/exp/images *", "/images/debian", Some("/srv/exp/images"))]
    #[case("/srv/exp *\n/srv/exp/images *", "/exp/images", Some("/srv/exp/images"))]
    #[case("/srv/exp/images *", "/imag", None)]
    #[case("/srv/exp/images *", "/isos", None)]
    #[case("/images *", "/images", None)]
    fn a_path_of_v4_is_recognised(#[case] printed: &str, #[case] wanted: &str, #[case] alias: Option<&str>) {
        let found = parse(printed.as_bytes()).v4_alias(&wanted.parse().unwrap());
        assert_eq!(found.as_ref().map(ExportPath::as_str), alias);
    }
}
