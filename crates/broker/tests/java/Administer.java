import java.util.*;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.StringSerializer;

/** What Java's admin client asks of a broker; prints "ok" when every answer is as Apache Kafka's. */
public class Administer {
    static Admin admin;

    static void check(boolean holds, Object found) {
        if (!holds) throw new AssertionError(String.valueOf(found));
    }

    interface Asked { Object ask() throws Exception; }

    static void refused(Class<? extends Exception> by, Asked asked) throws Exception {
        try {
            throw new AssertionError(by + " was expected, not " + asked.ask());
        } catch (ExecutionException error) {
            check(by.isInstance(error.getCause()), error.getCause());
        }
    }

    public static void main(String[] args) throws Exception {
        admin = Admin.create(Map.of("bootstrap.servers", args[0]));
        topics();
        settings();
        records(args[0]);
        cluster();
        System.out.println("ok");
        System.exit(0);
    }

    static TopicDescription describe(String topic) throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    }

    static void topics() throws Exception {
        CreateTopicsResult made = admin.createTopics(List.of(
            new NewTopic("made", 3, (short) 1).configs(Map.of("cleanup.policy", "compact")),
            new NewTopic("defaults", Optional.empty(), Optional.empty())));
        made.all().get();
        check(made.numPartitions("made").get() == 3 && made.replicationFactor("defaults").get() == 1, "counts");
        check(made.config("made").get().get("cleanup.policy").value().equals("compact"), made.config("made").get());
        TopicDescription described = describe("made");
        check(described.partitions().size() == 3 && described.partitions().get(2).leader() != null, described);
        check(described.topicId().equals(made.topicId("made").get()), described);
        check(admin.describeTopics(TopicCollection.ofTopicIds(List.of(described.topicId()))).allTopicIds().get().size() == 1, "by id");
        admin.createPartitions(Map.of("made", NewPartitions.increaseTo(5))).all().get();
        check(describe("made").partitions().size() == 5, describe("made"));
        refused(InvalidPartitionsException.class, () -> admin.createPartitions(Map.of("made", NewPartitions.increaseTo(2))).all().get());
        refused(TopicExistsException.class, () -> admin.createTopics(List.of(new NewTopic("made", 1, (short) 1))).all().get());
        refused(InvalidReplicationFactorException.class, () -> admin.createTopics(List.of(new NewTopic("r", 1, (short) 3))).all().get());
        refused(InvalidTopicException.class, () -> admin.createTopics(List.of(new NewTopic("a b", 1, (short) 1))).all().get());
        refused(InvalidConfigurationException.class,
            () -> admin.createTopics(List.of(new NewTopic("c", 1, (short) 1).configs(Map.of("retention.ms", "soon")))).all().get());
        admin.createTopics(List.of(new NewTopic("checked", 1, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all().get();
        check(admin.listTopics().names().get().equals(Set.of("made", "defaults")), admin.listTopics().names().get());
        admin.deleteTopics(List.of("defaults")).all().get();
        refused(UnknownTopicOrPartitionException.class, () -> describe("defaults"));
    }

    static void settings() throws Exception {
        ConfigResource made = new ConfigResource(ConfigResource.Type.TOPIC, "made");
        admin.incrementalAlterConfigs(Map.of(made, List.of(
            new AlterConfigOp(new ConfigEntry("cleanup.policy", "delete"), AlterConfigOp.OpType.APPEND),
            new AlterConfigOp(new ConfigEntry("retention.ms", "1000"), AlterConfigOp.OpType.SET)))).all().get();
        Config config = admin.describeConfigs(List.of(made)).all().get().get(made);
        check(config.get("cleanup.policy").value().equals("compact,delete"), config);
        check(config.get("retention.ms").source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, config);
        check(config.get("segment.bytes").isDefault(), config);
        admin.incrementalAlterConfigs(Map.of(made, List.of(
            new AlterConfigOp(new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.SUBTRACT),
            new AlterConfigOp(new ConfigEntry("retention.ms", ""), AlterConfigOp.OpType.DELETE)))).all().get();
        config = admin.describeConfigs(List.of(made)).all().get().get(made);
        check(config.get("cleanup.policy").value().equals("delete") && config.get("retention.ms").isDefault(), config);
        refused(InvalidConfigurationException.class, () -> admin.incrementalAlterConfigs(Map.of(made, List.of(
            new AlterConfigOp(new ConfigEntry("no.such.setting", "1"), AlterConfigOp.OpType.SET)))).all().get());
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
        check(admin.describeConfigs(List.of(broker)).all().get().get(broker).get("num.partitions").value().equals("1"), "broker");
    }

    static void records(String servers) throws Exception {
        TopicPartition p = new TopicPartition("made", 0);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", servers), new StringSerializer(), new StringSerializer())) {
            for (long time : new long[] {1000, 3000, 2000})
                producer.send(new ProducerRecord<>("made", 0, time, "k", "v")).get();
        }
        check(offset(p, OffsetSpec.earliest()) == 0 && offset(p, OffsetSpec.latest()) == 3, "ends");
        check(offset(p, OffsetSpec.maxTimestamp()) == 1 && offset(p, OffsetSpec.forTimestamp(1500)) == 1, "times");
        check(offset(p, OffsetSpec.forTimestamp(4000)) == -1, "no such time");
        check(admin.deleteRecords(Map.of(p, RecordsToDelete.beforeOffset(2))).lowWatermarks().get(p).get().lowWatermark() == 2, "deleted");
        check(offset(p, OffsetSpec.earliest()) == 2, "start");
        refused(OffsetOutOfRangeException.class,
            () -> admin.deleteRecords(Map.of(p, RecordsToDelete.beforeOffset(9))).all().get());
        check(admin.describeProducers(List.of(p)).partitionResult(p).get().activeProducers().size() == 1, "an idempotent producer");
    }

    static long offset(TopicPartition p, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(p, spec)).partitionResult(p).get().offset();
    }

    static void cluster() throws Exception {
        DescribeClusterResult cluster = admin.describeCluster();
        check(cluster.nodes().get().size() == 1 && cluster.controller().get().id() == 1, cluster.nodes().get());
        check(!cluster.clusterId().get().isEmpty(), "an id");
        check(admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).size() == 1, "log folders");
        check(admin.describeFeatures().featureMetadata().get().finalizedFeatures().get("transaction.version").maxVersionLevel() == 2, "features");
        refused(GroupIdNotFoundException.class, () -> admin.describeConsumerGroups(List.of("nobody")).all().get());
    }
}
