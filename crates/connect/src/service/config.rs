//! `Config`: reading and changing a session's configuration.

use millstream_core::{Error, Result};
use spark_connect_proto::config_request::operation::OpType;
use spark_connect_proto::{ConfigRequest, ConfigResponse, KeyValue};
use tonic::Status;

use super::{SessionRequest, bare};
use crate::error::handle::not_set;
use crate::session::conf::Conf;
use crate::session::manager::SessionManager;

pub(crate) fn config(sessions: &SessionManager, request: ConfigRequest) -> Result<ConfigResponse, Status> {
    let session = sessions.get_or_create(request.session_ref()).map_err(bare)?;
    let operation = request.operation.and_then(|operation| operation.op_type);
    let answer = match operation {
        Some(operation) => apply(&mut session.conf().lock(), operation),
        None => Err(not_set("spark.connect.ConfigRequest.Operation", "OPTYPE_NOT_SET")),
    };
    let pairs = answer.map_err(|error| session.status(error))?;
    Ok(ConfigResponse {
        session_id: request.session_id,
        server_side_session_id: session.server_side_id().to_owned(),
        pairs,
        warnings: vec![],
    })
}

fn apply(conf: &mut Conf, operation: OpType) -> Result<Vec<KeyValue>> {
    match operation {
        OpType::Set(set) => {
            let silent = set.silent.unwrap_or(false);
            for pair in set.pairs {
                let result = match pair.value {
                    Some(value) => conf.set(&pair.key, &value),
                    None => Err(Error::illegal_argument(format!(
                        "requirement failed: value cannot be null for key: {}",
                        pair.key
                    ))),
                };
                // A builder's `.config(…)` may hold settings of a cluster, which mean nothing here.
                if let Err(error) = result
                    && (!silent || error.class() == Some("UNABLE_TO_ACQUIRE_MEMORY"))
                {
                    return Err(error);
                }
            }
            Ok(vec![])
        }
        OpType::Get(get) => get.keys.into_iter().map(|key| conf.get(&key).map(|value| pair(key, value))).collect(),
        OpType::GetWithDefault(get) => {
            let asked = get.pairs.into_iter();
            asked.map(|asked| conf.get_or(&asked.key, asked.value).map(|value| pair(asked.key, value))).collect()
        }
        OpType::GetOption(get) => Ok(get
            .keys
            .into_iter()
            .map(|key| {
                let value = conf.find(&key);
                pair(key, value)
            })
            .collect()),
        OpType::GetAll(get) => {
            let all = conf.all(get.prefix.as_deref());
            Ok(all.into_iter().map(|(key, value)| pair(key, Some(value))).collect())
        }
        OpType::Unset(unset) => {
            for key in unset.keys {
                conf.unset(&key)?;
            }
            Ok(vec![])
        }
        OpType::IsModifiable(asked) => Ok(asked
            .keys
            .into_iter()
            .map(|key| {
                let answer = Conf::is_modifiable(&key).to_string();
                pair(key, Some(answer))
            })
            .collect()),
    }
}

fn pair(key: String, value: Option<String>) -> KeyValue {
    KeyValue { key, value }
}
