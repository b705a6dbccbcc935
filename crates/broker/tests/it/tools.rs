//! The command-line tools that come with Apache Kafka: kafka-topics, kafka-consumer-groups (lag) and their kind.

use std::process::Stdio;

use millstream_broker::Broker;
use millstream_test_servers::{KafkaTools, require_or_skip};

use crate::{in_memory, run};

struct Tools {
    broker: Broker,
    folder: tempfile::TempDir,
}

impl Tools {
    /// What a tool prints, as the words of each line.
    async fn lines(&self, tool: &str, arguments: &str) -> Vec<Vec<String>> {
        self.lines_with_input(tool, arguments, "").await
    }

    async fn lines_with_input(&self, tool: &str, arguments: &str, input: &str) -> Vec<Vec<String>> {
        let file = self.folder.path().join("input");
        std::fs::write(&file, input).expect("it can be written");
        let mut command = KafkaTools::command(tool);
        command.args(["--bootstrap-server", &self.broker.address().to_string()]).args(arguments.split(' '));
        command.stdin(Stdio::from(std::fs::File::open(file).expect("it was written")));
        let output = run(command).await;
        let (printed, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{tool} {arguments}: {printed}\n{said}");
        let lines = printed.lines().filter(|line| !line.trim().is_empty());
        lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    }

    /// Topic, partition, committed offset, end and lag, as kafka-consumer-groups describes a group.
    async fn lag(&self, group: &str) -> Vec<Vec<String>> {
        let described = self.lines("consumer.group.ConsumerGroupCommand", &format!("--describe --group {group}")).await;
        let mut lag: Vec<_> =
            described.into_iter().filter(|line| line[0] == group).map(|line| line[1..6].to_vec()).collect();
        lag.sort();
        lag
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafkas_own_tools_work() {
    require_or_skip!(KafkaTools::available());
    let tools = Tools { broker: in_memory().await, folder: tempfile::tempdir().expect("temporary folder") };
    const GROUPS: &str = "consumer.group.ConsumerGroupCommand";

    tools.lines("TopicCommand", "--create --topic tools --partitions 2 --config retention.ms=3600000").await;
    let described = tools.lines("TopicCommand", "--describe --topic tools").await;
    assert_eq!(
        described[0][4..],
        ["PartitionCount:", "2", "ReplicationFactor:", "1", "Configs:", "retention.ms=3600000"]
    );
    assert_eq!(described[2][2..10], ["Partition:", "1", "Leader:", "1", "Replicas:", "1", "Isr:", "1"]);

    let keyed = "--topic tools --property parse.key=true --property key.separator=:";
    // By the hash of Java's partitioner 'a' belongs to partition 0 of 2, and 'd' to partition 1.
    tools.lines_with_input("ConsoleProducer", keyed, "a:1\nd:2\na:3\na:4\n").await;
    assert_eq!(tools.lines("GetOffsetShell", "--topic tools").await, [["tools:0:3"], ["tools:1:1"]]);
    let by_console = "--topic tools --from-beginning --group readers --max-messages 4 --timeout-ms 30000";
    let mut values = tools.lines("consumer.ConsoleConsumer", by_console).await;
    values.sort();
    assert_eq!(values, [["1"], ["2"], ["3"], ["4"]]);

    tools.lines_with_input("ConsoleProducer", keyed, "a:5\na:6\n").await;
    assert_eq!(tools.lag("readers").await, [["tools", "0", "3", "5", "2"], ["tools", "1", "1", "1", "0"]]);
    tools.lines(GROUPS, "--reset-offsets --to-earliest --all-topics --group readers --execute").await;
    assert_eq!(tools.lag("readers").await, [["tools", "0", "0", "5", "5"], ["tools", "1", "0", "1", "1"]]);
    tools.lines(GROUPS, "--delete --group readers").await;
    assert!(tools.lines(GROUPS, "--list").await.is_empty());

    let deletion = tools.folder.path().join("deletion");
    let text = r#"{"partitions": [{"topic": "tools", "partition": 0, "offset": 2}], "version": 1}"#;
    std::fs::write(&deletion, text).expect("it can be written");
    tools.lines("DeleteRecordsCommand", &format!("--offset-json-file {}", deletion.display())).await;
    let earliest = tools.lines("GetOffsetShell", "--topic tools --time earliest").await;
    assert_eq!(earliest, [["tools:0:2"], ["tools:1:0"]]);
    tools.lines("TopicCommand", "--delete --topic tools").await;
    assert!(tools.lines("TopicCommand", "--list").await.is_empty());
}
