import java.lang.management.ManagementFactory;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * The official Java client in the ways of consuming: in order, broadcasting, from a place, request and reply, traced.
 * The first argument is what to do, the others are {@code --name value}. Prints one line for each thing that happens.
 */
public final class Consumption {
    private static final Map<String, String> OPTIONS = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        for (int i = 1; i + 1 < arguments.length; i += 2) {
            OPTIONS.put(arguments[i].substring(2), arguments[i + 1]);
        }
        switch (arguments[0]) {
            case "send": send(); break;
            case "consume": consume(); break;
            case "consume-orderly": consumeOrderly(); break;
            case "ask": ask(); break;
            case "reply": reply(); break;
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

    private static DefaultMQProducer producer() throws Exception {
        String group = option("producer-group", "consumption_producers");
        DefaultMQProducer producer = OPTIONS.containsKey("trace")
            ? new DefaultMQProducer(group, true, OPTIONS.get("trace").equals("default") ? null : OPTIONS.get("trace"))
            : new DefaultMQProducer(group);
        producer.setNamesrvAddr(option("name-server", null));
        producer.setMqClientApiTimeout(20_000);
        producer.setSendMsgTimeout(3000);
        producer.start();
        return producer;
    }

    private static String body(Message message) {
        return new String(message.getBody(), StandardCharsets.UTF_8);
    }

    /** Messages "KEY SEQUENCE", --keys of them in turn, each key in its own queue; tried until acknowledged. */
    private static void send() throws Exception {
        DefaultMQProducer producer = producer();
        int keys = number("keys", 1);
        int pauseMs = number("pause-ms", 0);
        int start = number("start", 0);
        for (int n = start; n < start + number("count", 1); n++) {
            String key = String.valueOf(n % keys);
            Message message = new Message(option("topic", null), "tag", "key-" + key,
                (key + " " + n).getBytes(StandardCharsets.UTF_8));
            while (true) {
                try {
                    SendResult result = producer.send(message, new SelectMessageQueueByHash(), key);
                    say("sent " + key + " " + n + " " + result.getMsgId() + " " + result.getMessageQueue().getQueueId());
                    break;
                } catch (Exception error) {
                    say("failed " + n + " " + error);
                    Thread.sleep(200);
                }
            }
            Thread.sleep(pauseMs);
        }
        // The trace goes by a thread of its own.
        Thread.sleep(number("linger-ms", 0));
        producer.shutdown();
    }

    private static DefaultMQPushConsumer consumer() throws Exception {
        String group = option("group", null);
        DefaultMQPushConsumer consumer = OPTIONS.containsKey("trace")
            ? new DefaultMQPushConsumer(group, true, OPTIONS.get("trace").equals("default") ? null : OPTIONS.get("trace"))
            : new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(option("name-server", null));
        // Of a busy machine: else a start fails that would only have been slow.
        consumer.setMqClientApiTimeout(20_000);
        switch (option("from", "first")) {
            case "first": consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET); break;
            case "last": consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET); break;
            default:
                consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_TIMESTAMP);
                consumer.setConsumeTimestamp(option("from", null));
        }
        if (option("model", "clustering").equals("broadcasting")) {
            broadcasting(consumer);
            // Such consumers have no process id in their client id: on one machine they would be taken for one.
            consumer.setInstanceName(ManagementFactory.getRuntimeMXBean().getName().replace('@', '-'));
        }
        consumer.setPersistConsumerOffsetInterval(500);
        consumer.subscribe(option("topic", null), option("tags", "*"));
        return consumer;
    }

    /** MessageModel has moved between client 4 and 5. */
    private static void broadcasting(DefaultMQPushConsumer consumer) throws Exception {
        for (Method method : DefaultMQPushConsumer.class.getMethods()) {
            if (method.getName().equals("setMessageModel")) {
                for (Object model : method.getParameterTypes()[0].getEnumConstants()) {
                    if (model.toString().equals("BROADCASTING")) {
                        method.invoke(consumer, model);
                    }
                }
            }
        }
    }

    /** Until a line comes in; prints "received KEY SEQUENCE QUEUE OFFSET". */
    private static void consume() throws Exception {
        DefaultMQPushConsumer consumer = consumer();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                say("received " + body(message) + " " + message.getQueueId() + " " + message.getQueueOffset());
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        say("started");
        System.in.read();
        consumer.shutdown();
        say("stopped");
    }

    /** As above; prints "began TIME KEY SEQUENCE QUEUE" and, after --work-ms, "ended ..." for each message. */
    private static void consumeOrderly() throws Exception {
        DefaultMQPushConsumer consumer = consumer();
        int workMs = number("work-ms", 0);
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            for (MessageExt message : messages) {
                String what = body(message) + " " + message.getQueueId();
                say("began " + System.currentTimeMillis() + " " + what);
                try {
                    Thread.sleep(workMs);
                } catch (InterruptedException error) {
                    return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT;
                }
                say("ended " + System.currentTimeMillis() + " " + what);
            }
            return ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        say("started");
        System.in.read();
        consumer.shutdown();
        say("stopped");
    }

    /** Sends --count requests one after the other; prints the reply to each, or what went wrong. */
    private static void ask() throws Exception {
        DefaultMQProducer producer = producer();
        for (int n = 0; n < number("count", 1); n++) {
            Message message = new Message(option("topic", null), "tag", String.valueOf(n).getBytes(StandardCharsets.UTF_8));
            try {
                Message reply = producer.request(message, number("timeout-ms", 10_000));
                say("reply " + n + " " + body(reply));
            } catch (Exception error) {
                say("no-reply " + n + " " + error.getClass().getSimpleName());
            }
        }
        producer.shutdown();
    }

    /** Answers requests by "re: ..." after --work-ms; prints how each went. */
    private static void reply() throws Exception {
        DefaultMQProducer producer = producer();
        DefaultMQPushConsumer consumer = consumer();
        int workMs = number("work-ms", 0);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                try {
                    Thread.sleep(workMs);
                    Message reply = MessageUtil.createReplyMessage(message, ("re:" + body(message)).getBytes(StandardCharsets.UTF_8));
                    SendResult result = producer.send(reply, 3000);
                    say("replied " + body(message) + " " + result.getSendStatus());
                } catch (Exception error) {
                    // The client tries three times and wraps the last refusal.
                    Throwable cause = error.getCause() == null ? error : error.getCause();
                    say("not-replied " + body(message) + " " + (cause instanceof MQBrokerException
                        ? ((MQBrokerException) cause).getResponseCode() + " " + ((MQBrokerException) cause).getErrorMessage()
                        : "- " + cause));
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        say("started");
        System.in.read();
        consumer.shutdown();
        producer.shutdown();
    }
}
