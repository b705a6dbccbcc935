//! Takes the rows of a batch into the sessions of their keys, merges those that meet, and gives the sessions that the
//! output mode asks for.
//!
//! A row comes with a session of its own, from its event time to the end of its gap. Two sessions of a key that overlap
//! or touch are one, so a row lengthens a session, begins one, or makes one of several:
//!
//! ```text
//! state   [=====)        [====)
//! row           [=========)            touches both
//! state   [===================)        the second is removed
//! ```
//!
//! The sessions of a key are a bucket in the order of their starts. They and the rows are walked together in the order
//! of time, and each is taken in where it stands: so functions that ask for an order, such as `first`, see one.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use datafusion::error::Result;
use datafusion::physical_plan::{ExecutionPlan, PlanProperties};
use futures::Stream;
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{Clock, Error, OutputMode};

use super::OperatorContext;
use super::gathering::{self, Gathering, Given, Taken};
use super::stateful_aggregate_exec::AggregateColumns;
use super::unary::{BatchInput, Operator};
use crate::batch_context::BatchContext;
use crate::state::{
    Argument, Assignment, BatchNumber, Bucket, Entries, KeyedState, Sessions, StateStore, StatefulOperator,
    UpdateScratch, Values, session_columns,
};

/// A streaming aggregation by session (Spark: `SessionWindowStateStoreRestoreExec`, `MergingSessionsExec` and
/// `SessionWindowStateStoreSaveExec`).
#[derive(Debug)]
pub(crate) struct SessionWindowAggregation {
    id: usize,
    columns: AggregateColumns,
    /// The key that is the session.
    session: usize,
    output_mode: OutputMode,
    schema: SchemaRef,
    sessions: Arc<KeyedState<Sessions>>,
    stores: [Arc<dyn StateStore>; 1],
    clock: Arc<dyn Clock>,
    /// `spark.sql.shuffle.partitions`, which only the progress shows.
    shuffle_partitions: i64,
}

/// The own sessions of rows, and the arguments of each function.
struct SessionRows<'a> {
    starts_us: &'a [i64],
    ends_us: &'a [i64],
    arguments: Vec<Argument>,
}

/// A session that is in the state.
#[derive(Debug, Clone, Copy)]
struct Session {
    entry: u32,
    start_us: i64,
    end_us: i64,
}

/// The session of a key that the walk has reached.
#[derive(Debug)]
struct Current {
    start_us: i64,
    end_us: i64,
    /// It is in the state.
    is_stored: bool,
    /// Rows that were not taken in yet.
    rows: Vec<u32>,
}

/// Walks over the sessions and the new rows of one key.
struct Merge<'a, 'b> {
    bucket: &'a mut Bucket<'b, Sessions>,
    layout: &'a <Sessions as Values>::Layout,
    rows: &'a SessionRows<'a>,
    current: Option<Current>,
    /// Sessions that came, less those that went.
    balance: isize,
    /// Sessions that went and are older than the batch.
    removed: usize,
}

impl SessionWindowAggregation {
    /// The operator with this number over its sessions. The key `session` of the columns is the session.
    pub(crate) fn new(
        id: usize,
        (columns, session): (AggregateColumns, usize),
        schema: SchemaRef,
        sessions: KeyedState<Sessions>,
        context: &OperatorContext,
    ) -> Self {
        let sessions = Arc::new(sessions);
        let stores = [Arc::<KeyedState<Sessions>>::clone(&sessions) as Arc<dyn StateStore>];
        let (clock, shuffle_partitions, output_mode) =
            (Arc::clone(&context.clock), context.shuffle_partitions, context.output_mode);
        Self { id, columns, session, output_mode, schema, sessions, stores, clock, shuffle_partitions }
    }

    /// The key columns without the session.
    fn key_columns(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        let keys = rows.columns()[..self.columns.keys].iter().enumerate();
        keys.filter(|(column, _)| *column != self.session).map(|(_, keys)| Arc::clone(keys)).collect()
    }

    /// A row is late whose own session ends by then (µs), whatever session of the state it would belong to. As in
    /// Spark, and other than with windows, that is so in complete mode too.
    fn late_us(&self, batch: &BatchContext) -> Option<i64> {
        let late_ms = batch.watermarks(self.id).late_ms.filter(|_| self.columns.event_time_key.is_some());
        late_ms.map(|late_ms| late_ms.saturating_mul(1000))
    }

    /// Merges rows of one key into its sessions; the rows are in the order of their sessions.
    fn merge(
        &self,
        bucket: &mut Bucket<'_, Sessions>,
        of_key: &[u32],
        rows: &SessionRows<'_>,
    ) -> millstream_core::Result<()> {
        let was_counted = bucket.is_changed();
        let sessions = stored_sessions(bucket);
        let before = sessions.len() as isize;
        let layout = self.sessions.layout().values();
        let mut merge = Merge { bucket, layout, rows, current: None, balance: 0, removed: 0 };
        let mut sessions = sessions.into_iter().peekable();
        for &row in of_key {
            while let Some(session) = sessions.next_if(|session| session.start_us <= rows.starts_us[row as usize]) {
                merge.take_session(session)?;
            }
            merge.take_row(row)?;
        }
        // What follows the last row may still touch it.
        while let Some(session) = sessions.next_if(|session| merge.reaches(session.start_us)) {
            merge.take_session(session)?;
        }
        merge.end_current()?;
        let (after, removed) = (before + merge.balance, merge.removed);
        // As Spark counts: all sessions of a key that the batch has rows of are updated, once.
        self.sessions.add_updated(after - if was_counted { before } else { 0 });
        self.sessions.add_removed(removed);
        Ok(())
    }
}

/// The sessions of a key in the order of their starts.
fn stored_sessions(bucket: &Bucket<'_, Sessions>) -> Vec<Session> {
    let session = |entry| Session {
        entry,
        start_us: Sessions::start_us(bucket.sub_key(entry)),
        end_us: bucket.values().session_end_us(entry),
    };
    bucket.entries().map(session).collect()
}

/// The number of runs of equal items.
fn count_of_runs<T: PartialEq>(items: impl Iterator<Item = T>) -> usize {
    let (mut runs, mut last) = (0, None);
    for item in items {
        runs += usize::from(last.as_ref() != Some(&item));
        last = Some(item);
    }
    runs
}

impl Merge<'_, '_> {
    /// What begins then (µs) belongs to the current session.
    fn reaches(&self, start_us: i64) -> bool {
        self.current.as_ref().is_some_and(|current| start_us <= current.end_us)
    }

    fn take_session(&mut self, session: Session) -> millstream_core::Result<()> {
        if !self.reaches(session.start_us) {
            self.end_current()?;
            let Session { start_us, end_us, .. } = session;
            self.current = Some(Current { start_us, end_us, is_stored: true, rows: vec![] });
            return Ok(());
        }
        // Rows that came before it are taken in before it.
        self.take_in_rows()?;
        let mut copy = Sessions::new(self.layout);
        copy.push_from(self.bucket.values(), session.entry);
        self.removed += usize::from(self.bucket.is_older(session.entry));
        self.bucket.remove(session.entry)?;
        self.balance -= 1;
        let Some(current) = &mut self.current else { return Ok(()) };
        let end_us = current.end_us.max(session.end_us);
        current.end_us = end_us;
        self.bucket.upsert(&Sessions::sub_key(current.start_us), |sessions, entry| {
            sessions.set_end(entry, end_us);
            sessions.merge(entry, &copy, 0)
        })?;
        Ok(())
    }

    fn take_row(&mut self, row: u32) -> millstream_core::Result<()> {
        let (start_us, end_us) = (self.rows.starts_us[row as usize], self.rows.ends_us[row as usize]);
        if !self.reaches(start_us) {
            self.end_current()?;
        }
        let new = || Current { start_us, end_us, is_stored: false, rows: vec![] };
        let current = self.current.get_or_insert_with(new);
        current.end_us = current.end_us.max(end_us);
        current.rows.push(row);
        Ok(())
    }

    /// Takes the rows of the current session into the state.
    fn take_in_rows(&mut self) -> millstream_core::Result<()> {
        let Some(current) = self.current.as_mut().filter(|current| !current.rows.is_empty()) else { return Ok(()) };
        let rows = std::mem::take(&mut current.rows);
        let end_us = current.end_us;
        self.bucket.upsert(&Sessions::sub_key(current.start_us), |sessions, entry| {
            sessions.set_end(entry, end_us);
            let entries = vec![entry; rows.len()];
            sessions.update(&self.rows.arguments, Assignment { rows: &rows, entries: &entries })
        })?;
        if !std::mem::replace(&mut current.is_stored, true) {
            self.balance += 1;
        }
        Ok(())
    }

    fn end_current(&mut self) -> millstream_core::Result<()> {
        self.take_in_rows()?;
        self.current = None;
        Ok(())
    }
}

impl<'a> SessionRows<'a> {
    fn try_new(rows: &'a RecordBatch, session: usize, arguments: Vec<Argument>) -> millstream_core::Result<Self> {
        let sessions = rows.column(session).as_struct();
        let bound = |name: &str| {
            let times = sessions.column_by_name(name);
            let times = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
            let times = times.ok_or_else(|| Error::internal(format!("a session window has no {name}")))?;
            if times.null_count() + sessions.null_count() > 0 {
                return Err(Error::data("a session window to group by is NULL"));
            }
            Ok(&times.values()[..])
        };
        Ok(Self { starts_us: bound("start")?, ends_us: bound("end")?, arguments })
    }
}

impl Gathering for SessionWindowAggregation {
    type Values = Sessions;
    type Number = BatchNumber;

    fn state(&self) -> &KeyedState<Sessions> {
        &self.sessions
    }

    fn eviction_us(&self, batch: &BatchContext) -> Option<i64> {
        batch.watermarks(self.id).eviction_us()
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn begin_batch(&self) -> BatchNumber {
        self.sessions.begin_batch()
    }

    fn take_rows(
        &self,
        rows: RecordBatch,
        batch: &BatchContext,
        &number: &BatchNumber,
        scratch: &mut UpdateScratch,
    ) -> millstream_core::Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let session_rows = SessionRows::try_new(&rows, self.session, self.columns.arguments(&rows)?)?;
        let late_us = self.late_us(batch);
        let keys = self.sessions.layout().codec().encode(&self.key_columns(&rows), rows.num_rows())?;
        let session = |row: u32| (session_rows.starts_us[row as usize], session_rows.ends_us[row as usize]);
        let key = |row: u32| keys.key(row as usize);
        let mut ordered = Vec::new();
        for (shard, of_shard) in scratch.by_shard(&keys) {
            ordered.clear();
            ordered.extend_from_slice(of_shard);
            // Stable: of rows with one session, the first to come is the first.
            ordered.sort_by(|&a, &b| key(a).cmp(key(b)).then_with(|| session(a).cmp(&session(b))));
            if let Some(late_us) = late_us {
                let is_late = |row: u32| session(row).1 <= late_us;
                // Each session is counted once, as in Spark, where the rows of one meet before they are looked at.
                let late = ordered.iter().filter(|&&row| is_late(row)).map(|&row| (key(row), session(row)));
                self.sessions.add_dropped(count_of_runs(late));
                ordered.retain(|&row| !is_late(row));
            }
            let mut shard = self.sessions.lock(number, shard)?;
            for of_key in ordered.chunk_by(|&a, &b| key(a) == key(b)) {
                shard.with_bucket(key(of_key[0]), |bucket| self.merge(bucket, of_key, &session_rows))?;
            }
        }
        self.sessions.settle()
    }

    fn finish_shard(
        &self,
        shard: usize,
        watermark_us: Option<i64>,
        &number: &BatchNumber,
        given: &mut Given<Sessions>,
    ) -> millstream_core::Result<()> {
        let Given { new, old } = given;
        let mut give = |sessions: &Entries<Sessions>, session| new.push_from(sessions, session);
        if self.output_mode == OutputMode::Complete && !self.columns.gives_changes {
            return self.sessions.lock(number, shard)?.for_each(give);
        }
        let Some(mut shard) = self.sessions.lock_due(number, shard, watermark_us)? else { return Ok(()) };
        if self.columns.gives_changes {
            // A session that was merged into another is among the old ones alone.
            shard.for_each_old(|key, values, place| old.push_value(key, values, place))?;
            shard.for_each_changed(&mut give)?;
        }
        // In complete mode nothing expires.
        let Some(watermark_us) = watermark_us.filter(|_| self.output_mode != OutputMode::Complete) else {
            return Ok(());
        };
        shard.expire(watermark_us)?;
        if self.output_mode == OutputMode::Append { shard.for_each_expired(give) } else { Ok(()) }
    }

    fn gives_changes(&self) -> bool {
        self.columns.gives_changes
    }

    fn columns(&self, sessions: &Entries<Sessions>) -> millstream_core::Result<Vec<ArrayRef>> {
        let columns = session_columns(sessions, self.sessions.layout())?;
        let DataType::Struct(bounds) = self.schema.field(self.session).data_type() else {
            return Err(Error::internal("a session window is no struct"));
        };
        let zone = match bounds[0].data_type() {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        };
        let times: Vec<ArrayRef> = vec![
            Arc::new(columns.starts.with_timezone_opt(zone.clone())),
            Arc::new(columns.ends.with_timezone_opt(zone)),
        ];
        let mut all = columns.keys;
        all.insert(self.session, Arc::new(StructArray::try_new(bounds.clone(), times, None)?));
        all.extend(columns.results);
        Ok(all)
    }
}

impl StatefulOperator for SessionWindowAggregation {
    fn id(&self) -> usize {
        self.id
    }

    fn stores(&self) -> &[Arc<dyn StateStore>] {
        &self.stores
    }

    fn progress(&self) -> StateOperatorProgress {
        self.sessions.figures().progress("sessionWindowStateStoreSaveExec", self.shuffle_partitions)
    }

    fn follows_watermark(&self) -> bool {
        self.output_mode != OutputMode::Complete
    }
}

impl Operator for SessionWindowAggregation {
    const NAME: &'static str = "SessionWindowAggregateExec";
    const KEEPS_ORDER: bool = false;
    type Batch = Taken<BatchNumber>;

    fn describe(&self, _input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mode={}, session={}, {}", self.output_mode, self.session, self.columns)
    }

    fn properties(&self, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        gathering::properties(&self.schema, input)
    }

    fn begin(self: &Arc<Self>, input: &BatchInput<'_>) -> Result<Taken<BatchNumber>> {
        gathering::first_half(self, input)
    }

    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        taken: Taken<BatchNumber>,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        gathering::second_half(self, partition, input, taken)
    }
}
