//! What the names of a session mean: views, tables of sinks, and rows that the client asked to keep. What they hold is
//! counted in the memory ledger until the name is dropped or the session ends.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use millstream_core::{BatchReader, Error, MemoryLedger, Reservation, Result, spark_error};
use millstream_sql::NamedRelation;
use parking_lot::Mutex;
use prost::Message;
use spark_connect_proto::Relation;
use uuid::Uuid;

/// The database of global temporary views.
const GLOBAL_TEMP: &str = "global_temp";

/// Views and tables by lower-case name.
pub(crate) type Views = BTreeMap<String, Arc<Named>>;

/// A relation, and its bytes in the ledger. The rows of a table count elsewhere.
#[derive(Debug)]
pub(crate) struct Named {
    relation: NamedRelation,
    _reservation: Reservation,
}

/// The name of a temporary view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ViewName<'a> {
    pub(crate) name: &'a str,
    /// Whether it lives in `global_temp`, for all sessions.
    pub(crate) global: bool,
}

/// The names of one session.
#[derive(Debug)]
pub(crate) struct SessionCatalog {
    memory: MemoryLedger,
    session: String,
    views: Mutex<Views>,
    /// The views of all sessions.
    global_views: Arc<Mutex<Views>>,
    /// Rows that the client asked to keep (`localCheckpoint`), by the id it was given.
    checkpoints: Mutex<HashMap<String, Named>>,
    /// What the client has asked to cache. Rows are read where they lie all the same.
    cached: Mutex<HashSet<String>>,
}

impl SessionCatalog {
    pub(super) fn new(memory: &MemoryLedger, session: &str, global_views: Arc<Mutex<Views>>) -> Self {
        let (views, checkpoints, cached) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { memory: memory.clone(), session: session.to_owned(), views, global_views, checkpoints, cached }
    }

    /// Makes the views of another session known here too.
    pub(super) fn share(&self, others: &Self) {
        self.views.lock().extend(others.views.lock().iter().map(|(name, view)| (name.clone(), Arc::clone(view))));
    }

    /// Names a plan. Without `replace` an existing name is an error.
    pub(crate) fn create_view(&self, name: ViewName<'_>, relation: Relation, replace: bool) -> Result<()> {
        let mut reservation = self.memory.reservation(format!("view '{}' of session {}", name.name, self.session));
        reservation.resize(relation.encoded_len())?;
        let mut views = if name.global { self.global_views.lock() } else { self.views.lock() };
        let key = name.name.to_lowercase();
        if !replace && views.contains_key(&key) {
            return Err(view_exists(name));
        }
        let relation = NamedRelation::View(Box::new(relation));
        views.insert(key, Arc::new(Named { relation, _reservation: reservation }));
        Ok(())
    }

    /// Names rows; a table of the same name is replaced.
    pub(crate) fn create_table(&self, name: &str, rows: Arc<dyn BatchReader>) {
        let _reservation = self.memory.reservation(String::new());
        let table = Named { relation: NamedRelation::Table(rows), _reservation };
        self.views.lock().insert(name.to_lowercase(), Arc::new(table));
    }

    /// Forgets a view. Says whether there was one.
    pub(crate) fn drop_view(&self, name: ViewName<'_>) -> bool {
        let mut views = if name.global { self.global_views.lock() } else { self.views.lock() };
        views.remove(&name.name.to_lowercase()).is_some()
    }

    /// The view or table of this name, its parts as written.
    pub(crate) fn relation(&self, name: &[String]) -> Option<NamedRelation> {
        let views = match name {
            [_] => self.views.lock(),
            [database, _] if database.eq_ignore_ascii_case(GLOBAL_TEMP) => self.global_views.lock(),
            _ => return None,
        };
        views.get(&name.last()?.to_lowercase()).map(|view| view.relation.clone())
    }

    pub(super) fn relation_names(&self) -> Vec<String> {
        self.views.lock().keys().cloned().collect()
    }

    /// Room for rows that are about to be kept.
    pub(crate) fn checkpoint_reservation(&self) -> Reservation {
        self.memory.reservation(format!("the rows that session {} keeps by localCheckpoint", self.session))
    }

    /// Keeps rows until [`Self::remove_checkpoint`], or as long as the session lives; the reservation is what was made
    /// for them. Answers the id to ask for them by.
    pub(crate) fn add_checkpoint(&self, rows: Relation, mut reservation: Reservation) -> Result<String> {
        reservation.resize(rows.encoded_len())?;
        let id = Uuid::new_v4().to_string();
        let relation = NamedRelation::View(Box::new(rows));
        self.checkpoints.lock().insert(id.clone(), Named { relation, _reservation: reservation });
        Ok(id)
    }

    /// Forgets the rows of a checkpoint.
    pub(crate) fn remove_checkpoint(&self, id: &str) {
        self.checkpoints.lock().remove(id);
    }

    /// Whether the client has asked to cache a table or view.
    pub(crate) fn is_cached(&self, name: &str) -> bool {
        self.cached.lock().contains(name)
    }

    /// The client asks to cache a table or view, or no more.
    pub(crate) fn set_cached(&self, name: String, cached: bool) {
        let mut names = self.cached.lock();
        if cached {
            names.insert(name);
        } else {
            names.remove(&name);
        }
    }

    /// The client asks to cache nothing any more.
    pub(crate) fn clear_cached(&self) {
        self.cached.lock().clear();
    }

    /// The rows of a checkpoint.
    pub(super) fn checkpoint(&self, id: &str) -> Option<NamedRelation> {
        self.checkpoints.lock().get(id).map(|rows| rows.relation.clone())
    }
}

fn view_exists(name: ViewName<'_>) -> Error {
    let relation = if name.global { format!("`{GLOBAL_TEMP}`.`{}`", name.name) } else { format!("`{}`", name.name) };
    spark_error!("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", relationName = relation)
}

#[cfg(test)]
mod tests;
