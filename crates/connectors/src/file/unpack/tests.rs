//! What Apache Spark's codecs pack is unpacked, and damage is found.

use std::io::{Read, Write};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millstream_core::MemoryLedger;
use parking_lot::Mutex;

use crate::file::found_file::FoundFile;
use crate::file::write::compression::Codec;

fn unpacked(name: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let file = FoundFile { path: name.into(), size: bytes.len() as u64, modified_ms: 0, partition: Vec::new() };
    let mut out = Vec::new();
    let raw = Box::new(std::io::Cursor::new(bytes.to_vec()));
    super::unpacked(&file, raw, &MemoryLedger::unlimited())?.read_to_end(&mut out)?;
    Ok(out)
}

/// A block of Hadoop's whose bytes are in two chunks, as a writer leaves them whose buffer is shorter than a write.
fn block_of_two_chunks(pack: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut block = 6_u32.to_be_bytes().to_vec();
    for half in [b"abc", b"def"] {
        let packed = pack(half);
        block.extend(u32::try_from(packed.len()).unwrap().to_be_bytes());
        block.extend(packed);
    }
    block
}

#[test]
fn blocks_may_have_several_chunks() {
    let lz4 = block_of_two_chunks(lz4_flex::block::compress);
    assert_eq!(unpacked("f.lz4", &[lz4.as_slice(), &lz4].concat()).unwrap(), b"abcdefabcdef");
    let snappy = block_of_two_chunks(|bytes| snap::raw::Encoder::new().compress_vec(bytes).unwrap());
    assert_eq!(unpacked("f.snappy", &snappy).unwrap(), b"abcdef");
}

#[test]
fn files_may_have_several_frames() {
    // From the format's specification: magic, no checksum or size, a window of 1 KiB, a last block of raw bytes.
    let frame = |bytes: &[u8]| {
        let block = (u32::try_from(bytes.len()).unwrap() << 3) | 1;
        [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0], &block.to_le_bytes()[..3], bytes].concat()
    };
    assert_eq!(unpacked("f.zst", &[frame(b"one,"), frame(b"two")].concat()).unwrap(), b"one,two");
}

#[test]
fn what_spark_has_packed_is_unpacked() {
    let lines: String = (0..9).map(|number| format!("{number}-{}\n", "x".repeat(number))).collect();
    // concat(id, '-', repeat('x', id % 9)) of range(9), written by Apache Spark 4.2.
    for (name, packed) in [
        ("f.snappy", "AAAAPwAAADc/SDAtCjEteAoyLXh4CjMteHh4CjQBBgh4CjUFBwh4CjYJCAh4CjcNCTB4CjgteHh4eHh4eHgK"),
        ("f.lz4", "AAAAPwAAADfwBDAtCjEteAoyLXh4CjMteHh4CjQGADF4CjUHADJ4CjYIADN4CjcJANB4CjgteHh4eHh4eHgK"),
        ("f.bz2", "QlpoOTFBWSZTWbXXgswAAAvYgHwQAAJ/wABAIAAhihoAxChppgAkhsUNbNfOt8754mSA5EIlIFA/F3JFOFCQtdeCzA=="),
    ] {
        assert_eq!(unpacked(name, &STANDARD.decode(packed).unwrap()).unwrap(), lines.as_bytes(), "{name}");
    }
}

/// Keeps what is written.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_is_packed_here_is_unpacked_here() {
    let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    for name in ["none", "gzip", "deflate", "bzip2", "snappy", "lz4", "org.apache.hadoop.io.compress.BZip2Codec"] {
        let options = [("compression", name)].into_iter().collect();
        let codec = Codec::from_options(&options, &["compression"]).unwrap();
        let out = Shared::default();
        let mut packed = codec.wrap(Box::new(out.clone()));
        bytes.chunks(70_001).for_each(|chunk| packed.write_all(chunk).unwrap());
        packed.finish().unwrap();
        let written = out.0.lock().clone();
        assert!(unpacked(&format!("f{}", codec.extension()), &written).unwrap() == bytes, "{name}");
    }
}

#[test]
fn damage_is_an_error_and_never_a_shorter_file() {
    let whole = block_of_two_chunks(lz4_flex::block::compress);
    for length in 1..whole.len() {
        assert!(unpacked("f.lz4", &whole[..length]).is_err(), "{length} bytes");
    }
    assert!(unpacked("f.snappy", &[0xff; 20]).is_err());
    for name in ["f.zst", "f.bz2", "f.gz", "f.deflate", "f.lz4", "f.snappy"] {
        assert!(unpacked(name, b"plain text of no codec\n").is_err(), "{name}");
        assert_eq!(unpacked(name, b"").ok(), Some(Vec::new()), "{name}");
    }
}
