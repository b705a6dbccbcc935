//! xxHash with 64 bits.

use super::Hasher;

pub(super) struct XxHash64;

const PRIME_1: u64 = 0x9e37_79b1_85eb_ca87;
const PRIME_2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const PRIME_3: u64 = 0x1656_67b1_9e37_79f9;
const PRIME_4: u64 = 0x85eb_ca77_c2b2_ae63;
const PRIME_5: u64 = 0x27d4_eb2f_1656_67c5;

fn avalanche(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(PRIME_2);
    let hash = (hash ^ (hash >> 29)).wrapping_mul(PRIME_3);
    hash ^ (hash >> 32)
}

fn round(lane: u64, word: u64) -> u64 {
    lane.wrapping_add(word.wrapping_mul(PRIME_2)).rotate_left(31).wrapping_mul(PRIME_1)
}

fn mix_long(hash: u64, word: u64) -> u64 {
    (hash ^ round(0, word)).rotate_left(27).wrapping_mul(PRIME_1).wrapping_add(PRIME_4)
}

fn mix_int(hash: u64, word: u32) -> u64 {
    let hash = hash ^ u64::from(word).wrapping_mul(PRIME_1);
    hash.rotate_left(23).wrapping_mul(PRIME_2).wrapping_add(PRIME_3)
}

fn mix_byte(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte).wrapping_mul(PRIME_5)).rotate_left(11).wrapping_mul(PRIME_1)
}

/// The hash of all whole stripes of 32 bytes.
fn stripes(value: &[[u8; 32]], seed: u64) -> u64 {
    let mut lanes = [
        seed.wrapping_add(PRIME_1).wrapping_add(PRIME_2),
        seed.wrapping_add(PRIME_2),
        seed,
        seed.wrapping_sub(PRIME_1),
    ];
    for stripe in value {
        let (words, _) = stripe.as_chunks::<8>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = round(*lane, u64::from_le_bytes(*word));
        }
    }
    let turned = lanes.iter().zip([1, 7, 12, 18]).map(|(lane, by)| lane.rotate_left(by));
    let hash = turned.fold(0_u64, u64::wrapping_add);
    lanes.iter().fold(hash, |hash, lane| (hash ^ round(0, *lane)).wrapping_mul(PRIME_1).wrapping_add(PRIME_4))
}

impl Hasher for XxHash64 {
    type Hash = u64;

    fn int(value: i32, seed: u64) -> u64 {
        avalanche(mix_int(seed.wrapping_add(PRIME_5).wrapping_add(4), value as u32))
    }

    fn long(value: i64, seed: u64) -> u64 {
        avalanche(mix_long(seed.wrapping_add(PRIME_5).wrapping_add(8), value as u64))
    }

    fn bytes(value: &[u8], seed: u64) -> u64 {
        let (whole, rest) = value.as_chunks::<32>();
        let hash = if whole.is_empty() { seed.wrapping_add(PRIME_5) } else { stripes(whole, seed) };
        let hash = hash.wrapping_add(value.len() as u64);
        let (longs, rest) = rest.as_chunks::<8>();
        let hash = longs.iter().fold(hash, |hash, word| mix_long(hash, u64::from_le_bytes(*word)));
        let (ints, rest) = rest.as_chunks::<4>();
        let hash = ints.iter().fold(hash, |hash, word| mix_int(hash, u32::from_le_bytes(*word)));
        avalanche(rest.iter().fold(hash, |hash, &byte| mix_byte(hash, byte)))
    }
}
