use proptest::prelude::*;

use super::*;

/// RFC 3720, appendix B.4: the digest of 32 zero bytes, as it is sent.
#[test]
fn digests_are_those_of_the_standard() {
    let mut out = BytesMut::new();
    let pdu = Pdu::new(opcode::NOP_IN).with_data(vec![0; 32]);
    pdu.encode(
        Digests {
            header: false,
            data: true,
        },
        &mut out,
    );
    assert_eq!(out[BHS + 32..], [0xaa, 0x36, 0x91, 0x8a]);
}

#[test]
fn lengths_are_checked_before_the_rest_is_there() {
    let mut bytes = [0; BHS];
    bytes[0] = opcode::TEXT_RESPONSE;
    bytes[5..8].copy_from_slice(&[0x01, 0x00, 0x01]);
    assert_eq!(
        Pdu::decode(&bytes, Digests::default()),
        Err(PduError::TooLong(MAX_SEGMENT + 1))
    );
    bytes[5..8].copy_from_slice(&[0x01, 0x00, 0x00]);
    assert_eq!(Pdu::decode(&bytes, Digests::default()), Ok(None));
    bytes[0] = b'H';
    assert_eq!(
        Pdu::decode(&bytes, Digests::default()),
        Err(PduError::Opcode(0x08))
    );
}

#[test]
fn additional_headers_are_passed_over() {
    let mut bytes = vec![0; BHS + 8];
    (bytes[0], bytes[4], bytes[7]) = (opcode::NOP_IN, 2, 3);
    bytes.extend_from_slice(b"abc\0");
    let (pdu, length) = Pdu::decode(&bytes, Digests::default()).unwrap().unwrap();
    assert_eq!((pdu.data(), length), (&b"abc"[..], bytes.len()));
}

fn digests() -> impl Strategy<Value = Digests> {
    any::<(bool, bool)>().prop_map(|(header, data)| Digests { header, data })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(digests in digests(), data in prop::collection::vec(any::<u8>(), 0..300), tag: u32) {
        let pdu = Pdu::new(opcode::TEXT_RESPONSE).put_number(16, tag).with_data(data.clone());
        let mut out = BytesMut::new();
        pdu.encode(digests, &mut out);
        let whole = out.len();
        for missing in 1..=whole.min(60) {
            prop_assert_eq!(Pdu::decode(&out[..whole - missing], digests), Ok(None));
        }
        out.extend_from_slice(b"and more");
        let (read, length) = Pdu::decode(&out, digests).unwrap().unwrap();
        prop_assert_eq!(length, whole);
        prop_assert_eq!((read.number(16), read.data(), read.opcode()), (tag, &*data, opcode::TEXT_RESPONSE));
    }

    #[test]
    fn a_digest_finds_every_changed_byte(data in prop::collection::vec(any::<u8>(), 1..100), at: prop::sample::Index, by in 1..=255_u8) {
        let digests = Digests { header: true, data: true };
        let mut out = BytesMut::new();
        Pdu::new(opcode::TEXT_RESPONSE).with_data(data).encode(digests, &mut out);
        let at = at.index(out.len());
        out[at] ^= by;
        // A header that is longer now is still waited for.
        let read = Pdu::decode(&out, digests);
        prop_assert!(!matches!(read, Ok(Some(_))), "{read:?}");
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), digests in digests()) {
        let _ = Pdu::decode(&bytes, digests);
    }
}
