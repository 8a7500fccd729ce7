import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.AckResult;
import org.apache.rocketmq.client.consumer.AckStatus;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PopResult;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.impl.ClientRemotingProcessor;
import org.apache.rocketmq.client.impl.mqclient.MQClientAPIExt;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.netty.NettyClientConfig;
import org.apache.rocketmq.remoting.protocol.header.AckMessageRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.ChangeInvisibleTimeRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.ExtraInfoUtil;
import org.apache.rocketmq.remoting.protocol.header.NotificationRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.PopMessageRequestHeader;

/**
 * Pop consumption with the official Java client: {@code raw} through the calls that Apache's proxy makes, {@code push} with
 * a push consumer whose queues the broker shares out. Each line printed is a word and a JSON object. Topics are called
 * {@code <prefix>-<what>} and groups {@code <prefix>_<what>}.
 */
public final class Pop {
    private static final Map<String, String> OPTIONS = new HashMap<>();
    private static final long INVISIBLE_MS = 4000;
    private static DefaultMQProducer producer;
    private static MQClientAPIExt api;
    private static String broker;

    public static void main(String[] arguments) throws Exception {
        for (int i = 1; i + 1 < arguments.length; i += 2) {
            OPTIONS.put(arguments[i].substring(2), arguments[i + 1]);
        }
        switch (arguments[0]) {
            case "raw": raw(); break;
            case "push": push(); break;
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

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static void say(String word, String who, MessageExt message) {
        String handle = String.valueOf(message.getProperty(MessageConst.PROPERTY_POP_CK));
        say(word + " {\"who\":" + quoted(who)
            + ",\"body\":" + quoted(new String(message.getBody(), StandardCharsets.UTF_8))
            + ",\"topic\":" + quoted(message.getTopic())
            + ",\"queueId\":" + message.getQueueId()
            + ",\"offset\":" + message.getQueueOffset()
            + ",\"reconsumeTimes\":" + message.getReconsumeTimes()
            + ",\"handle\":" + quoted(handle)
            + ",\"tags\":" + quoted(String.valueOf(message.getTags()))
            + ",\"atMs\":" + System.currentTimeMillis() + "}");
    }

    private static void startProducer() throws Exception {
        producer = new DefaultMQProducer(group("producers"));
        producer.setNamesrvAddr(OPTIONS.get("name-server"));
        producer.start();
    }

    private static void send(String what, String body, int queueId) throws Exception {
        Message message = new Message(topic(what), "tag", body.getBytes(StandardCharsets.UTF_8));
        if (queueId < 0) {
            broker = producer.send(message, 10_000).getMessageQueue().getBrokerName();
        } else {
            producer.send(message, new MessageQueue(topic(what), broker, queueId), 10_000);
        }
    }

    // ---- raw

    private static CompletableFuture<PopResult> popLater(String what, int queueId, int max, long pollMs, boolean order,
        String attempt) {
        PopMessageRequestHeader header = new PopMessageRequestHeader();
        header.setConsumerGroup(group(what));
        header.setTopic(topic(what));
        header.setQueueId(queueId);
        header.setMaxMsgNums(max);
        header.setInvisibleTime(INVISIBLE_MS);
        header.setPollTime(pollMs);
        header.setBornTime(System.currentTimeMillis());
        header.setInitMode(0);
        header.setOrder(order);
        header.setAttemptId(attempt);
        header.setExpType("TAG");
        header.setExp("tag");
        return api.popMessageAsync(OPTIONS.get("broker"), broker, header, pollMs + 10_000);
    }

    private static List<MessageExt> pop(String what, int queueId, int max, long pollMs) throws Exception {
        List<MessageExt> found = popLater(what, queueId, max, pollMs, false, null).get(40, TimeUnit.SECONDS).getMsgFoundList();
        return found == null ? new ArrayList<>() : found;
    }

    private static AckMessageRequestHeader ackHeader(String what, MessageExt message) {
        String handle = message.getProperty(MessageConst.PROPERTY_POP_CK);
        String[] parts = ExtraInfoUtil.split(handle);
        AckMessageRequestHeader header = new AckMessageRequestHeader();
        header.setConsumerGroup(group(what));
        header.setTopic(ExtraInfoUtil.getRealTopic(parts, topic(what), group(what)));
        header.setQueueId(ExtraInfoUtil.getQueueId(parts));
        header.setOffset(ExtraInfoUtil.getQueueOffset(parts));
        header.setExtraInfo(handle);
        return header;
    }

    private static String ack(AckMessageRequestHeader header) throws Exception {
        try {
            return api.ackMessageAsync(OPTIONS.get("broker"), header, 10_000).get(20, TimeUnit.SECONDS).getStatus().name();
        } catch (java.util.concurrent.ExecutionException failure) {
            return "FAILED";
        }
    }

    private static AckResult change(String what, MessageExt message, long invisibleMs) throws Exception {
        AckMessageRequestHeader from = ackHeader(what, message);
        ChangeInvisibleTimeRequestHeader header = new ChangeInvisibleTimeRequestHeader();
        header.setConsumerGroup(from.getConsumerGroup());
        header.setTopic(from.getTopic());
        header.setQueueId(from.getQueueId());
        header.setOffset(from.getOffset());
        header.setExtraInfo(from.getExtraInfo());
        header.setInvisibleTime(invisibleMs);
        return api.changeInvisibleTimeAsync(OPTIONS.get("broker"), broker, header, 10_000).get(20, TimeUnit.SECONDS);
    }

    private static String body(MessageExt message) {
        return new String(message.getBody(), StandardCharsets.UTF_8);
    }

    private static void answer(String what, Object is) {
        say("answer {\"what\":" + quoted(what) + ",\"is\":" + quoted(String.valueOf(is)) + "}");
    }

    private static void raw() throws Exception {
        startProducer();
        ClientConfig config = new ClientConfig();
        config.setInstanceName(group("raw"));
        config.setNamesrvAddr(OPTIONS.get("name-server"));
        api = new MQClientAPIExt(config, new NettyClientConfig(), new ClientRemotingProcessor(null), null);
        api.updateNameServerAddressList(OPTIONS.get("name-server"));
        api.start();
        // The first sends make the topics.
        for (String what : new String[] {"raw", "shared", "order", "tell"}) {
            send(what, "first", -1);
        }
        Thread[] threads = {
            new Thread(() -> guarded(Pop::comesBack)),
            new Thread(() -> guarded(Pop::shared)),
            new Thread(() -> guarded(Pop::inOrder)),
            new Thread(() -> guarded(Pop::notified)),
        };
        for (Thread thread : threads) {
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        say("done {}");
    }

    private interface Part {
        void run() throws Exception;
    }

    private static void guarded(Part part) {
        try {
            part.run();
        } catch (Throwable failure) {
            say("failed {\"why\":" + quoted(String.valueOf(failure)) + "}");
        }
    }

    /** Ten messages: acknowledged one by one, in a batch, held longer, left alone. */
    private static void comesBack() throws Exception {
        for (int i = 0; i < 10; i++) {
            send("raw", String.valueOf(i), -1);
        }
        Map<String, MessageExt> held = new HashMap<>();
        for (int i = 0; i < 20 && held.size() < 11; i++) {
            for (MessageExt message : pop("raw", -1, 5, 1000)) {
                say("popped", "raw", message);
                held.put(body(message), message);
            }
        }
        answer("ack of first", ack(ackHeader("raw", held.get("first"))));
        for (int i = 0; i < 5; i++) {
            answer("ack of " + i, ack(ackHeader("raw", held.get(String.valueOf(i)))));
        }
        List<String> handles = new ArrayList<>();
        for (int i = 5; i < 7; i++) {
            handles.add(held.get(String.valueOf(i)).getProperty(MessageConst.PROPERTY_POP_CK));
        }
        answer("batch ack", api.batchAckMessageAsync(OPTIONS.get("broker"), topic("raw"), group("raw"), handles, 10_000)
            .get(20, TimeUnit.SECONDS).getStatus());
        answer("ack of 9", ack(ackHeader("raw", held.get("9"))));
        answer("ack of 9 again", ack(ackHeader("raw", held.get("9"))));
        AckResult changed = change("raw", held.get("7"), 9000);
        answer("change of 7", changed.getStatus());
        say("changed {\"atMs\":" + System.currentTimeMillis() + ",\"handle\":" + quoted(changed.getExtraInfo()) + "}");
        AckMessageRequestHeader beyond = ackHeader("raw", held.get("8"));
        beyond.setOffset(1_000_000L);
        answer("ack beyond the end", ack(beyond));
        AckMessageRequestHeader queue = ackHeader("raw", held.get("8"));
        queue.setQueueId(99);
        answer("ack of a queue that is not there", ack(queue));
        Set<String> again = new HashSet<>();
        long end = System.currentTimeMillis() + 40_000;
        while (again.size() < 2 && System.currentTimeMillis() < end) {
            for (MessageExt message : pop("raw", -1, 5, 2000)) {
                say("again", "raw", message);
                again.add(body(message));
                answer("ack of " + body(message) + " again", ack(ackHeader("raw", message)));
            }
        }
        end = System.currentTimeMillis() + INVISIBLE_MS + 4000;
        while (System.currentTimeMillis() < end) {
            for (MessageExt message : pop("raw", -1, 5, 2000)) {
                say("surplus", "raw", message);
            }
        }
    }

    /** Two consumers at one queue: nobody gets what the other one has. */
    private static void shared() throws Exception {
        for (int i = 0; i < 40; i++) {
            send("shared", String.valueOf(i), 0);
        }
        Map<String, Integer> seen = new ConcurrentHashMap<>();
        Thread[] consumers = new Thread[2];
        for (int c = 0; c < consumers.length; c++) {
            String who = "consumer " + c;
            consumers[c] = new Thread(() -> guarded(() -> {
                long end = System.currentTimeMillis() + 20_000;
                while (seen.size() < 40 && System.currentTimeMillis() < end) {
                    for (MessageExt message : pop("shared", 0, 3, 500)) {
                        if (body(message).equals("first")) {
                            ack(ackHeader("shared", message));
                            continue;
                        }
                        say("shared", who, message);
                        seen.merge(body(message), 1, Integer::sum);
                        ack(ackHeader("shared", message));
                    }
                }
            }));
            consumers[c].start();
        }
        for (Thread consumer : consumers) {
            consumer.join();
        }
    }

    private static String bodies(PopResult result) {
        StringBuilder text = new StringBuilder();
        if (result.getMsgFoundList() != null) {
            for (MessageExt message : result.getMsgFoundList()) {
                text.append(text.length() == 0 ? "" : " ").append(body(message)).append('/').append(message.getReconsumeTimes());
            }
        }
        return text.toString();
    }

    private static PopResult popInOrder(int max, long pollMs, String attempt) throws Exception {
        return popLater("order", 1, max, pollMs, true, attempt).get(40, TimeUnit.SECONDS);
    }

    /** A queue gives nothing more while its messages are out; what nobody acknowledges comes again, in its place. */
    private static void inOrder() throws Exception {
        // Whichever queue the first one went to, queue 1 has these.
        PopResult before = popInOrder(32, 0, "before");
        if (before.getMsgFoundList() != null) {
            for (MessageExt message : before.getMsgFoundList()) {
                ack(ackHeader("order", message));
            }
        }
        for (int i = 0; i < 5; i++) {
            send("order", "o" + i, 1);
        }
        PopResult first = popInOrder(2, 1000, "a");
        answer("ordered pop", bodies(first));
        answer("another while it is out", bodies(popInOrder(2, 500, "b")));
        answer("the same attempt", bodies(first = popInOrder(2, 500, "a")));
        answer("ack of the first", ack(ackHeader("order", first.getMsgFoundList().get(0))));
        answer("one is still out", bodies(popInOrder(2, 500, "c")));
        PopResult second = popInOrder(3, 15_000, "d");
        answer("when its time is over", bodies(second));
        for (MessageExt message : second.getMsgFoundList()) {
            answer("ordered ack of " + body(message), ack(ackHeader("order", message)));
        }
        PopResult third = popInOrder(3, 2000, "e");
        answer("the rest", bodies(third));
        for (MessageExt message : third.getMsgFoundList()) {
            ack(ackHeader("order", message));
        }
    }

    private static boolean notification(long pollMs) throws Exception {
        NotificationRequestHeader header = new NotificationRequestHeader();
        header.setConsumerGroup(group("tell"));
        header.setTopic(topic("tell"));
        header.setQueueId(-1);
        header.setPollTime(pollMs);
        header.setBornTime(System.currentTimeMillis());
        return api.notification(OPTIONS.get("broker"), header, pollMs + 10_000).get(40, TimeUnit.SECONDS);
    }

    private static void notified() throws Exception {
        answer("notification of what is there", notification(0));
        for (MessageExt message : pop("tell", -1, 5, 1000)) {
            ack(ackHeader("tell", message));
        }
        answer("notification of nothing", notification(1000));
        CompletableFuture<String> later = CompletableFuture.supplyAsync(() -> {
            try {
                long start = System.currentTimeMillis();
                boolean told = notification(20_000);
                return told + (System.currentTimeMillis() - start < 15_000 ? " in time" : " late");
            } catch (Exception failure) {
                return String.valueOf(failure);
            }
        });
        Thread.sleep(1500);
        send("tell", "second", -1);
        answer("notification that waits", later.get(40, TimeUnit.SECONDS));
    }

    // ---- push

    /** Consumers of a group that the broker balances; messages whose body ends with ! fail once. */
    private static void push() throws Exception {
        startProducer();
        for (int i = 0; i < 20; i++) {
            send("push", i % 10 == 0 ? i + "!" : String.valueOf(i), -1);
        }
        say("ready {\"broker\":" + quoted(broker) + "}");
        // Its mode is set from outside in between.
        System.in.read();
        int count = Integer.parseInt(OPTIONS.get("consumers"));
        for (int c = 0; c < count; c++) {
            String who = "consumer " + c;
            DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group("push"));
            consumer.setNamesrvAddr(OPTIONS.get("name-server"));
            consumer.setInstanceName(group("push") + c);
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
            try {
                DefaultMQPushConsumer.class.getMethod("setClientRebalance", boolean.class).invoke(consumer, false);
            } catch (NoSuchMethodException old) {
                say("old {}");
            }
            consumer.subscribe(topic("push"), "tag");
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                boolean fails = false;
                for (MessageExt message : messages) {
                    say("pushed", who, message);
                    fails |= body(message).endsWith("!") && message.getReconsumeTimes() == 0;
                }
                return fails ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
            consumer.start();
        }
        for (int i = 20; ; i++) {
            Thread.sleep(500);
            try {
                send("push", String.valueOf(i), -1);
                say("sent {\"body\":" + quoted(String.valueOf(i)) + "}");
            } catch (Exception failure) {
                say("unsent {\"body\":" + quoted(String.valueOf(i)) + "}");
            }
        }
    }
}
