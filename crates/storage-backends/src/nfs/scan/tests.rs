use std::ffi::CString;

use proptest::prelude::*;

use super::frame::{Names, Place, Task};
use super::tally::Tally;
use crate::helper::protocol::{self, Reply};

fn names(all: &[CString]) -> Names {
    let mut names = Names::default();
    for name in all {
        names.push(Task::Read, name);
    }
    names
}

fn drain(mut names: Names) -> Vec<Vec<u8>> {
    let (mut out, mut name) = (Vec::new(), Vec::new());
    while let Some(task) = names.pop(&mut name) {
        assert_eq!(task, Task::Read);
        assert_eq!(name.pop(), Some(0));
        out.push(name.clone());
    }
    out
}

proptest! {
    #[test]
    fn names_come_out_as_they_went_in(all in prop::collection::vec("[a-z\u{e9}?]{1,20}", 0..20)) {
        let all: Vec<_> = all.into_iter().map(|n| CString::new(n).unwrap()).collect();
        let expected: Vec<_> = all.iter().rev().map(|n| n.as_bytes().to_vec()).collect();
        prop_assert_eq!(drain(names(&all)), expected);
    }

    #[test]
    fn a_split_loses_nothing(all in prop::collection::vec("[a-z]{1,20}", 2..20)) {
        let all: Vec<_> = all.into_iter().map(|n| CString::new(n).unwrap()).collect();
        let expected: Vec<_> = all.iter().rev().map(|n| n.as_bytes().to_vec()).collect();
        let mut mine = names(&all);
        let others = mine.split().unwrap();
        prop_assert!(!mine.is_empty() && !others.is_empty());
        let mut both = drain(mine);
        both.extend(drain(others));
        prop_assert_eq!(both, expected);
    }
}

#[test]
fn one_name_is_not_split() {
    assert!(names(&[c"alone".to_owned()]).split().is_none());
    assert!(Names::default().split().is_none());
}

#[test]
fn places_of_any_depth_are_let_go() {
    let mut place = Place::new(None, c"0");
    for _ in 0..1_000_000 {
        place = Place::new(Some(&place), c"n");
    }
    drop(place);
}

#[test]
fn paths_are_printable() {
    let place = Place::new(Some(&Place::new(None, c"a")), c"b\nc");
    assert_eq!(
        Place::path(Some(&place), Some(c"\xff.iso")),
        "a/b\u{fffd}c/\u{fffd}.iso"
    );
    assert_eq!(Place::path(None, None), ".");
}

#[test]
fn the_path_of_an_error_is_cut_so_that_the_counts_arrive() {
    let long = CString::new("\"\u{e9}".repeat(80)).unwrap();
    let mut place = Place::new(None, &long);
    for _ in 0..1000 {
        place = Place::new(Some(&place), &long);
    }
    let path = Place::path(Some(&place), Some(c"last"));
    assert!(path.starts_with("\"\u{e9}") && path.ends_with('…'), "{path}");
    assert!((1000..1100).contains(&path.len()), "{}", path.len());

    let tally = Tally::new(&|_, _| {});
    tally.fail(|| format!("Reading {path} failed"));
    let report = Reply::Scanned(tally.report());
    let mut pipe = Vec::new();
    protocol::write(&mut pipe, &report).unwrap();
    assert_eq!(
        protocol::read::<Reply>(&mut pipe.as_slice()).unwrap(),
        Some(report)
    );
}
