//! Where the clients begin in a line of `showmount -e`.
//!
//! showmount pads every path to the length of the longest, so that the clients begin at the same place in every line:
//! behind one blank for the longest path, and behind more for the others. Paths and names of groups may have blanks
//! too, so that one line alone shows several such places, and all lines together mostly one.

/// How many places are kept if the lines show several.
const MAX_PLACES: usize = 8;

/// The places at which the clients may begin in every line; empty if the lines have none in common.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// The likeliest place.
    pub(super) likeliest: Option<usize>,
    /// The others.
    pub(super) others: Vec<usize>,
}

/// A place that all lines so far have in common.
struct Place {
    at: usize,
    /// Whether a path ends just before it, as the longest one does.
    is_tight: bool,
    /// Whether all that follows it looks like clients.
    is_plausible: bool,
}

impl Columns {
    /// Finds the places that the lines have in common. Lines without a blank are not padded, and do not count.
    ///
    /// Takes time in proportion to the length of the lines.
    pub(super) fn of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut places: Option<Vec<Place>> = None;
        for line in lines.filter(|line| line.contains(&b' ')) {
            let common = places.get_or_insert_with(|| candidates(line));
            common.retain_mut(|place| place.is_in(line));
            if common.is_empty() {
                break;
            }
        }
        let mut places = places.unwrap_or_default();
        places.retain(|place| place.is_tight);
        let likeliest = places.iter().position(|p| p.is_plausible);
        let likeliest = likeliest.or(places.len().checked_sub(1));
        let likeliest = likeliest.map(|index| places.remove(index).at);
        let others = places.iter().rev().map(|p| p.at).take(MAX_PLACES).collect();
        Self { likeliest, others }
    }
}

fn candidates(line: &[u8]) -> Vec<Place> {
    let places = (2..=line.len()).filter(|at| is_after_blank(line, *at));
    let place = |at| Place {
        at,
        is_tight: false,
        is_plausible: true,
    };
    places.map(place).collect()
}

/// Reports whether a column may begin there: after a blank, and with something else or the end.
fn is_after_blank(line: &[u8], at: usize) -> bool {
    line.get(at - 1) == Some(&b' ') && line.get(at) != Some(&b' ')
}

impl Place {
    /// Reports whether the line has the place too, and takes into account what is around it.
    fn is_in(&mut self, line: &[u8]) -> bool {
        if self.at > line.len() || !is_after_blank(line, self.at) {
            return false;
        }
        self.is_tight |= line.get(self.at - 2) != Some(&b' ');
        self.is_plausible = self.is_plausible && looks_like_clients(&line[self.at..]);
        true
    }
}

/// Reports whether it looks like a list of clients: without a blank, or with the marks of a list before the first one.
fn looks_like_clients(text: &[u8]) -> bool {
    match text.iter().position(|&b| b == b' ') {
        None => true,
        Some(blank) => text[0] == b'@' || text[..blank].contains(&b','),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one_place(&["/srv/a *", "/srv/b 10.0.0.0/8"], Some(7), &[])]
    #[case::padded(&["/srv/images *", "/srv/b      *"], Some(12), &[])]
    #[case::blank_in_a_path(&["/volume1/Plex Media (everyone)"], Some(20), &[14])]
    #[case::blank_in_a_group(&["/srv/images domain users", "/srv/b      *"], Some(12), &[])]
    #[case::group_in_one_line(&["/srv/a @domain users"], Some(7), &[15])]
    #[case::group_in_a_list(&["/srv/a 10.0.0.5,domain users"], Some(7), &[23])]
    #[case::group_in_doubt(&["/srv/a domain users"], Some(14), &[7])]
    #[case::no_clients(&["/share/Public   ", "/share/My Files "], Some(16), &[])]
    #[case::not_padded(&["/a *", "/longer *"], None, &[])]
    #[case::without_blanks(&["/a", "/srv/b *"], Some(7), &[])]
    #[case::nothing(&[], None, &[])]
    fn the_clients_begin_at_the_same_place(
        #[case] lines: &[&str],
        #[case] likeliest: Option<usize>,
        #[case] others: &[usize],
    ) {
        let columns = Columns::of(lines.iter().map(|line| line.as_bytes()));
        assert_eq!(
            (columns.likeliest, columns.others.as_slice()),
            (likeliest, others)
        );
    }
}
