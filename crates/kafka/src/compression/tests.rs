use std::io::Write;

use super::{Codec, Decompressor, XERIAL_MAGIC};

fn check(codec: Codec, packed: &[u8], wanted: &[u8]) {
    let mut room = Decompressor::new();
    // Twice: the room is used again.
    for _ in 0..2 {
        assert_eq!(room.unpack(codec, packed).as_deref(), Ok(wanted), "{codec:?}");
    }
}

#[test]
fn snappy_bare_and_in_the_frames_of_java() {
    let block = |text: &[u8]| snap::raw::Encoder::new().compress_vec(text).expect("compresses");
    check(Codec::Snappy, &block(b"bare"), b"bare");
    let mut framed = XERIAL_MAGIC.to_vec();
    framed.extend([0, 0, 0, 1, 0, 0, 0, 1]);
    for text in [&b"one "[..], b"two"] {
        let block = block(text);
        framed.extend((block.len() as u32).to_be_bytes());
        framed.extend(block);
    }
    check(Codec::Snappy, &framed, b"one two");
}

#[test]
fn gzip_members_follow_each_other() {
    let member = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("to memory");
        encoder.finish().expect("to memory")
    };
    check(Codec::Gzip, &[member(b"one "), member(b"two")].concat(), b"one two");
}

/// The zstd frame of RFC 8878 with one raw block: magic, descriptor with single segment, size, block header, bytes.
#[test]
fn zstd_raw_block() {
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, b'a', b'b', b'c'];
    check(Codec::Zstd, &frame, b"abc");
}

#[test]
fn what_is_cut_off_is_refused() {
    let mut room = Decompressor::new();
    let mut framed = XERIAL_MAGIC.to_vec();
    framed.extend([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 1]);
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        for end in 0..framed.len() {
            if end == 16 && codec == Codec::Snappy {
                continue; // a header and no blocks: nothing, rightly
            }
            let cut = room.unpack(codec, &framed[..end]).map(<[u8]>::len);
            // An lz4 stream without a first byte is an empty one.
            assert!(cut.is_err() || cut == Ok(0), "{codec:?} {end}: {cut:?}");
        }
        assert!(room.unpack(codec, &framed).is_err(), "{codec:?}");
    }
    assert!(Codec::from_attributes(5).is_err());
}
