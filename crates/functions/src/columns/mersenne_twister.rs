//! The generator behind `uuid(seed)` and `shuffle(array, seed)`: commons-math's `MersenneTwister`.

const WORDS: usize = 624;

/// The generator MT19937 with 32 bits a word.
#[derive(Debug)]
pub(crate) struct MersenneTwister {
    words: Box<[u32; WORDS]>,
    next: usize,
}

impl MersenneTwister {
    /// Begins with the two halves of the seed, the high one first.
    pub(crate) fn new(seed: i64) -> Self {
        let halves = [(seed as u64 >> 32) as u32, seed as u32];
        let mut words = Box::new([0_u32; WORDS]);
        words[0] = 19_650_218;
        for at in 1..WORDS {
            words[at] = mixed(words[at - 1]).wrapping_mul(1_812_433_253).wrapping_add(at as u32);
        }
        let mut at = 1;
        for step in 0..WORDS {
            let half = step % 2;
            let value = words[at] ^ mixed(words[at - 1]).wrapping_mul(1_664_525);
            words[at] = value.wrapping_add(halves[half]).wrapping_add(half as u32);
            at = following(at, &mut words);
        }
        for _ in 1..WORDS {
            let value = words[at] ^ mixed(words[at - 1]).wrapping_mul(1_566_083_941);
            words[at] = value.wrapping_sub(at as u32);
            at = following(at, &mut words);
        }
        words[0] = 0x8000_0000;
        Self { words, next: WORDS }
    }

    /// The next 32 bits.
    pub(crate) fn next_word(&mut self) -> u32 {
        if self.next == WORDS {
            for at in 0..WORDS {
                let joined = (self.words[at] & 0x8000_0000) | (self.words[(at + 1) % WORDS] & 0x7fff_ffff);
                let twisted = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
                self.words[at] = self.words[(at + 397) % WORDS] ^ (joined >> 1) ^ twisted;
            }
            self.next = 0;
        }
        let mut word = self.words[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// A number below a bound, as commons-math draws it (`BitsStreamGenerator.nextInt`).
    pub(crate) fn below(&mut self, bound: i32) -> i32 {
        if bound & bound.wrapping_neg() == bound {
            return ((i64::from(bound) * i64::from(self.next_word() >> 1)) >> 31) as i32;
        }
        loop {
            let bits = (self.next_word() >> 1) as i32;
            let value = bits % bound;
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
        }
    }
}

fn mixed(word: u32) -> u32 {
    word ^ (word >> 30)
}

/// The place behind this one; the first word is a copy of the last and never filled itself.
fn following(at: usize, words: &mut [u32; WORDS]) -> usize {
    if at + 1 < WORDS {
        return at + 1;
    }
    words[0] = words[WORDS - 1];
    1
}
