use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn with_sense(sense: &[u8]) -> Answer {
    let mut segment = vec![0, u8::try_from(sense.len()).unwrap()];
    segment.extend_from_slice(sense);
    Answer::new(CHECK_CONDITION, Vec::new(), &segment)
}

#[test]
fn both_formats_of_sense_data_are_read() {
    let fixed = with_sense(&[0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0, 0, 0, 0, 0]);
    let descriptor = with_sense(&[0x72, 6, 0x29, 0]);
    assert!(fixed.has_attention() && descriptor.has_attention());
    assert_eq!(fixed.to_string(), "the unit answers sense 6/29/00");
    assert!(with_sense(&[0x72, 5, 0x20, 0]).is_unknown());
    assert_eq!(
        with_sense(&[0x72, 2, 0x3a, 0]).to_string(),
        "the unit is not ready (sense 2/3a/00)"
    );
}

#[rstest]
#[case([0, 5, 0, 0, 0, 0, 0, 0], 5)]
#[case([0x41, 0x2c, 0, 0, 0, 0, 0, 0], 300)]
#[case([0xd2, 1, 0, 0, 0, 0, 0, 0], 65_536)]
#[case([0xc1, 1, 0, 0, 0, 0, 0, 0], 0xc101_0000_0000_0000)]
fn numbers_are_those_that_people_use(#[case] address: [u8; 8], #[case] expected: u64) {
    assert_eq!(number(address), expected);
}

#[test]
fn sizes_are_counted_from_the_last_block() {
    let mut long = [0; 32];
    long[..12].copy_from_slice(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0]);
    assert_eq!(size_16(&long).unwrap().bytes.get(), 0x2_0000_0000 * 512);
    assert_eq!(
        size_10(&[0, 0, 0, 9, 0, 0, 0x10, 0]).unwrap().bytes.get(),
        10 * 4096
    );
    assert_eq!(size_10(&[0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0]), None);
    assert_eq!(size_16(&[0xff; 32]), None);
    assert_eq!(size_10(&[0; 8]), None);
}

#[test]
fn a_list_ends_where_its_data_does() {
    let mut list = vec![0, 0, 0, 32, 0, 0, 0, 0];
    list.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
    let numbers: Vec<u64> = luns(&list).0.iter().map(|lun| lun.number).collect();
    assert_eq!(numbers, [0, 1]);
    list[3] = 8;
    assert_eq!(luns(&list).0.len(), 1);
}

#[test]
fn words_steer_no_terminal() {
    assert_eq!(words(b"  A\x1b[2J\xffB \0"), "A [2J B");
    assert_eq!(
        serial(&[0, 0x80, 0, 3, b'x', b'y', b'z', b'!']).as_deref(),
        Some("xyz")
    );
    assert_eq!(serial(&[0, 0x80, 0, 200, b'x']).as_deref(), Some("x"));
    assert_eq!(serial(&[0, 0x83, 0, 1, b'x']), None);
}

proptest! {
    #[test]
    fn nothing_panics(data in prop::collection::vec(any::<u8>(), 0..300), status: u8) {
        let answer = Answer::new(status, data.clone(), &data);
        let _ = (answer.to_string(), identity(&data), serial(&data), luns(&data), size_16(&data), size_10(&data));
    }
}
