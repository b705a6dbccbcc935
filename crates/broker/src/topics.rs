//! Which topics there are.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use parking_lot::RwLock;
use uuid::Uuid;

use crate::journal::{Entry, Journal, Snapshot};
use crate::log::{Log, MemoryLimit, Place};
use crate::partition::Partition;
use crate::topic_config::TopicConfig;

const NAME_MAX: usize = 249;
/// A request for more is a mistake, and would take all memory.
const PARTITIONS_MAX: usize = 100_000;

/// A topic. Its partitions only become more.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) id: Uuid,
    config: RwLock<Arc<TopicConfig>>,
    partitions: RwLock<Vec<Arc<Partition>>>,
}

impl Topic {
    pub(crate) fn config(&self) -> Arc<TopicConfig> {
        Arc::clone(&self.config.read())
    }

    pub(crate) fn partition(&self, index: i32) -> Option<Arc<Partition>> {
        self.partitions.read().get(usize::try_from(index).ok()?).cloned()
    }

    pub(crate) fn partitions(&self) -> Vec<Arc<Partition>> {
        self.partitions.read().clone()
    }

    pub(crate) fn partition_count(&self) -> i32 {
        self.partitions.read().len() as i32
    }

    fn entry(&self, partitions: i32, config: &TopicConfig) -> Entry {
        Entry::Topic { name: self.name.clone(), id: self.id, partitions, config: config.set.clone() }
    }
}

#[derive(Debug, Default)]
struct ByName {
    topics: BTreeMap<String, Arc<Topic>>,
    ids: HashMap<Uuid, String>,
}

/// All topics.
#[derive(Debug)]
pub(crate) struct Topics {
    found: RwLock<ByName>,
    journal: Arc<Journal>,
    memory: Arc<MemoryLimit>,
    folder: Option<PathBuf>,
}

/// An error code, and what a person is told.
pub(crate) type Refused = (ResponseError, String);

impl Topics {
    pub(crate) fn new(journal: Arc<Journal>, memory: Arc<MemoryLimit>, folder: Option<PathBuf>) -> Self {
        Self { found: RwLock::default(), journal, memory, folder: folder.map(|folder| folder.join("topics")) }
    }

    /// Opens what was there before.
    pub(crate) fn restore(&self, snapshot: &Snapshot, now_ms: i64) -> io::Result<()> {
        let mut found = self.found.write();
        for (name, entry) in &snapshot.topics {
            // A setting that an older version took must not keep the broker from starting.
            let config = Arc::new(TopicConfig::new(entry.config.clone()).unwrap_or_default());
            let mut partitions = Vec::new();
            for index in 0..entry.partitions {
                let start = snapshot.log_starts.get(&(entry.id, index)).copied().unwrap_or(0);
                let log = Log::open(self.place(entry.id, index), Arc::clone(&config), (start, now_ms))?;
                partitions.push(Partition::new(index, log));
            }
            let topic = Topic {
                name: name.clone(),
                id: entry.id,
                config: RwLock::new(config),
                partitions: RwLock::new(partitions),
            };
            found.ids.insert(entry.id, name.clone());
            found.topics.insert(name.clone(), Arc::new(topic));
        }
        self.remove_strangers(&found)
    }

    /// Folders of topics that were being deleted.
    fn remove_strangers(&self, found: &ByName) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        std::fs::create_dir_all(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let id = entry.file_name().to_str().and_then(|name| Uuid::parse_str(name).ok());
            if id.is_some_and(|id| !found.ids.contains_key(&id)) {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    fn place(&self, topic: Uuid, partition: i32) -> Place {
        let folder = self.folder.as_ref().map(|folder| folder.join(topic.to_string()).join(partition.to_string()));
        Place { folder, memory: Arc::clone(&self.memory) }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.found.read().topics.get(name).cloned()
    }

    pub(crate) fn get_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        let found = self.found.read();
        found.topics.get(found.ids.get(&id)?).cloned()
    }

    pub(crate) fn partition(&self, topic: &str, partition: i32) -> Option<Arc<Partition>> {
        self.found.read().topics.get(topic)?.partition(partition)
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        self.found.read().topics.values().cloned().collect()
    }

    /// Whether the topic could be made; else why not.
    pub(crate) fn check_new(&self, name: &str, partitions: i32, config: &TopicConfig) -> Result<(), Refused> {
        check_name(name)?;
        let found = self.found.read();
        if found.topics.contains_key(name) {
            return Err((ResponseError::TopicAlreadyExists, format!("Topic '{name}' already exists.")));
        }
        if partitions < 1 {
            let message = "Number of partitions must be larger than 0.".to_owned();
            return Err((ResponseError::InvalidPartitions, message));
        }
        check_room(&found, partitions)?;
        if config.compact && config.max_message_bytes == 0 {
            return Err((ResponseError::InvalidConfig, "a compacted topic needs room for messages".to_owned()));
        }
        Ok(())
    }

    /// Makes a topic.
    pub(crate) fn create(&self, name: &str, partitions: i32, config: TopicConfig) -> Result<Arc<Topic>, Refused> {
        self.check_new(name, partitions, &config)?;
        let config = Arc::new(config);
        let id = Uuid::new_v4();
        let made = self.make_partitions(id, 0..partitions, &config)?;
        let topic = Arc::new(Topic {
            name: name.to_owned(),
            id,
            config: RwLock::new(Arc::clone(&config)),
            partitions: RwLock::new(made),
        });
        let mut found = self.found.write();
        // Someone else may have been faster.
        if found.topics.contains_key(name) {
            return Err((ResponseError::TopicAlreadyExists, format!("Topic '{name}' already exists.")));
        }
        self.journal.append(vec![topic.entry(partitions, &config)]).map_err(storage)?;
        found.ids.insert(id, name.to_owned());
        found.topics.insert(name.to_owned(), Arc::clone(&topic));
        Ok(topic)
    }

    fn make_partitions(
        &self,
        topic: Uuid,
        indexes: std::ops::Range<i32>,
        config: &Arc<TopicConfig>,
    ) -> Result<Vec<Arc<Partition>>, Refused> {
        let make = |index| {
            let log = Log::create(self.place(topic, index), Arc::clone(config)).map_err(|error| {
                (ResponseError::KafkaStorageError, format!("the partition's folder cannot be made: {error}"))
            })?;
            Ok(Partition::new(index, log))
        };
        indexes.map(make).collect()
    }

    /// Removes a topic with its records.
    pub(crate) fn delete(&self, name: &str) -> Result<Arc<Topic>, ResponseError> {
        let mut found = self.found.write();
        if !found.topics.contains_key(name) {
            return Err(ResponseError::UnknownTopicOrPartition);
        }
        self.journal.append(vec![Entry::TopicDeleted { name: name.to_owned() }])?;
        let topic = found.topics.remove(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        found.ids.remove(&topic.id);
        drop(found);
        if let Some(folder) = &self.folder
            && let Err(error) = std::fs::remove_dir_all(folder.join(topic.id.to_string()))
        {
            // The next start removes what is left.
            tracing::warn!(topic = name, %error, "a deleted topic's folder cannot be removed");
        }
        for partition in topic.partitions() {
            partition.wake();
        }
        Ok(topic)
    }

    /// Raises the number of partitions.
    pub(crate) fn grow(&self, topic: &Topic, count: i32) -> Result<(), Refused> {
        let config = topic.config();
        let present = topic.partition_count();
        // Whoever reads and writes the topic goes on while the files are made.
        let more = self.make_partitions(topic.id, present..count, &config)?;
        let mut partitions = topic.partitions.write();
        if partitions.len() as i32 != present {
            let message = format!("Topic '{}' is getting other partitions at the same time.", topic.name);
            return Err((ResponseError::InvalidPartitions, message));
        }
        self.journal.append(vec![topic.entry(count, &config)]).map_err(storage)?;
        partitions.extend(more);
        Ok(())
    }

    /// Whether the topic may have this many partitions; else why not.
    pub(crate) fn check_growth(&self, topic: &Topic, count: i32) -> Result<(), Refused> {
        let present = topic.partition_count();
        if count <= present {
            let message =
                format!("Topic currently has {present} partitions, which is higher than the requested {count}.");
            return Err((ResponseError::InvalidPartitions, message));
        }
        check_room(&self.found.read(), count - present)
    }

    /// Gives a topic other settings.
    pub(crate) fn set_config(&self, topic: &Topic, config: TopicConfig) -> Result<(), ResponseError> {
        let config = Arc::new(config);
        let mut present = topic.config.write();
        self.journal.append(vec![topic.entry(topic.partition_count(), &config)])?;
        *present = Arc::clone(&config);
        for partition in topic.partitions() {
            partition.log().set_config(Arc::clone(&config));
        }
        Ok(())
    }
}

fn storage(error: ResponseError) -> Refused {
    (error, "the journal cannot be written".to_owned())
}

fn check_room(found: &ByName, more: i32) -> Result<(), Refused> {
    let present: usize = found.topics.values().map(|topic| topic.partition_count() as usize).sum();
    if present.saturating_add(more as usize) <= PARTITIONS_MAX {
        return Ok(());
    }
    let message = format!("this broker has {present} partitions and takes no more than {PARTITIONS_MAX}");
    Err((ResponseError::PolicyViolation, message))
}

fn check_name(name: &str) -> Result<(), Refused> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !name.is_empty() && name.len() <= NAME_MAX && name != "." && name != ".." && name.chars().all(legal) {
        return Ok(());
    }
    let message = format!("Topic name '{name}' is illegal: 1 to {NAME_MAX} ASCII alphanumerics, '.', '_' and '-'");
    Err((ResponseError::InvalidTopicException, message))
}
