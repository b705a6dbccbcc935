//! Where checkpoints lie, by their location: folders of this machine, or buckets of an object store.
//!
//! [`ObjectStoreDisk`] is a [`millstream_core::Disk`] over any `object_store` with conditional writes;
//! [`CheckpointDisks`] picks the disk for a path and opens buckets of S3 when they are first named. Sources and sinks
//! are not concerned: they are of another kind, and only share the crate because it is the one that speaks to other
//! systems.
//!
//! ```text
//! <path>                             a file that is replaced as a whole
//! <path>/chunk-<start>               a file that grows: an object an append, named by its first byte
//! <path>/merged-<start>-<end>        many chunks as one, which are then removed
//! ```
//!
//! [`objects`] is what we ask of a store, [`growing_file`] the files that grow, [`lease`] the lock, [`error`] what to
//! do about errors, [`s3`] how a bucket is opened, [`scratch`] the local folder for files of no worth.

mod error;
mod growing_file;
mod lease;
mod locations;
mod object_store_disk;
mod objects;
mod s3;
mod scratch;

pub use locations::CheckpointDisks;
pub use object_store_disk::ObjectStoreDisk;
pub use s3::S3Settings;

#[cfg(test)]
mod tests;
