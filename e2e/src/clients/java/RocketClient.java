import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * The official Java client behind the command line that every client of the end-to-end suites has:
 * {@code send|pull|push} and {@code --name value} options. Prints one line for each message.
 */
public final class RocketClient {
    private static final Map<String, String> OPTIONS = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        for (int i = 1; i + 1 < arguments.length; i += 2) {
            OPTIONS.put(arguments[i].substring(2), arguments[i + 1]);
        }
        switch (arguments[0]) {
            case "send": send(); break;
            case "pull": pull(); break;
            case "push": push(); break;
            default: throw new IllegalArgumentException("unknown command " + arguments[0]);
        }
        System.exit(0);
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

    private static Message message(int n) {
        StringBuilder body = new StringBuilder(String.valueOf(n)).append(' ');
        int size = number("size", 0);
        while (body.length() < size) {
            body.append('x');
        }
        Message message = new Message(option("topic", null), n % 2 == 0 ? "even" : "odd", "key-" + n,
            body.toString().getBytes(StandardCharsets.UTF_8));
        message.putUserProperty("n", String.valueOf(n));
        return message;
    }

    /** Numbers from --start, --count of them, by --mode sync|async|oneway|batch; each is tried until it is acknowledged. */
    private static void send() throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(option("group", "e2e_producers"));
        producer.setNamesrvAddr(option("name-server", null));
        producer.setSendMsgTimeout(number("timeout-ms", 3000));
        producer.start();
        int start = number("start", 0);
        int count = number("count", 1);
        int pauseMs = number("pause-ms", 0);
        String mode = option("mode", "sync");
        if (mode.equals("batch")) {
            for (int at = 0; at < count; at += 10) {
                List<Message> batch = new ArrayList<>();
                for (int n = start + at; n < start + Math.min(count, at + 10); n++) {
                    batch.add(message(n));
                }
                SendResult result = producer.send(batch);
                for (int n = start + at; n < start + Math.min(count, at + 10); n++) {
                    say("sent " + n + " " + result.getMsgId());
                }
            }
        } else {
            CountDownLatch answers = new CountDownLatch(mode.equals("async") ? count : 0);
            for (int n = start; n < start + count; n++) {
                final int number = n;
                if (mode.equals("oneway")) {
                    producer.sendOneway(message(n));
                    say("sent " + n);
                } else if (mode.equals("async")) {
                    producer.send(message(n), new SendCallback() {
                        @Override public void onSuccess(SendResult result) {
                            say("sent " + number + " " + result.getMsgId());
                            answers.countDown();
                        }

                        @Override public void onException(Throwable error) {
                            say("failed " + number + " " + error);
                            answers.countDown();
                        }
                    });
                } else {
                    sendUntilAcknowledged(producer, n);
                }
                if (pauseMs > 0) {
                    Thread.sleep(pauseMs);
                }
            }
            answers.await(60, TimeUnit.SECONDS);
        }
        producer.shutdown();
    }

    private static void sendUntilAcknowledged(DefaultMQProducer producer, int n) throws InterruptedException {
        long deadline = System.currentTimeMillis() + 60_000;
        while (true) {
            try {
                SendResult result = producer.send(message(n));
                if (result.getSendStatus() == SendStatus.SEND_OK) {
                    say("sent " + n + " " + result.getMsgId() + " " + result.getOffsetMsgId() + " "
                        + result.getMessageQueue().getQueueId() + " " + result.getQueueOffset());
                    return;
                }
                say("status " + n + " " + result.getSendStatus());
            } catch (Exception error) {
                say("failed " + n + " " + error);
            }
            if (System.currentTimeMillis() > deadline) {
                throw new IllegalStateException("message " + n + " was not acknowledged within 60 s");
            }
            Thread.sleep(200);
        }
    }

    private static void received(MessageExt message) {
        String body = new String(message.getBody(), StandardCharsets.UTF_8);
        say("received " + body.substring(0, body.indexOf(' ')) + " " + message.getQueueId() + " " + message.getQueueOffset()
            + " " + message.getTags() + " " + message.getUserProperty("n"));
    }

    /** Everything in every queue of --topic, from its first message. */
    @SuppressWarnings("deprecation")
    private static void pull() throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(option("group", "e2e_pullers"));
        consumer.setNamesrvAddr(option("name-server", null));
        consumer.start();
        for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(option("topic", null))) {
            long offset = consumer.minOffset(queue);
            long end = consumer.maxOffset(queue);
            while (offset < end) {
                PullResult result = consumer.pull(queue, option("tags", "*"), offset, 32);
                offset = result.getNextBeginOffset();
                if (result.getMsgFoundList() != null) {
                    result.getMsgFoundList().forEach(RocketClient::received);
                }
            }
            consumer.updateConsumeOffset(queue, offset);
        }
        consumer.shutdown();
    }

    /** Consumes until --expect different messages have come, or --seconds have passed; the group's first time from the start. */
    private static void push() throws Exception {
        int expect = number("expect", Integer.MAX_VALUE);
        Set<String> seen = ConcurrentHashMap.newKeySet();
        CountDownLatch done = new CountDownLatch(1);
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(option("group", "e2e_pushers"));
        consumer.setNamesrvAddr(option("name-server", null));
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(option("topic", null), option("tags", "*"));
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                received(message);
                seen.add(new String(message.getBody(), StandardCharsets.UTF_8));
            }
            if (seen.size() >= expect) {
                done.countDown();
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        say("started");
        boolean all = done.await(number("seconds", 30), TimeUnit.SECONDS);
        consumer.shutdown();
        say((all ? "complete " : "incomplete ") + seen.size());
    }
}
