use std::io::Write;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{BatchMark, CompressionType, Compressor, Decompressor, UnpackError, XERIAL_MAGIC, zstd_window};
use crate::buffers::MemoryBudget;

fn mark(base_offset: i64) -> BatchMark {
    BatchMark { topic: None, partition: None, base_offset, len: 0, crc: 0 }
}

fn check(codec: CompressionType, packed: &[u8], wanted: &[u8]) {
    let mut room = Decompressor::new();
    // Twice: the room is used again.
    for offset in 0..2 {
        assert_eq!(room.unpack(codec, packed, mark(offset)), Ok(wanted), "{codec:?}");
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
            let cut = room.unpack(codec, &framed[..end], mark(end as i64)).map(<[u8]>::len);
            // An lz4 stream without a first byte is an empty one.
            assert!(cut.is_err() || cut == Ok(0), "{codec:?} {end}: {cut:?}");
        }
        assert!(room.unpack(codec, &framed, mark(-1)).is_err(), "{codec:?}");
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

/// A budget of so many bytes.
#[derive(Debug)]
struct Bounded(AtomicUsize);

impl MemoryBudget for Bounded {
    fn try_reserve(&self, bytes: usize) -> bool {
        let left = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
    }

    fn release(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[test]
fn what_unpacks_to_more_than_the_budget_is_refused_and_leaves_nothing_taken() {
    const BUDGET: usize = 24 << 20;
    for codec in [CompressionType::Gzip, CompressionType::Snappy, CompressionType::Lz4, CompressionType::Zstd] {
        let budget = Arc::new(Bounded(AtomicUsize::new(BUDGET)));
        let mut room = Decompressor::within(Arc::clone(&budget) as _);
        let packed = |bytes: usize| {
            let mut packed = Vec::new();
            Compressor::default().pack(codec, &vec![0; bytes], &mut packed).expect("packs");
            packed
        };
        let large = room.unpack(codec, &packed(40 << 20), mark(0)).map(<[u8]>::len);
        assert!(matches!(large, Err(UnpackError::NoRoom(_))), "{codec:?}: {large:?}");
        assert_eq!(room.unpack(codec, &packed(10 << 20), mark(1)).map(<[u8]>::len), Ok(10 << 20), "{codec:?}");
        assert!(budget.0.load(Ordering::Relaxed) <= BUDGET - (10 << 20), "{codec:?}: it is counted");
        room.clear();
        assert_eq!(budget.0.load(Ordering::Relaxed), BUDGET, "{codec:?}");
        assert_eq!(room.unpack(codec, &packed(100), mark(2)).map(<[u8]>::len), Ok(100), "{codec:?}");
        drop(room);
        assert_eq!(budget.0.load(Ordering::Relaxed), BUDGET, "{codec:?}");
    }
}

#[test]
fn a_batch_that_lies_there_is_not_unpacked_again() {
    let mut packed = Vec::new();
    Compressor::default().pack(CompressionType::Gzip, b"once", &mut packed).expect("packs");
    let mut room = Decompressor::new();
    assert_eq!(room.unpack(CompressionType::Gzip, &packed, mark(7)), Ok(&b"once"[..]));
    // Bytes that nobody could unpack are not looked at under the same mark, and are under another.
    assert_eq!(room.unpack(CompressionType::Gzip, b"garbage", mark(7)), Ok(&b"once"[..]));
    assert!(room.unpack(CompressionType::Gzip, b"garbage", mark(8)).is_err());
    assert!(room.unpack(CompressionType::Gzip, b"garbage", mark(7)).is_err(), "it was forgotten");
}

#[test]
fn a_snappy_block_that_boasts_is_refused_before_memory_is_taken() {
    let block = snap::raw::Encoder::new().compress_vec(b"small").expect("compresses");
    let boastful = [&[0x80, 0x80, 0x80, 0x80, 0x02][..], &block[1..]].concat();
    let mut room = Decompressor::new();
    assert!(matches!(room.unpack(CompressionType::Snappy, &boastful, mark(0)), Err(UnpackError::Malformed(_))));
    assert_eq!(room.unpacked.capacity(), 0);
}

/// Header bytes and windows of RFC 8878, 3.1.1.1.
#[test]
fn the_window_of_a_zstd_frame_is_read() {
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    let window = |rest: &[u8]| zstd_window(&[&magic, rest].concat());
    assert_eq!(window(&[0x00, 0x00]), 1024);
    assert_eq!(window(&[0x00, 0x09]), 2048 + 256, "exponent 1, mantissa 1");
    assert_eq!(window(&[0x20, 3, 0x19, 0, 0]), 3, "a single segment of 3 bytes");
    assert_eq!(window(&[0xa0, 0, 0, 1, 0, 9]), 65_536, "a size of 4 bytes");
    assert_eq!(window(&[0x20]), 0);
}
