//! Rows as a relation: of a command's answer, which the client sends back when it wants them, and of a checkpoint.

use arrow::array::RecordBatch;
use arrow::ipc::writer::StreamWriter;
use millstream_core::Result;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{LocalRelation, Relation};

/// These rows as a relation.
pub(crate) fn local_relation(rows: &RecordBatch) -> Result<Relation> {
    let mut data = Vec::new();
    let mut writer = StreamWriter::try_new(&mut data, &rows.schema())?;
    writer.write(rows)?;
    writer.finish()?;
    drop(writer);
    let local = LocalRelation { data: Some(data.into()), schema: None };
    Ok(Relation { common: None, rel_type: Some(RelType::LocalRelation(local)) })
}
