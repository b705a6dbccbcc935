//! Finds the entries of a pane by key: one entry a key, or a bucket of entries in the order of their sub-keys.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::entries::Entries;
use super::values::Values;

/// The hash of a key without its sub-key: its high byte is the shard, the whole is the place in a map. Part of the
/// checkpoint's meaning.
#[inline]
pub fn hash_key(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// Entries by key.
#[derive(Debug)]
pub(super) enum Index {
    /// A key has one entry.
    ByKey(HashTable<u32>),
    /// A key has a bucket of them.
    ByBucket(Buckets),
}

/// Entries in the order of their sub-keys, by key.
#[derive(Debug)]
pub(super) struct Buckets {
    sub_key_bytes: usize,
    table: HashTable<u32>,
    buckets: Vec<Vec<u32>>,
    /// Places of `buckets` that are free.
    free: Vec<u32>,
    /// Bytes that the buckets hold.
    held_bytes: usize,
}

impl Index {
    /// An index of keys with sub-keys of so many bytes.
    pub(super) fn new(sub_key_bytes: usize) -> Self {
        if sub_key_bytes == 0 {
            return Self::ByKey(HashTable::new());
        }
        let buckets = Buckets { sub_key_bytes, table: HashTable::new(), buckets: vec![], free: vec![], held_bytes: 0 };
        Self::ByBucket(buckets)
    }

    /// The entry of a key with its sub-key.
    #[inline]
    pub(super) fn find<V: Values>(&self, entries: &Entries<V>, stored: &[u8], hash: u64) -> Option<u32> {
        match self {
            Self::ByKey(table) => table.find(hash, |&entry| entries.key(entry) == stored).copied(),
            Self::ByBucket(buckets) => {
                let bucket = buckets.bucket(entries, &stored[..stored.len() - buckets.sub_key_bytes], hash);
                let place = bucket.binary_search_by(|&entry| entries.key(entry).cmp(stored));
                place.ok().map(|place| bucket[place])
            }
        }
    }

    /// Adds an entry whose key is not there.
    #[inline]
    pub(super) fn insert<V: Values>(&mut self, entries: &Entries<V>, entry: u32, hash: u64) {
        match self {
            Self::ByKey(table) => {
                table.insert_unique(hash, entry, |&entry| hash_key(entries.key(entry)));
            }
            Self::ByBucket(buckets) => buckets.insert(entries, entry, hash),
        }
    }

    /// Takes an entry out.
    pub(super) fn remove<V: Values>(&mut self, entries: &Entries<V>, entry: u32) {
        let stored = entries.key(entry);
        match self {
            Self::ByKey(table) => {
                if let Ok(found) = table.find_entry(hash_key(stored), |&other| other == entry) {
                    found.remove();
                }
            }
            Self::ByBucket(buckets) => buckets.remove(entries, entry),
        }
    }

    /// The entries of a key, removed ones included; without sub-keys there is no bucket.
    pub(super) fn bucket<V: Values>(&self, entries: &Entries<V>, key: &[u8], hash: u64) -> &[u32] {
        match self {
            Self::ByKey(_) => &[],
            Self::ByBucket(buckets) => buckets.bucket(entries, key, hash),
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::ByKey(table) => table.allocation_size(),
            Self::ByBucket(buckets) => {
                let vectors = size_of::<Vec<u32>>() * buckets.buckets.capacity() + 4 * buckets.free.capacity();
                buckets.table.allocation_size() + vectors + buckets.held_bytes
            }
        }
    }
}

impl Buckets {
    /// The key of a bucket: that of any of its entries.
    fn key_of<'a, V: Values>(&self, entries: &'a Entries<V>, bucket: u32) -> &'a [u8] {
        let stored = entries.key(self.buckets[bucket as usize][0]);
        &stored[..stored.len() - self.sub_key_bytes]
    }

    fn find<V: Values>(&self, entries: &Entries<V>, key: &[u8], hash: u64) -> Option<u32> {
        self.table.find(hash, |&bucket| self.key_of(entries, bucket) == key).copied()
    }

    fn bucket<V: Values>(&self, entries: &Entries<V>, key: &[u8], hash: u64) -> &[u32] {
        self.find(entries, key, hash).map_or(&[], |bucket| &self.buckets[bucket as usize])
    }

    fn insert<V: Values>(&mut self, entries: &Entries<V>, entry: u32, hash: u64) {
        let stored = entries.key(entry);
        let key = &stored[..stored.len() - self.sub_key_bytes];
        if let Some(bucket) = self.find(entries, key, hash) {
            let bucket = &mut self.buckets[bucket as usize];
            let before = bucket.capacity();
            let place = bucket.partition_point(|&other| entries.key(other) < stored);
            bucket.insert(place, entry);
            self.held_bytes += 4 * (bucket.capacity() - before);
            return;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.buckets.push(vec![]);
            (self.buckets.len() - 1) as u32
        });
        let bucket = &mut self.buckets[number as usize];
        bucket.push(entry);
        self.held_bytes += 4 * bucket.capacity();
        let Self { buckets, sub_key_bytes, table, .. } = self;
        table.insert_unique(hash, number, |&bucket| {
            let stored = entries.key(buckets[bucket as usize][0]);
            hash_key(&stored[..stored.len() - *sub_key_bytes])
        });
    }

    fn remove<V: Values>(&mut self, entries: &Entries<V>, entry: u32) {
        let stored = entries.key(entry);
        let key = &stored[..stored.len() - self.sub_key_bytes];
        let Some(number) = self.find(entries, key, hash_key(key)) else { return };
        if self.buckets[number as usize].len() > 1 {
            let bucket = &mut self.buckets[number as usize];
            let place = bucket.partition_point(|&other| entries.key(other) < stored);
            bucket.remove(place);
            return;
        }
        // The table finds a bucket by the key of its first entry, so it is taken out there while it has one.
        if let Ok(found) = self.table.find_entry(hash_key(key), |&other| other == number) {
            found.remove();
        }
        let bucket = std::mem::take(&mut self.buckets[number as usize]);
        self.held_bytes -= 4 * bucket.capacity();
        self.free.push(number);
    }
}
