//! A mark on some of many entries.

/// Marks on entries. They hold no memory while nothing is marked, and reach no further than the last marked entry.
#[derive(Debug, Default)]
pub(super) struct Marks {
    marks: Vec<bool>,
    count: usize,
}

impl Marks {
    /// Whether an entry is marked.
    #[inline]
    pub(super) fn has(&self, entry: u32) -> bool {
        self.marks.get(entry as usize).copied().unwrap_or(false)
    }

    /// Sets or takes away the mark of an entry, and gives what it was.
    #[inline]
    pub(super) fn replace(&mut self, entry: u32, is_marked: bool) -> bool {
        let entry = entry as usize;
        if self.marks.len() <= entry {
            if !is_marked {
                return false;
            }
            self.marks.resize(entry + 1, false);
        }
        let was_marked = std::mem::replace(&mut self.marks[entry], is_marked);
        self.count = self.count + usize::from(is_marked) - usize::from(was_marked);
        was_marked
    }

    /// Entries that are marked.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Forgets all marks.
    pub(super) fn clear(&mut self) {
        self.marks.clear();
        self.count = 0;
    }

    /// Forgets the marks from this entry on.
    pub(super) fn truncate(&mut self, entries: usize) {
        let forgotten = self.marks.iter().skip(entries).filter(|&&mark| mark).count();
        self.count -= forgotten;
        self.marks.truncate(entries);
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.marks.capacity()
    }
}
