//! An allocator for test binaries that counts what each thread holds, so that a test can say how much a computation
//! took. A binary makes it its `#[global_allocator]`; a computation that is to be measured runs on one thread.

#![expect(unsafe_code, reason = "an allocator is unsafe to implement; this one hands everything to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Bytes that one thread may hold. Who asks for more is out of memory, which ends the test's process and not others.
const HELD_BYTES_MAX: isize = 4 << 30;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, counted by thread.
#[derive(Debug)]
pub struct CountingAllocator;

/// Runs `computation` and answers its result, and how many bytes more than before the thread held at the most.
pub fn most_bytes_held<T>(computation: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let result = computation();
    (result, (MOST.get() - before).unsigned_abs())
}

/// Whether the thread may hold `bytes` more.
fn fits(bytes: usize) -> bool {
    isize::try_from(bytes).is_ok_and(|bytes| HELD.get().saturating_add(bytes) <= HELD_BYTES_MAX)
}

/// Sizes of allocations fit into an `isize`, as Rust demands of them.
fn count(more: usize, fewer: usize) {
    let held = HELD.get().wrapping_add_unsigned(more).wrapping_sub_unsigned(fewer);
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

// SAFETY: each call is handed to the system's allocator with the caller's own layout and pointer, or answered with
// null, which is how an allocator says that there is no memory. Counting allocates nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !fits(layout.size()) {
            return std::ptr::null_mut();
        }
        count(layout.size(), 0);
        // SAFETY: the caller's promise about `layout` is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !fits(layout.size()) {
            return std::ptr::null_mut();
        }
        count(layout.size(), 0);
        // SAFETY: the caller's promise about `layout` is the one that is asked for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: every pointer comes from the system's allocator, with the layout that the caller gives.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if !fits(new_size.saturating_sub(layout.size())) {
            return std::ptr::null_mut();
        }
        count(new_size, layout.size());
        // SAFETY: every pointer comes from the system's allocator, with the layout that the caller gives.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}
