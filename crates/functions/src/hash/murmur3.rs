//! Murmur3 with 32 bits, as Spark's `Murmur3Hash`: bytes beyond the last whole word are hashed one by one, each as an
//! int.

use super::Hasher;

pub(super) struct Murmur3;

fn mix(hash: i32, word: i32) -> i32 {
    let word = word.wrapping_mul(0xcc9e_2d51_u32 as i32).rotate_left(15).wrapping_mul(0x1b87_3593);
    (hash ^ word).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64_u32 as i32)
}

fn finish(hash: i32, length: usize) -> i32 {
    let mut hash = (hash ^ length as i32) as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    (hash ^ (hash >> 16)) as i32
}

impl Hasher for Murmur3 {
    type Hash = i32;

    fn int(value: i32, seed: i32) -> i32 {
        finish(mix(seed, value), 4)
    }

    fn long(value: i64, seed: i32) -> i32 {
        finish(mix(mix(seed, value as i32), (value >> 32) as i32), 8)
    }

    fn bytes(value: &[u8], seed: i32) -> i32 {
        let (words, rest) = value.as_chunks::<4>();
        let hash = words.iter().fold(seed, |hash, word| mix(hash, i32::from_le_bytes(*word)));
        let hash = rest.iter().fold(hash, |hash, &byte| mix(hash, i32::from(byte as i8)));
        finish(hash, value.len())
    }
}
