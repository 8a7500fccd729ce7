import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Delayed messages, retries and dead letters with the official Java client. Each line printed is a word and a JSON object.
 * Topics are called {@code <prefix>-<what>} and groups {@code <prefix>_<what>}.
 */
public final class DelayAndRetry {
    private static final Map<String, String> OPTIONS = new HashMap<>();
    private static DefaultMQProducer producer;

    public static void main(String[] arguments) throws Exception {
        for (int i = 1; i + 1 < arguments.length; i += 2) {
            OPTIONS.put(arguments[i].substring(2), arguments[i + 1]);
        }
        System.setProperty("rocketmq.client.rebalance.waitInterval", "1000");
        producer = new DefaultMQProducer(group("producers"));
        producer.setNamesrvAddr(OPTIONS.get("name-server"));
        producer.start();
        switch (arguments[0]) {
            case "delay": delay(); break;
            case "retry": retry(); break;
            case "dead": dead(); break;
            case "order": order(); break;
            case "restart": restart(); break;
            case "all":
                delay();
                retry();
                dead();
                order();
                break;
            default: throw new IllegalArgumentException("unknown command " + arguments[0]);
        }
        Thread.sleep(Long.MAX_VALUE);
    }

    private static String topic(String what) {
        return OPTIONS.get("prefix") + "-" + what;
    }

    private static String group(String what) {
        return OPTIONS.get("prefix") + "_" + what;
    }

    private static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    private static synchronized void say(String word, MessageExt message, String attempt) {
        StringBuilder properties = new StringBuilder();
        for (Map.Entry<String, String> entry : new TreeMap<>(message.getProperties()).entrySet()) {
            properties.append(properties.length() == 0 ? "" : ",").append(quoted(entry.getKey())).append(':')
                .append(quoted(entry.getValue()));
        }
        System.out.println(word + " {\"body\":" + quoted(new String(message.getBody(), StandardCharsets.UTF_8))
            + ",\"topic\":" + quoted(message.getTopic())
            + ",\"msgId\":" + quoted(message.getMsgId())
            + ",\"attempt\":" + quoted(attempt)
            + ",\"queueId\":" + message.getQueueId()
            + ",\"reconsumeTimes\":" + message.getReconsumeTimes()
            + ",\"bornTimestamp\":" + message.getBornTimestamp()
            + ",\"storeTimestamp\":" + message.getStoreTimestamp()
            + ",\"atMs\":" + System.currentTimeMillis()
            + ",\"tags\":" + quoted(String.valueOf(message.getTags()))
            + ",\"properties\":{" + properties + "}}");
        System.out.flush();
    }

    /** Retries by itself: the topic may have to be made first. */
    private static void send(String what, String body, int level) throws Exception {
        Message message = new Message(topic(what), "tag", "key-" + body, body.getBytes(StandardCharsets.UTF_8));
        message.putUserProperty("mine", body);
        if (level != Integer.MIN_VALUE) {
            message.setDelayTimeLevel(level);
        }
        SendResult result = producer.send(message, 10_000);
        synchronized (DelayAndRetry.class) {
            System.out.println("sent {\"body\":" + quoted(body) + ",\"topic\":" + quoted(topic(what)) + ",\"msgId\":"
                + quoted(result.getMsgId()) + ",\"status\":" + quoted(result.getSendStatus().name())
                + ",\"queueId\":" + result.getMessageQueue().getQueueId() + "}");
            System.out.flush();
        }
    }

    private static void send(String what, String body) throws Exception {
        send(what, body, Integer.MIN_VALUE);
    }

    private static DefaultMQPushConsumer consumer(String what) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group(what));
        consumer.setNamesrvAddr(OPTIONS.get("name-server"));
        consumer.setInstanceName(group(what));
        // The broker makes the retry topic at the first heartbeat: the client shall not look for it every 30 s only.
        consumer.setPollNameServerInterval(1000);
        consumer.setHeartbeatBrokerInterval(1000);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic(what), "tag");
        return consumer;
    }

    /** Body {@code <level>}: one message of each level, of levels that are none, and one above the last. */
    private static void delay() throws Exception {
        for (int level : new int[] {1, 2, 3, 5, 99, 0, -1}) {
            send("delay", String.valueOf(level), level);
        }
        DefaultMQPushConsumer consumer = consumer("delay");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                say("delayed", message, "");
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
    }

    /** Fails twice with each message, then succeeds. */
    private static void retry() throws Exception {
        for (int i = 0; i < 3; i++) {
            send("retry", "retry-" + i);
        }
        DefaultMQPushConsumer consumer = consumer("retry");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            MessageExt message = messages.get(0);
            boolean fails = message.getReconsumeTimes() < 2;
            say("retried", message, fails ? "fails" : "succeeds");
            return fails ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
    }

    /** One group exhausts its two attempts, the other gives up at the first: both end in their dead letters. */
    private static void dead() throws Exception {
        send("dead", "hopeless");
        DefaultMQPushConsumer consumer = consumer("dead");
        consumer.setMaxReconsumeTimes(1);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            say("failed", messages.get(0), "");
            context.setDelayLevelWhenNextConsume(1);
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        consumer.start();
        send("never", "never");
        DefaultMQPushConsumer never = consumer("never");
        never.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            say("failed", messages.get(0), "");
            context.setDelayLevelWhenNextConsume(-1);
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        never.start();
        readDeadLetters("dead");
        readDeadLetters("never");
    }

    /** In order: the second message always fails, is tried again on the spot, and then makes room for the third. */
    private static void order() throws Exception {
        for (String body : new String[] {"first", "bad", "last"}) {
            Message message = new Message(topic("order"), "tag", "key-" + body, body.getBytes(StandardCharsets.UTF_8));
            producer.send(message, (queues, ignored, argument) -> queues.get(0), null, 10_000);
        }
        DefaultMQPushConsumer consumer = consumer("order");
        consumer.setMaxReconsumeTimes(2);
        consumer.setSuspendCurrentQueueTimeMillis(100);
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            MessageExt message = messages.get(0);
            boolean fails = new String(message.getBody(), StandardCharsets.UTF_8).equals("bad");
            say("ordered", message, fails ? "fails" : "succeeds");
            return fails ? ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT : ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        readDeadLetters("order");
    }

    /** What is on its way when the broker dies: a message not yet due, and one that has failed once. */
    private static void restart() throws Exception {
        for (int i = 0; i < 20; i++) {
            send("restart", "late-" + i, i % 2 == 0 ? 5 : 6);
        }
        send("restart", "fails once");
        DefaultMQPushConsumer consumer = consumer("restart");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            MessageExt message = messages.get(0);
            boolean fails = new String(message.getBody(), StandardCharsets.UTF_8).equals("fails once")
                && message.getReconsumeTimes() == 0;
            say("restarted", message, fails ? "fails" : "succeeds");
            context.setDelayLevelWhenNextConsume(5);
            return fails ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
    }

    /** Prints the dead letters of a group as they come, in the background. */
    @SuppressWarnings("deprecation")
    private static void readDeadLetters(String what) throws Exception {
        String topic = "%DLQ%" + group(what);
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(group("undertaker"));
        consumer.setNamesrvAddr(OPTIONS.get("name-server"));
        consumer.setInstanceName(group("undertaker-" + what));
        consumer.start();
        Thread reader = new Thread(() -> {
            Map<MessageQueue, Long> next = new HashMap<>();
            while (true) {
                try {
                    Thread.sleep(200);
                    Set<MessageQueue> queues = consumer.fetchSubscribeMessageQueues(topic);
                    for (MessageQueue queue : queues) {
                        PullResult result = consumer.pull(queue, "*", next.getOrDefault(queue, 0L), 32);
                        List<MessageExt> found = result.getMsgFoundList();
                        if (found != null) {
                            for (MessageExt message : found) {
                                say("dead", message, "");
                            }
                        }
                        next.put(queue, result.getNextBeginOffset());
                    }
                } catch (Exception notYet) {
                    // There is no such topic before the first dead letter.
                }
            }
        });
        reader.setDaemon(true);
        reader.start();
    }
}
