use std::io::Write;

use super::{CompressionType, Compressor, Decompressor, XERIAL_MAGIC};

fn check(codec: CompressionType, packed: &[u8], wanted: &[u8]) {
    let mut room = Decompressor::new();
    // Twice: the room is used again.
    for _ in 0..2 {
        assert_eq!(room.unpack(codec, packed).as_deref(), Ok(wanted), "{codec:?}");
    }
}

#[test]
fn snappy_bare_and_in_the_frames_of_java() {
    let block = |text: &[u8]| snap::raw::Encoder::new().compress_vec(text).expect("compresses");
    check(CompressionType::Snappy, &block(b"bare"), b"bare");
    let mut framed = XERIAL_MAGIC.to_vec();
    framed.extend([0, 0, 0, 1, 0, 0, 0, 1]);
    for text in [&b"one "[..], b"two"] {
        let block = block(text);
        framed.extend((block.len() as u32).to_be_bytes());
        framed.extend(block);
    }
    check(CompressionType::Snappy, &framed, b"one two");
}

#[test]
fn gzip_members_follow_each_other() {
    let member = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("to memory");
        encoder.finish().expect("to memory")
    };
    check(CompressionType::Gzip, &[member(b"one "), member(b"two")].concat(), b"one two");
}

/// The zstd frame of RFC 8878 with one raw block: magic, descriptor with single segment, size, block header, bytes.
#[test]
fn zstd_raw_block() {
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, b'a', b'b', b'c'];
    check(CompressionType::Zstd, &frame, b"abc");
}

#[test]
fn what_is_cut_off_is_refused() {
    let mut room = Decompressor::new();
    let mut framed = XERIAL_MAGIC.to_vec();
    framed.extend([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 1]);
    for codec in [CompressionType::Gzip, CompressionType::Snappy, CompressionType::Lz4, CompressionType::Zstd] {
        for end in 0..framed.len() {
            if end == 16 && codec == CompressionType::Snappy {
                continue; // a header and no blocks: nothing, rightly
            }
            let cut = room.unpack(codec, &framed[..end]).map(<[u8]>::len);
            // An lz4 stream without a first byte is an empty one.
            assert!(cut.is_err() || cut == Ok(0), "{codec:?} {end}: {cut:?}");
        }
        assert!(room.unpack(codec, &framed).is_err(), "{codec:?}");
    }
    assert!(CompressionType::from_attributes(5).is_err());
}

#[test]
fn what_is_packed_is_unpacked() {
    let mut packer = Compressor::default();
    let mut noise = 12_345_u32;
    let mut text = Vec::new();
    // Compressible and not, larger than every block size.
    for index in 0..300_000_u32 {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push(if index % 50_000 < 25_000 { (index % 7) as u8 } else { (noise >> 24) as u8 });
    }
    for codec in [CompressionType::Gzip, CompressionType::Snappy, CompressionType::Lz4, CompressionType::Zstd] {
        for len in [0, 1, 100, 32_768, 32_769, 65_536, 131_072, 300_000] {
            let mut packed = b"in front".to_vec();
            packer.pack(codec, &text[..len], &mut packed).expect("packs");
            assert!(packed.starts_with(b"in front"));
            check(codec, &packed[8..], &text[..len]);
        }
    }
}
