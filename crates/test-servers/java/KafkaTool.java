import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.zip.CRC32;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.serialization.*;

/**
 * The stock Kafka client as a tool for tests: reads commands from standard input, one a line, and answers each with one
 * line, "ok …" or "error …". Words are separated by blanks; settings are name=value.
 *
 *   create TOPIC PARTITIONS REPLICAS [topic settings]
 *   partitions TOPIC COUNT              raises the number of partitions
 *   delete TOPIC                        and waits until it is gone
 *   delete-group GROUP
 *   delete-records TOPIC PARTITION OFFSET
 *   leader TOPIC PARTITION              answers the broker's number
 *   produce TOPIC PARTITION FROM COUNT [settings]
 *       record i has the key "key-i" and the value "value-i" filled up with '.' to bytes=…; its timestamp is base + i
 *       codec=none|gzip|snappy|lz4|zstd  batch=records a batch  bytes=least size of a value  base=milliseconds
 *       keys=modulus  key number i modulo this     null-keys=n, null-values=n  every n-th is null (0: none)
 *       headers=n  records have i modulo n headers "h0", "h1" … with values "0", null, "2", null …
 *       end=commit|abort|open  in a transaction, until its markers are written    id=transactional id
 *   values TOPIC PARTITION TEXT…        one record for each word; "\0" is null
 *   text TOPIC PARTITION LINE           the rest of the line is one value
 *   end ID commit|abort                 ends a transaction that was left open; until its markers are written
 *   digest TOPIC PARTITION END committed|uncommitted
 *       reads from the beginning until the position reaches END: "ok COUNT CRC32" over offsets, timestamps, keys, values
 *   scram-user NAME SHA-256|SHA-512 PASSWORD
 *   feature NAME LEVEL                  lowers a feature of the cluster, such as transaction.version
 *   await-compacted TOPIC PARTITION     until the cleaner has left each key of the closed segments once
 */
public class KafkaTool {
    /** Settings of a producer that sends each record when it is given, and does not gather a batch. */
    static final Map<String, String> AT_ONCE = Map.of("batch", "1");
    static Admin admin;
    static String brokers;
    static final Map<String, KafkaProducer<byte[], byte[]>> open = new HashMap<>();

    public static void main(String[] args) throws Exception {
        brokers = args[0];
        admin = Admin.create(Map.of("bootstrap.servers", brokers));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            try {
                String answer = run(line);
                System.out.println(("ok " + answer).strip());
            } catch (Throwable error) {
                while (error instanceof java.util.concurrent.ExecutionException && error.getCause() != null) error = error.getCause();
                System.out.println("error " + error.toString().replace('\n', ' '));
            }
            System.out.flush();
        }
        System.exit(0);
    }

    static String run(String line) throws Exception {
        String[] w = line.split(" ");
        switch (w[0]) {
            case "create": {
                NewTopic topic = new NewTopic(w[1], Integer.parseInt(w[2]), Short.parseShort(w[3]));
                admin.createTopics(List.of(topic.configs(settings(w, 4)))).all().get();
                awaitPartitions(w[1], Integer.parseInt(w[2]));
                return "";
            }
            case "partitions":
                admin.createPartitions(Map.of(w[1], NewPartitions.increaseTo(Integer.parseInt(w[2])))).all().get();
                awaitPartitions(w[1], Integer.parseInt(w[2]));
                return "";
            case "delete":
                admin.deleteTopics(List.of(w[1])).all().get();
                while (admin.listTopics().names().get().contains(w[1])) Thread.sleep(20);
                return "";
            case "delete-group":
                admin.deleteConsumerGroups(List.of(w[1])).all().get();
                return "";
            case "delete-records":
                admin.deleteRecords(Map.of(new TopicPartition(w[1], Integer.parseInt(w[2])),
                    RecordsToDelete.beforeOffset(Long.parseLong(w[3])))).all().get();
                return "";
            case "leader":
                return "" + describe(w[1]).partitions().get(Integer.parseInt(w[2])).leader().id();
            case "produce":
                return produce(w[1], Integer.parseInt(w[2]), Long.parseLong(w[3]), Long.parseLong(w[4]), settings(w, 5));
            case "values": {
                KafkaProducer<byte[], byte[]> producer = producer(AT_ONCE);
                for (int i = 3; i < w.length; i++) {
                    byte[] value = w[i].equals("\\0") ? null : w[i].getBytes(StandardCharsets.UTF_8);
                    producer.send(new ProducerRecord<>(w[1], Integer.parseInt(w[2]), null, null, value)).get();
                }
                return "";
            }
            case "text": {
                byte[] value = line.split(" ", 4)[3].getBytes(StandardCharsets.UTF_8);
                producer(AT_ONCE).send(new ProducerRecord<>(w[1], Integer.parseInt(w[2]), null, null, value)).get();
                return "";
            }
            case "end":
                end(open.remove(w[1]), w[1], w[2].equals("commit"));
                return "";
            case "scram-user": {
                ScramMechanism mechanism = ScramMechanism.valueOf("SCRAM_" + w[2].replace('-', '_'));
                admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(w[1],
                    new ScramCredentialInfo(mechanism, 4096), w[3]))).all().get();
                return "";
            }
            case "feature": {
                FeatureUpdate update = new FeatureUpdate(Short.parseShort(w[2]), FeatureUpdate.UpgradeType.SAFE_DOWNGRADE);
                admin.updateFeatures(Map.of(w[1], update), new UpdateFeaturesOptions()).all().get();
                return "";
            }
            case "digest":
                return digest(new TopicPartition(w[1], Integer.parseInt(w[2])), Long.parseLong(w[3]), w[4]);
            case "await-compacted":
                return awaitCompacted(new TopicPartition(w[1], Integer.parseInt(w[2])));
            default:
                throw new IllegalArgumentException("unknown command " + w[0]);
        }
    }

    static Map<String, String> settings(String[] words, int from) {
        Map<String, String> settings = new HashMap<>();
        for (int i = from; i < words.length; i++) {
            String[] pair = words[i].split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        return settings;
    }

    static TopicDescription describe(String topic) throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    }

    /**
     * Leaders are known before they have opened their logs. Until then a leader refuses records; if it takes the second of an
     * idempotent producer's first batches because its log is open by then, the first is out of order, and is sent again for ever.
     */
    static void awaitLogs(TopicDescription topic) throws Exception {
        Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
        topic.partitions().forEach(p -> ends.put(new TopicPartition(topic.name(), p.partition()), OffsetSpec.latest()));
        admin.listOffsets(ends).all().get();
    }

    static void awaitPartitions(String topic, int count) throws Exception {
        while (true) {
            try {
                TopicDescription found = describe(topic);
                if (found.partitions().size() == count && found.partitions().stream().allMatch(p -> p.leader() != null)) {
                    awaitLogs(found);
                    return;
                }
            } catch (java.util.concurrent.ExecutionException notYet) { }
            Thread.sleep(20);
        }
    }

    static final Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();

    static KafkaProducer<byte[], byte[]> producer(Map<String, String> s) {
        String codec = s.getOrDefault("codec", "none"), id = s.get("id");
        boolean single = s.getOrDefault("batch", "0").equals("1");
        return producers.computeIfAbsent(codec + single + id, unused -> {
            Map<String, Object> config = new HashMap<>(Map.of(
                "bootstrap.servers", brokers, "compression.type", codec, "linger.ms", single ? "0" : "60000",
                "batch.size", single ? "0" : "33554432", "max.request.size", "67108864", "buffer.memory", "134217728",
                "delivery.timeout.ms", "120000", "key.serializer", ByteArraySerializer.class, "value.serializer", ByteArraySerializer.class));
            if (id != null) config.put("transactional.id", id);
            KafkaProducer<byte[], byte[]> made = new KafkaProducer<>(config);
            if (id != null) made.initTransactions();
            return made;
        });
    }

    static String produce(String topic, int partition, long from, long count, Map<String, String> s) throws Exception {
        String end = s.get("end");
        if (end != null) s.putIfAbsent("id", "tool");
        long batch = Long.parseLong(s.getOrDefault("batch", "1000")), base = Long.parseLong(s.getOrDefault("base", "1700000000000"));
        long keys = Long.parseLong(s.getOrDefault("keys", "" + Long.MAX_VALUE));
        int bytes = Integer.parseInt(s.getOrDefault("bytes", "0")), headers = Integer.parseInt(s.getOrDefault("headers", "0"));
        long nullKeys = Long.parseLong(s.getOrDefault("null-keys", "0")), nullValues = Long.parseLong(s.getOrDefault("null-values", "0"));
        KafkaProducer<byte[], byte[]> producer = producer(s);
        if (end != null) producer.beginTransaction();
        List<java.util.concurrent.Future<RecordMetadata>> sent = new ArrayList<>();
        for (long i = from; i < from + count; i++) {
            byte[] key = nullKeys > 0 && i % nullKeys == 0 ? null : ("key-" + i % keys).getBytes(StandardCharsets.UTF_8);
            byte[] value = nullValues > 0 && i % nullValues == 0 ? null : value(i, bytes);
            ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, partition, base + i, key, value);
            for (int h = 0; headers > 0 && h < i % headers; h++)
                record.headers().add("h" + h, h % 2 == 0 ? ("" + h).getBytes(StandardCharsets.UTF_8) : null);
            sent.add(producer.send(record));
            if (batch > 1 && (i - from + 1) % batch == 0) producer.flush();
        }
        producer.flush();
        for (java.util.concurrent.Future<RecordMetadata> each : sent) each.get();
        if ("open".equals(end)) open.put(s.get("id"), producer);
        else if (end != null) end(producer, s.get("id"), end.equals("commit"));
        return "";
    }

    /** Ends a transaction and waits for its markers: the coordinator answers the client before it has written them. */
    static void end(KafkaProducer<byte[], byte[]> producer, String id, boolean commit) throws Exception {
        if (commit) producer.commitTransaction(); else producer.abortTransaction();
        TransactionState wanted = commit ? TransactionState.COMPLETE_COMMIT : TransactionState.COMPLETE_ABORT;
        while (admin.describeTransactions(List.of(id)).description(id).get().state() != wanted) Thread.sleep(5);
    }

    static byte[] value(long i, int bytes) {
        byte[] text = ("value-" + i).getBytes(StandardCharsets.UTF_8);
        if (text.length >= bytes) return text;
        byte[] padded = Arrays.copyOf(text, bytes);
        Arrays.fill(padded, text.length, bytes, (byte) '.');
        return padded;
    }

    static KafkaConsumer<byte[], byte[]> consumer(String isolation) {
        return new KafkaConsumer<>(Map.of("bootstrap.servers", brokers, "isolation.level", "read_" + isolation,
            "auto.offset.reset", "earliest", "enable.auto.commit", "false",
            "key.deserializer", ByteArrayDeserializer.class, "value.deserializer", ByteArrayDeserializer.class));
    }

    static String digest(TopicPartition of, long end, String isolation) {
        CRC32 crc = new CRC32();
        long count = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(isolation)) {
            consumer.assign(List.of(of));
            consumer.seekToBeginning(List.of(of));
            while (consumer.position(of) < end) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200)).records(of)) {
                    if (record.offset() >= end) break;
                    crc.update((record.offset() + " " + record.timestamp() + " ").getBytes(StandardCharsets.UTF_8));
                    crc.update(record.key() == null ? new byte[] {0} : record.key());
                    crc.update(record.value() == null ? new byte[] {0} : record.value());
                    count++;
                }
            }
        }
        return count + " " + Long.toHexString(crc.getValue());
    }

    static String awaitCompacted(TopicPartition of) throws Exception {
        while (true) {
            int records = 0;
            Set<String> keys = new HashSet<>();
            try (KafkaConsumer<byte[], byte[]> consumer = consumer("uncommitted")) {
                consumer.assign(List.of(of));
                long end = consumer.endOffsets(List.of(of)).get(of);
                consumer.seekToBeginning(List.of(of));
                while (consumer.position(of) < end)
                    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200)).records(of)) {
                        records++;
                        keys.add(new String(record.key(), StandardCharsets.UTF_8));
                    }
            }
            // The open segment is never cleaned, so a key may be there and once in the closed ones.
            if (records <= 2 * keys.size()) return "" + records;
            Thread.sleep(100);
        }
    }
}
