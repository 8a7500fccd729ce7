import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * The official Java client with messages that name their time. Reads commands from its input, one a line, and prints what comes
 * of them and what arrives in queue 0 of the topic:
 *
 *   send BODY PROPERTY VALUE       sent BODY SENT_MS HANDLE | failed BODY CODE TEXT
 *   in BODY PROPERTY MS            the same; MS from now on, in the unit of the property
 *   recall BODY HANDLE TOPIC       recalled BODY ID | failed BODY CODE TEXT
 *                                  received BODY STORED_MS TIMER_ROLL_TIMES QUEUE_OFFSET
 */
public final class TimerClient {
    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static String oneLine(Throwable error) {
        return String.valueOf(error.getMessage()).replace('\n', ' ');
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i].substring(2), arguments[i + 1]);
        }
        String topic = options.get("topic");
        DefaultMQProducer producer = new DefaultMQProducer("e2e_timer_producers");
        producer.setNamesrvAddr(options.get("name-server"));
        producer.setRetryTimesWhenSendFailed(0);
        producer.start();
        Thread reader = new Thread(() -> read(options.get("name-server"), topic));
        reader.setDaemon(true);
        reader.start();
        ExecutorService senders = Executors.newFixedThreadPool(8);
        say("started");
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "send": senders.execute(() -> send(producer, topic, words[1], words[2], words[3])); break;
                case "in": senders.execute(() -> send(producer, topic, words[1], words[2], valueIn(words[2], words[3]))); break;
                case "recall": senders.execute(() -> recall(producer, words[1], words[2], words[3])); break;
                default: throw new IllegalArgumentException(line);
            }
        }
        System.exit(0);
    }

    private static String valueIn(String property, String ms) {
        long delayMs = Long.parseLong(ms);
        switch (property) {
            case "TIMER_DELAY_SEC": return String.valueOf(delayMs / 1000);
            case "TIMER_DELAY_MS": return ms;
            default: return String.valueOf(System.currentTimeMillis() + delayMs);
        }
    }

    private static void send(DefaultMQProducer producer, String topic, String body, String property, String value) {
        try {
            Message message = new Message(topic, body.getBytes(StandardCharsets.UTF_8));
            MessageAccessor.putProperty(message, property, value);
            long sentMs = System.currentTimeMillis();
            SendResult result = producer.send(message, new MessageQueue(topic, "broker-a", 0));
            say("sent " + body + " " + sentMs + " " + result.getRecallHandle());
        } catch (MQBrokerException error) {
            say("failed " + body + " " + error.getResponseCode() + " " + error.getErrorMessage());
        } catch (Throwable error) {
            say("failed " + body + " -1 " + oneLine(error));
        }
    }

    private static void recall(DefaultMQProducer producer, String body, String handle, String topic) {
        try {
            say("recalled " + body + " " + producer.recallMessage(topic, handle));
        } catch (MQBrokerException error) {
            say("failed " + body + " " + error.getResponseCode() + " " + error.getErrorMessage());
        } catch (Throwable error) {
            say("failed " + body + " -1 " + oneLine(error));
        }
    }

    private static void read(String nameServer, String topic) {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer("e2e_timer_readers");
        consumer.setNamesrvAddr(nameServer);
        try {
            consumer.start();
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
        long offset = 0;
        while (true) {
            try {
                Collection<MessageQueue> queues = consumer.fetchSubscribeMessageQueues(topic);
                for (MessageQueue queue : queues) {
                    if (queue.getQueueId() != 0) {
                        continue;
                    }
                    PullResult result = consumer.pull(queue, "*", offset, 32);
                    if (result.getPullStatus() == PullStatus.FOUND) {
                        for (MessageExt message : result.getMsgFoundList()) {
                            say("received " + new String(message.getBody(), StandardCharsets.UTF_8) + " " + message.getStoreTimestamp()
                                + " " + message.getProperty("TIMER_ROLL_TIMES") + " " + message.getQueueOffset());
                        }
                        offset = result.getNextBeginOffset();
                    }
                }
                Thread.sleep(100);
            } catch (Exception error) {
                try {
                    Thread.sleep(200);
                } catch (InterruptedException interrupted) {
                    return;
                }
            }
        }
    }
}
