use spark_connect_proto::relation::RelType;
use spark_connect_proto::{LocalRelation, Sql};

use super::*;

fn catalog(memory: &MemoryLedger, global_views: &Arc<Mutex<Views>>) -> SessionCatalog {
    SessionCatalog::new(memory, "s1", Arc::clone(global_views))
}

fn query(text: &str) -> Relation {
    let sql = Sql { query: text.to_owned(), ..Sql::default() };
    Relation { common: None, rel_type: Some(RelType::Sql(sql)) }
}

fn view(name: &str) -> ViewName<'_> {
    ViewName { name, global: false }
}

#[test]
fn views_are_counted_until_they_are_dropped() {
    let (memory, global_views) = (MemoryLedger::new(1000), Arc::default());
    let catalog = catalog(&memory, &global_views);
    catalog.create_view(view("V"), query("SELECT 1"), false).unwrap();
    let used = memory.used_bytes();
    assert!(used > 0);
    catalog.create_view(view("v"), query("SELECT 2"), true).unwrap();
    assert_eq!(memory.used_bytes(), used, "what was replaced is gone");
    let exists = catalog.create_view(view("v"), query("SELECT 3"), false).unwrap_err();
    assert_eq!(exists.class(), Some("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS"));
    let error = catalog.create_view(view("large"), query(&"x".repeat(2000)), false).unwrap_err();
    assert_eq!(error.class(), Some("UNABLE_TO_ACQUIRE_MEMORY"));
    assert!(error.message().starts_with("view 'large' of session s1 needs"), "{error}");
    assert!(catalog.drop_view(view("v")));
    assert_eq!(memory.used_bytes(), 0);
}

/// A global view outlives the session that made it.
#[test]
fn what_a_session_holds_goes_with_it() {
    let (memory, global_views) = (MemoryLedger::new(1000), Arc::default());
    let first = catalog(&memory, &global_views);
    first.create_view(ViewName { name: "g", global: true }, query("SELECT 1"), false).unwrap();
    let global = memory.used_bytes();
    first.create_view(view("v"), query("SELECT 1"), false).unwrap();
    let rows = LocalRelation { data: Some(vec![0; 100].into()), schema: None };
    let rows = Relation { common: None, rel_type: Some(RelType::LocalRelation(rows)) };
    let id = first.add_checkpoint(rows, first.checkpoint_reservation()).unwrap();
    assert!(first.checkpoint(&id).is_some() && memory.used_bytes() > global + 100);
    drop(first);
    assert_eq!(memory.used_bytes(), global);
    let name = ["global_temp".to_owned(), "G".to_owned()];
    assert!(catalog(&memory, &global_views).relation(&name).is_some());
}
