use proptest::prelude::*;
use rstest::rstest;

use super::data::{ascii, number, serial_number, standard_inquiry};
use super::*;

fn with_sense(sense: &[u8]) -> Response {
    let mut segment = vec![0, u8::try_from(sense.len()).unwrap()];
    segment.extend_from_slice(sense);
    Response::new(CHECK_CONDITION, Vec::new(), &segment)
}

#[test]
fn both_formats_of_sense_data_are_read() {
    let fixed = with_sense(&[0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0, 0, 0, 0, 0]);
    let descriptor = with_sense(&[0x72, 6, 0x29, 0]);
    assert!(fixed.has_attention() && descriptor.has_attention());
    assert_eq!(
        fixed.status.to_string(),
        "the unit was reset or powered on (sense 6/29/00)"
    );
    assert!(with_sense(&[0x72, 5, 0x20, 0]).is_unknown());
}

#[rstest]
#[case([0x72, 2, 0x3a, 0], "there is no medium in the unit (sense 2/3a/00)")]
#[case([0x72, 2, 0x04, 0x0b], "the path to the unit is on standby: another controller serves it (sense 2/04/0b)")]
#[case([0x72, 5, 0x25, 0], "there is no such unit for this initiator (sense 5/25/00)")]
#[case([0x72, 2, 0x08, 0x01], "the target gets no answer from the unit in time (sense 2/08/01)")]
#[case([0x72, 2, 0x3e, 0x03], "the unit failed its self-test (sense 2/3e/03)")]
#[case([0x72, 5, 0x74, 0x71], "this initiator is not authorised to access the unit (sense 5/74/71)")]
#[case([0x72, 2, 0x04, 0x99], "the unit is not ready (sense 2/04/99)")]
#[case([0x72, 4, 0x80, 0x42], "the unit has a hardware error (sense 4/80/42)")]
fn sense_data_is_a_clause(#[case] sense: [u8; 4], #[case] expected: &str) {
    assert_eq!(with_sense(&sense).status.to_string(), expected);
}

#[rstest]
#[case([0, 5, 0, 0, 0, 0, 0, 0], 5)]
#[case([0x41, 0x2c, 0, 0, 0, 0, 0, 0], 300)]
#[case([0xd2, 1, 0, 0, 0, 0, 0, 0], 65_536)]
#[case([0xc1, 1, 0, 0, 0, 0, 0, 0], 0xc101_0000_0000_0000)]
fn numbers_are_read_from_addresses(#[case] address: [u8; 8], #[case] expected: u64) {
    assert_eq!(number(address), expected);
}

#[test]
fn sizes_are_counted_from_the_last_block() {
    let mut long = [0; 32];
    long[..12].copy_from_slice(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0]);
    assert_eq!(capacity_16(&long).unwrap().bytes(), 0x2_0000_0000 * 512);
    assert_eq!(
        capacity_10(&[0, 0, 0, 9, 0, 0, 0x10, 0]).unwrap().bytes(),
        10 * 4096
    );
    assert_eq!(capacity_10(&[0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0]), None);
    assert_eq!(capacity_16(&[0xff; 32]), None);
    assert_eq!(capacity_10(&[0; 8]), None);
}

#[test]
fn a_list_ends_where_its_data_does() {
    let mut list = vec![0, 0, 0, 32, 0, 0, 0, 0];
    list.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
    let numbers: Vec<u64> = luns(&list, 100).luns.iter().map(|lun| lun.number).collect();
    assert_eq!(numbers, [0, 1]);
    assert_eq!((luns(&list, 1).luns.len(), luns(&list, 1).total), (1, 4));
    list[3] = 8;
    assert_eq!(luns(&list, 100).luns.len(), 1);
}

#[test]
fn control_characters_are_left_out() {
    assert_eq!(ascii(b"  A\x1b[2J\xffB \0"), "A [2J B");
    assert_eq!(
        serial_number(&[0, 0x80, 0, 3, b'x', b'y', b'z', b'!']).as_deref(),
        Some("xyz")
    );
    assert_eq!(serial_number(&[0, 0x80, 0, 200, b'x']).as_deref(), Some("x"));
    assert_eq!(serial_number(&[0, 0x83, 0, 1, b'x']), None);
}

proptest! {
    #[test]
    fn nothing_panics(data in prop::collection::vec(any::<u8>(), 0..300), status: u8) {
        let answer = Response::new(status, data.clone(), &data);
        let _ = (answer.status.to_string(), standard_inquiry(&data), serial_number(&data), luns(&data, 100), capacity_16(&data), capacity_10(&data));
    }
}
