import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

/** Groups, transactions and fencing by Java's client; prints "ok" when all is as with Apache Kafka. */
public class Transact {
    static String servers;
    static Admin admin;

    static void check(boolean holds, Object found) {
        if (!holds) throw new AssertionError(String.valueOf(found));
    }

    public static void main(String[] args) throws Exception {
        servers = args[0];
        admin = Admin.create(Map.of("bootstrap.servers", servers));
        admin.createTopics(List.of(new NewTopic("in", 4, (short) 1), new NewTopic("out", 2, (short) 1))).all().get();
        for (Class<?> assignor : List.of(RangeAssignor.class, RoundRobinAssignor.class, StickyAssignor.class, CooperativeStickyAssignor.class))
            share(assignor);
        copyInTransactions();
        fence();
        timeOut();
        System.out.println("ok");
        System.exit(0);
    }

    static KafkaConsumer<String, String> consumer(String group, Map<String, Object> more) {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", servers, "group.id", group,
            "auto.offset.reset", "earliest", "enable.auto.commit", "false", "heartbeat.interval.ms", "300"));
        config.putAll(more);
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    static KafkaProducer<String, String> producer(String id, Map<String, Object> more) {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", servers, "linger.ms", "0"));
        if (id != null) config.put("transactional.id", id);
        config.putAll(more);
        KafkaProducer<String, String> made = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
        if (id != null) made.initTransactions();
        return made;
    }

    /** Two members get two partitions each; a subscribed offset cannot be deleted; one leaves. */
    static void share(Class<?> assignor) throws Exception {
        String group = "share-" + assignor.getSimpleName();
        Map<String, Object> more = Map.of("partition.assignment.strategy", assignor.getName());
        KafkaConsumer<String, String> first = consumer(group, more), second = consumer(group, more);
        first.subscribe(List.of("in"));
        second.subscribe(List.of("in"));
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (first.assignment().size() != 2 || second.assignment().size() != 2) {
            first.poll(Duration.ofMillis(50));
            second.poll(Duration.ofMillis(50));
            check(System.nanoTime() < deadline, assignor + " " + first.assignment() + " " + second.assignment());
        }
        first.commitSync(Map.of(new TopicPartition("in", 0), new OffsetAndMetadata(0, "note")));
        ConsumerGroupDescription described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        check(described.members().size() == 2 && described.groupState() == GroupState.STABLE, described);
        check(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(new TopicPartition("in", 0)).metadata().equals("note"), "metadata");
        try {
            admin.deleteConsumerGroupOffsets(group, Set.of(new TopicPartition("in", 0))).all().get();
            throw new AssertionError("it is subscribed");
        } catch (ExecutionException error) {
            check(error.getCause() instanceof GroupSubscribedToTopicException, error);
        }
        second.close();
        while (first.assignment().size() != 4) {
            first.poll(Duration.ofMillis(50));
            check(System.nanoTime() < deadline, first.assignment());
        }
        first.close();
        admin.deleteConsumerGroups(List.of(group)).all().get();
    }

    static void copyInTransactions() throws Exception {
        try (KafkaProducer<String, String> plain = producer(null, Map.of())) {
            for (int i = 0; i < 200; i++) plain.send(new ProducerRecord<>("in", i % 4, null, "" + i));
        }
        int aborted = 0, copied = 0;
        try (KafkaConsumer<String, String> reader = consumer("copier", Map.of("isolation.level", "read_committed", "max.poll.records", "30"));
             KafkaProducer<String, String> writer = producer("copier", Map.of())) {
            reader.subscribe(List.of("in"));
            while (copied < 200) {
                ConsumerRecords<String, String> polled = reader.poll(Duration.ofMillis(500));
                if (polled.isEmpty()) continue;
                writer.beginTransaction();
                for (ConsumerRecord<String, String> one : polled) writer.send(new ProducerRecord<>("out", one.partition() % 2, null, one.value()));
                writer.sendOffsetsToTransaction(polled.nextOffsets(), reader.groupMetadata());
                if (aborted++ < 2) {
                    writer.abortTransaction();
                    Map<TopicPartition, OffsetAndMetadata> committed = reader.committed(reader.assignment());
                    for (TopicPartition p : reader.assignment()) {
                        OffsetAndMetadata at = committed.get(p);
                        reader.seek(p, at == null ? 0 : at.offset());
                    }
                } else {
                    writer.commitTransaction();
                    copied += polled.count();
                }
            }
        }
        check(read("read_committed") == 200, "each once");
        check(read("read_uncommitted") > 200, "the aborted ones are there");
        Map<TopicPartition, OffsetAndMetadata> committed = admin.listConsumerGroupOffsets("copier").partitionsToOffsetAndMetadata().get();
        for (int p = 0; p < 4; p++) check(committed.get(new TopicPartition("in", p)).offset() == 50, committed);
    }

    static int read(String isolation) {
        try (KafkaConsumer<String, String> reader = consumer("count", Map.of("isolation.level", isolation))) {
            List<TopicPartition> all = List.of(new TopicPartition("out", 0), new TopicPartition("out", 1));
            reader.assign(all);
            reader.seekToBeginning(all);
            Map<TopicPartition, Long> ends = reader.endOffsets(all);
            int count = 0;
            while (all.stream().anyMatch(p -> reader.position(p) < ends.get(p))) count += reader.poll(Duration.ofMillis(200)).count();
            return count;
        }
    }

    static void fence() throws Exception {
        KafkaProducer<String, String> old = producer("fenced", Map.of());
        old.beginTransaction();
        old.send(new ProducerRecord<>("out", 0, null, "lost")).get();
        check(admin.listTransactions().all().get().stream().anyMatch(t -> t.transactionalId().equals("fenced") && t.state() == TransactionState.ONGOING), "listed");
        TransactionDescription described = admin.describeTransactions(List.of("fenced")).all().get().get("fenced");
        check(described.topicPartitions().equals(Set.of(new TopicPartition("out", 0))), described);
        KafkaProducer<String, String> young = producer("fenced", Map.of());
        young.beginTransaction();
        young.send(new ProducerRecord<>("out", 0, null, "kept")).get();
        young.commitTransaction();
        try {
            old.commitTransaction();
            throw new AssertionError("it is fenced");
        } catch (ProducerFencedException | InvalidProducerEpochException expected) { }
        young.close();
        old.close(Duration.ZERO);
    }

    /** A transaction that takes too long is aborted, and one that hangs can be aborted by hand. */
    static void timeOut() throws Exception {
        KafkaProducer<String, String> slow = producer("slow", Map.of("transaction.timeout.ms", "500"));
        slow.beginTransaction();
        slow.send(new ProducerRecord<>("out", 1, null, "late")).get();
        while (admin.describeTransactions(List.of("slow")).all().get().get("slow").state() != TransactionState.COMPLETE_ABORT) Thread.sleep(50);
        try {
            slow.commitTransaction();
            throw new AssertionError("it was aborted");
        } catch (KafkaException expected) { }
        slow.close(Duration.ZERO);
        KafkaProducer<String, String> hanging = producer("hanging", Map.of());
        hanging.beginTransaction();
        TopicPartition p = new TopicPartition("out", 1);
        RecordMetadata sent = hanging.send(new ProducerRecord<>("out", 1, null, "stuck")).get();
        ProducerState state = admin.describeProducers(List.of(p)).partitionResult(p).get().activeProducers().stream()
            .filter(one -> one.currentTransactionStartOffset().orElse(-1) == sent.offset()).findFirst().get();
        admin.abortTransaction(new AbortTransactionSpec(p, state.producerId(), (short) state.producerEpoch(), 0)).all().get();
        long end = admin.listOffsets(Map.of(p, OffsetSpec.latest()), new ListOffsetsOptions(IsolationLevel.READ_COMMITTED)).partitionResult(p).get().offset();
        check(end == sent.offset() + 2, end);
        hanging.close(Duration.ZERO);
    }
}
