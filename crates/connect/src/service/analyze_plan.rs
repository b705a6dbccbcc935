//! `AnalyzePlan`: questions about a plan that need no rows.

use std::hash::{DefaultHasher, Hash, Hasher};

use millstream_core::Result;
use millstream_sql::{parser, schema_to_proto};
use prost::Message;
use spark_connect_proto::analyze_plan_request::Analyze;
use spark_connect_proto::analyze_plan_request::explain::ExplainMode;
use spark_connect_proto::analyze_plan_response::{
    DdlParse, Explain, GetStorageLevel, InputFiles, IsLocal, IsStreaming, JsonToDdl, Persist, Result as Answer,
    SameSemantics, Schema, SemanticHash, SparkVersion, TreeString, Unpersist,
};
use spark_connect_proto::plan::OpType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{AnalyzePlanRequest, AnalyzePlanResponse, Plan, Relation, StorageLevel};
use tonic::Status;

use super::{SessionRequest, bare, query_plan};
use crate::SPARK_VERSION;
use crate::error::handle::{compressed_plan, not_set, relation_not_set};
use crate::session::Computation;
use crate::session::manager::SessionManager;

/// What `persist()` without arguments means.
const MEMORY_AND_DISK: StorageLevel =
    StorageLevel { use_disk: true, use_memory: true, use_off_heap: false, deserialized: true, replication: 1 };

pub(crate) async fn analyze_plan(
    sessions: &SessionManager,
    request: AnalyzePlanRequest,
) -> Result<AnalyzePlanResponse, Status> {
    let session = sessions.get_or_create(request.session_ref()).map_err(bare)?;
    let result = match request.analyze {
        Some(question) => session.compute(|session| async move { Box::pin(answer(&session, question)).await }).await,
        None => Err(not_set("spark.connect.AnalyzePlanRequest", "ANALYZE_NOT_SET")),
    };
    let result = result.map_err(|error| session.status(error))?;
    Ok(AnalyzePlanResponse {
        session_id: request.session_id,
        server_side_session_id: session.server_side_id().to_owned(),
        result: Some(result),
    })
}

async fn answer(session: &Computation, question: Analyze) -> Result<Answer> {
    Ok(match question {
        Analyze::SparkVersion(_) => Answer::SparkVersion(SparkVersion { version: SPARK_VERSION.to_owned() }),
        Analyze::Schema(asked) => {
            let analyzed = query_plan::analyze(session, &root(asked.plan)?).await?;
            Answer::Schema(Schema { schema: Some(schema_to_proto(&analyzed.schema)) })
        }
        Analyze::TreeString(asked) => {
            let analyzed = query_plan::analyze(session, &root(asked.plan)?).await?;
            let level = asked.level.and_then(|level| usize::try_from(level).ok());
            let tree_string = parser::tree_string(&schema_to_proto(&analyzed.schema), level);
            Answer::TreeString(TreeString { tree_string })
        }
        Analyze::Explain(asked) => {
            let extended =
                matches!(asked.explain_mode(), ExplainMode::Extended | ExplainMode::Codegen | ExplainMode::Cost);
            let explain_string = explain(session, &root(asked.plan)?, extended).await?;
            Answer::Explain(Explain { explain_string })
        }
        Analyze::IsStreaming(asked) => {
            let is_streaming = query_plan::analyze(session, &root(asked.plan)?).await?.is_streaming;
            Answer::IsStreaming(IsStreaming { is_streaming })
        }
        Analyze::IsLocal(asked) => Answer::IsLocal(IsLocal { is_local: is_local(&root(asked.plan)?) }),
        Analyze::InputFiles(asked) => {
            query_plan::analyze(session, &root(asked.plan)?).await?;
            Answer::InputFiles(InputFiles { files: vec![] })
        }
        Analyze::DdlParse(asked) => {
            Answer::DdlParse(DdlParse { parsed: Some(parser::parse_schema(&asked.ddl_string)?) })
        }
        Analyze::JsonToDdl(asked) => {
            let ddl_string = parser::to_ddl(&parser::parse_schema(&asked.json_string)?);
            Answer::JsonToDdl(JsonToDdl { ddl_string })
        }
        Analyze::SameSemantics(asked) => {
            let result = semantics(root(asked.target_plan)?) == semantics(root(asked.other_plan)?);
            Answer::SameSemantics(SameSemantics { result })
        }
        Analyze::SemanticHash(asked) => {
            let bytes = semantics(root(asked.plan)?).to_le_bytes();
            let result = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            Answer::SemanticHash(SemanticHash { result })
        }
        Analyze::Persist(asked) => {
            let relation = required(asked.relation)?;
            session.persist(semantics(relation), asked.storage_level.unwrap_or(MEMORY_AND_DISK));
            Answer::Persist(Persist {})
        }
        Analyze::Unpersist(asked) => {
            session.unpersist(semantics(required(asked.relation)?));
            Answer::Unpersist(Unpersist {})
        }
        Analyze::GetStorageLevel(asked) => {
            let level = session.storage_level(semantics(required(asked.relation)?));
            let storage_level = Some(level.unwrap_or(StorageLevel { replication: 1, ..StorageLevel::default() }));
            Answer::GetStorageLevel(GetStorageLevel { storage_level })
        }
    })
}

/// The plan as text, under Spark's headings.
pub(super) async fn explain(session: &Computation, relation: &Relation, extended: bool) -> Result<String> {
    let analyzed = query_plan::analyze(session, relation).await?;
    let plan = analyzed.plan.display_indent();
    if !extended {
        return Ok(format!("== Physical Plan ==\n{plan}\n"));
    }
    let columns = parser::to_ddl(&schema_to_proto(&analyzed.schema));
    Ok(format!("== Analyzed Logical Plan ==\n{columns}\n{plan}\n\n== Physical Plan ==\n{plan}\n"))
}

fn root(plan: Option<Plan>) -> Result<Relation> {
    match plan.and_then(|plan| plan.op_type) {
        Some(OpType::Root(relation)) => Ok(relation),
        Some(OpType::CompressedOperation(_)) => Err(compressed_plan()),
        Some(OpType::Command(_)) | None => Err(not_set("spark.connect.Plan", "OPTYPE_NOT_SET")),
    }
}

fn required(relation: Option<Relation>) -> Result<Relation> {
    relation.ok_or_else(relation_not_set)
}

fn is_local(relation: &Relation) -> bool {
    match &relation.rel_type {
        Some(RelType::LocalRelation(_)) => true,
        Some(RelType::ToDf(renamed)) => renamed.input.as_deref().is_some_and(is_local),
        _ => false,
    }
}

/// Equal for plans that say the same in the same words. Plans that mean the same in other words differ, which is safe:
/// callers use it to find work they did before.
fn semantics(mut relation: Relation) -> u64 {
    relation.common = None;
    let mut hasher = DefaultHasher::new();
    relation.encode_to_vec().hash(&mut hasher);
    hasher.finish()
}
