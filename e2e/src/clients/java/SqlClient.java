import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Consumers that filter by SQL92, for the end-to-end suites: {@code send}, {@code push}, or {@code check}, which is all
 * kinds of consumers at once, and {@code --name value} options. {@code --pushed}, {@code --pulled} and the like are files with
 * one expression a line; what is said of one names the number of its line.
 */
public final class SqlClient {
    /** A machine that is busy with a dozen processes takes its time. */
    private static final int API_TIMEOUT_MS = 20_000;
    private static final long STARTED_MS = System.currentTimeMillis();
    private static final Map<String, String> OPTIONS = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        for (int i = 1; i + 1 < arguments.length; i += 2) {
            OPTIONS.put(arguments[i].substring(2), arguments[i + 1]);
        }
        switch (arguments[0]) {
            case "send": send(); break;
            case "push": push(); break;
            case "check": check(); break;
            default: throw new IllegalArgumentException("unknown command " + arguments[0]);
        }
        System.exit(0);
    }

    /** Most of the time of a push consumer is spent waiting: the others work meanwhile. */
    private static void check() throws Exception {
        CompletableFuture<Void> pushing = CompletableFuture.runAsync(() -> {
            try {
                push();
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        });
        refused();
        say("time refused " + seconds());
        pull();
        say("time pulled " + seconds());
        lite();
        say("time polled " + seconds());
        pushing.get();
        say("time pushed " + seconds());
    }

    private static long seconds() {
        return (System.currentTimeMillis() - STARTED_MS) / 1000;
    }

    private static String option(String name, String otherwise) {
        return OPTIONS.getOrDefault(name, otherwise);
    }

    private static int number(String name, int otherwise) {
        return Integer.parseInt(option(name, String.valueOf(otherwise)));
    }

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static List<String> expressions(String name) throws Exception {
        String path = option(name, "");
        return path.isEmpty() ? new ArrayList<>() : Files.readAllLines(Paths.get(path), StandardCharsets.UTF_8);
    }

    private static <C extends ClientConfig> C configured(C client) {
        client.setNamesrvAddr(option("name-server", null));
        client.setMqClientApiTimeout(API_TIMEOUT_MS);
        return client;
    }

    /** Number n, with n, a half, a word, a tag, a key, and for every third a property that the others lack. */
    private static Message message(int n) {
        Message message = new Message(option("topic", null), n % 2 == 0 ? "even" : "odd", "key-" + n,
            (n + " ").getBytes(StandardCharsets.UTF_8));
        message.putUserProperty("n", String.valueOf(n));
        message.putUserProperty("half", String.valueOf(n / 2.0));
        message.putUserProperty("word", "wörd-" + n);
        if (n % 3 == 0) {
            message.putUserProperty("third", "it's");
        }
        return message;
    }

    private static void send() throws Exception {
        DefaultMQProducer producer = configured(new DefaultMQProducer("e2e_sql_producers"));
        producer.start();
        int end = number("start", 0) + number("count", 1);
        List<Message> batch = new ArrayList<>();
        for (int n = number("start", 0); n < end; n++) {
            batch.add(message(n));
            if (batch.size() == number("batch", 20) || n == end - 1) {
                sendUntilAcknowledged(producer, batch);
                batch.clear();
            }
        }
        say("sent " + end);
        producer.shutdown();
    }

    private static void sendUntilAcknowledged(DefaultMQProducer producer, List<Message> batch) throws Exception {
        for (int i = 0; ; i++) {
            try {
                producer.send(batch);
                return;
            } catch (Exception error) {
                if (i == 100) {
                    throw error;
                }
                Thread.sleep(200);
            }
        }
    }

    private static void say(String how, int expression, MessageExt message) {
        say(how + " " + expression + " " + new String(message.getBody(), StandardCharsets.UTF_8).trim());
    }

    /**
     * One consumer of its own group for each expression, until all have --expect messages between them, and a moment longer.
     * Each fails once on the message --fail, whose return counts as one more.
     */
    private static void push() throws Exception {
        List<String> expressions = expressions("pushed");
        int expect = number("expect", Integer.MAX_VALUE);
        Set<String> seen = ConcurrentHashMap.newKeySet();
        CountDownLatch done = new CountDownLatch(1);
        List<DefaultMQPushConsumer> consumers = new ArrayList<>();
        for (int i = 0; i < expressions.size(); i++) {
            final int expression = i;
            DefaultMQPushConsumer consumer = configured(new DefaultMQPushConsumer(option("topic", null) + "_push_" + i));
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
            consumer.subscribe(option("topic", null), MessageSelector.bySql(expressions.get(i)));
            Set<String> retried = ConcurrentHashMap.newKeySet();
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                ConsumeConcurrentlyStatus status = ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
                for (MessageExt message : messages) {
                    String body = new String(message.getBody(), StandardCharsets.UTF_8).trim();
                    if (message.getReconsumeTimes() > 0) {
                        say("again " + expression + " " + body);
                        seen.add("again " + expression + " " + body);
                    } else if (body.equals(option("fail", "")) && retried.add(body)) {
                        status = ConsumeConcurrentlyStatus.RECONSUME_LATER;
                        context.setDelayLevelWhenNextConsume(1);
                    }
                    say("pushed", expression, message);
                    seen.add(expression + " " + body);
                }
                if (seen.size() >= expect) {
                    done.countDown();
                }
                return status;
            });
            consumers.add(consumer);
        }
        for (DefaultMQPushConsumer consumer : consumers) {
            consumer.start();
        }
        say("started");
        boolean all = done.await(number("seconds", 90), TimeUnit.SECONDS);
        // What should not come would come with the rest.
        Thread.sleep(number("linger-ms", 1000));
        for (DefaultMQPushConsumer consumer : consumers) {
            consumer.shutdown();
        }
        say((all ? "complete " : "incomplete ") + seen.size());
    }

    /** Everything that each expression wants, from every queue of the topic. */
    @SuppressWarnings("deprecation")
    private static void pull() throws Exception {
        DefaultMQPullConsumer consumer = configured(new DefaultMQPullConsumer(option("topic", null) + "_pull"));
        consumer.setRegisterTopics(new HashSet<>(Arrays.asList(option("topic", null))));
        consumer.start();
        List<String> expressions = expressions("pulled");
        awaitFirstHeartbeat(consumer);
        for (int i = 0; i < expressions.size(); i++) {
            try {
                for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(option("topic", null))) {
                    long offset = consumer.minOffset(queue);
                    long end = consumer.maxOffset(queue);
                    int pulls = 0;
                    while (offset < end) {
                        PullResult result = consumer.pull(queue, MessageSelector.bySql(expressions.get(i)), offset, 32);
                        pulls++;
                        offset = result.getNextBeginOffset();
                        if (result.getMsgFoundList() != null) {
                            for (MessageExt message : result.getMsgFoundList()) {
                                say("pulled", i, message);
                            }
                        }
                    }
                    say("pulls " + i + " " + pulls);
                }
            } catch (Exception error) {
                say("unpulled " + i + " " + flat(error));
            }
        }
        consumer.shutdown();
    }

    /** The client pulls by SQL92 only from brokers whose version it knows, and that comes with the answer to a heartbeat. */
    @SuppressWarnings("deprecation")
    private static void awaitFirstHeartbeat(DefaultMQPullConsumer consumer) throws Exception {
        for (int i = 0; i < 200; i++) {
            try {
                for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(option("topic", null))) {
                    consumer.pull(queue, MessageSelector.bySql("TRUE"), 0, 1);
                }
                return;
            } catch (MQClientException error) {
                Thread.sleep(200);
            }
        }
    }

    private static void lite() throws Exception {
        List<String> expressions = expressions("polled");
        for (int i = 0; i < expressions.size(); i++) {
            DefaultLitePullConsumer consumer = configured(new DefaultLitePullConsumer(option("topic", null) + "_lite_" + i));
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
            consumer.subscribe(option("topic", null), MessageSelector.bySql(expressions.get(i)));
            consumer.start();
            Set<String> seen = ConcurrentHashMap.newKeySet();
            long deadline = System.currentTimeMillis() + number("seconds", 90) * 1000L;
            while (seen.size() < number("expect-polled", 1) && System.currentTimeMillis() < deadline) {
                for (MessageExt message : consumer.poll(500)) {
                    say("polled", i, message);
                    seen.add(message.getMsgId());
                }
            }
            consumer.shutdown();
        }
    }

    /**
     * Tries to start a push consumer for each expression, and says why it could not. A consumer that has not learned the
     * topic's route yet starts unchecked: only what is accepted twice is accepted.
     */
    private static void refused() throws Exception {
        List<String> expressions = expressions("refused");
        for (int i = 0; i < expressions.size(); i++) {
            String refusal = null;
            for (int attempt = 0; attempt < 2 && refusal == null; attempt++) {
                refusal = refusal(option("topic", null) + "_refused_" + i + "_" + attempt, expressions.get(i));
            }
            say(refusal == null ? "accepted " + i : "refused " + i + " " + refusal);
        }
    }

    private static String refusal(String group, String expression) throws Exception {
        DefaultMQPushConsumer consumer = configured(new DefaultMQPushConsumer(group));
        consumer.subscribe(option("topic", null), MessageSelector.bySql(expression));
        consumer.registerMessageListener(
            (MessageListenerConcurrently) (messages, context) -> ConsumeConcurrentlyStatus.CONSUME_SUCCESS);
        try {
            consumer.start();
            return null;
        } catch (MQClientException error) {
            return flat(error);
        } finally {
            consumer.shutdown();
        }
    }

    private static String flat(Throwable error) {
        return String.valueOf(error.getMessage()).replaceAll("\\s+", " ");
    }
}
