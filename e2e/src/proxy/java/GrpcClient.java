import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.apis.ClientConfiguration;
import org.apache.rocketmq.client.apis.ClientServiceProvider;
import org.apache.rocketmq.client.apis.consumer.ConsumeResult;
import org.apache.rocketmq.client.apis.consumer.FilterExpression;
import org.apache.rocketmq.client.apis.consumer.FilterExpressionType;
import org.apache.rocketmq.client.apis.consumer.MessageListener;
import org.apache.rocketmq.client.apis.consumer.PushConsumer;
import org.apache.rocketmq.client.apis.consumer.SimpleConsumer;
import org.apache.rocketmq.client.apis.message.Message;
import org.apache.rocketmq.client.apis.message.MessageBuilder;
import org.apache.rocketmq.client.apis.message.MessageView;
import org.apache.rocketmq.client.apis.producer.Producer;
import org.apache.rocketmq.client.apis.producer.ProducerBuilder;
import org.apache.rocketmq.client.apis.producer.SendReceipt;
import org.apache.rocketmq.client.apis.producer.Transaction;
import org.apache.rocketmq.client.apis.producer.TransactionChecker;
import org.apache.rocketmq.client.apis.producer.TransactionResolution;

/**
 * The 5.x Java client at work: every scenario at once, each with its own topic {@code RUN-SCENARIO}. Prints what happens, one line
 * for each event, {@code SCENARIO word key=value…}; the suite judges. {@code grpc-client.cjs} does the same in Node.
 */
public final class GrpcClient {
    private static final Map<String, String> OPTIONS = new HashMap<>();
    private static final ClientServiceProvider PROVIDER = ClientServiceProvider.loadService();
    private static final Duration LONG = Duration.ofSeconds(30);

    private interface Work {
        void run(Scene scene) throws Exception;
    }

    private interface Received {
        void accept(MessageView view) throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            OPTIONS.put(arguments[i].substring(2), arguments[i + 1]);
        }
        Map<String, Work> works = new LinkedHashMap<>();
        works.put("normal", GrpcClient::normal);
        works.put("push", GrpcClient::push);
        works.put("fifo", GrpcClient::fifo);
        works.put("delay", GrpcClient::delay);
        works.put("transaction", GrpcClient::transaction);
        works.put("invisible", GrpcClient::invisible);
        works.put("dlq", GrpcClient::dlq);
        works.put("types", GrpcClient::types);
        CountDownLatch all = new CountDownLatch(OPTIONS.get("scenarios").split(",").length);
        for (String name : OPTIONS.get("scenarios").split(",")) {
            new Thread(() -> {
                Scene scene = new Scene(name);
                try {
                    works.get(name).run(scene);
                    scene.say("done");
                } catch (Throwable error) {
                    scene.say("failed", "error", sentence(error));
                } finally {
                    all.countDown();
                }
            }).start();
        }
        all.await();
        System.exit(0);
    }

    private static String sentence(Throwable error) {
        StringBuilder text = new StringBuilder();
        for (Throwable at = error; at != null; at = at.getCause()) {
            text.append(at).append("; ");
        }
        return text.toString().replaceAll("\\s+", "_");
    }

    private static final class Scene {
        final String name;
        final String topic;

        Scene(String name) {
            this.name = name;
            this.topic = OPTIONS.get("run") + "-" + name;
        }

        void say(String word, Object... pairs) {
            StringBuilder line = new StringBuilder(name).append(' ').append(word);
            for (int i = 0; i < pairs.length; i += 2) {
                line.append(' ').append(pairs[i]).append('=').append(pairs[i + 1]);
            }
            line.append(" at=").append(System.currentTimeMillis());
            synchronized (System.out) {
                System.out.println(line);
                System.out.flush();
            }
        }

        ClientConfiguration configuration() {
            return ClientConfiguration.newBuilder().setEndpoints(OPTIONS.get("endpoints")).enableSsl(false)
                .setRequestTimeout(Duration.ofSeconds(20)).build();
        }

        Producer producer(TransactionChecker checker) throws Exception {
            ProducerBuilder builder = PROVIDER.newProducerBuilder().setClientConfiguration(configuration()).setTopics(topic);
            if (checker != null) {
                builder.setTransactionChecker(checker);
            }
            return builder.build();
        }

        MessageBuilder message(String body) {
            return PROVIDER.newMessageBuilder().setTopic(topic).setBody(body.getBytes(StandardCharsets.UTF_8));
        }

        SendReceipt send(Producer producer, Message message, String body) throws Exception {
            SendReceipt receipt = producer.send(message);
            say("sent", "body", body, "id", receipt.getMessageId());
            return receipt;
        }

        SimpleConsumer simple(String group, FilterExpression filter) throws Exception {
            return PROVIDER.newSimpleConsumerBuilder().setClientConfiguration(configuration())
                .setConsumerGroup(topic + "-" + group).setAwaitDuration(Duration.ofSeconds(3))
                .setSubscriptionExpressions(Collections.singletonMap(topic, filter)).build();
        }

        PushConsumer push(String group, MessageListener listener) throws Exception {
            return PROVIDER.newPushConsumerBuilder().setClientConfiguration(configuration())
                .setConsumerGroup(topic + "-" + group).setMessageListener(listener)
                .setSubscriptionExpressions(Collections.singletonMap(topic, FilterExpression.SUB_ALL)).build();
        }

        void received(String word, MessageView view) {
            say(word, "body", body(view), "id", view.getMessageId(), "attempt", view.getDeliveryAttempt(),
                "tag", view.getTag().orElse(""), "key", String.join(",", view.getKeys()), "n",
                view.getProperties().getOrDefault("n", ""), "group", view.getMessageGroup().orElse(""));
        }

        /** Receives until {@code count} different messages have come or the time is up; each goes to {@code then}. */
        int receive(SimpleConsumer consumer, int count, int seconds, Duration invisible, Received then) throws Exception {
            Set<String> seen = ConcurrentHashMap.newKeySet();
            long deadline = System.currentTimeMillis() + seconds * 1000L;
            while (seen.size() < count && System.currentTimeMillis() < deadline) {
                List<MessageView> views;
                try {
                    views = consumer.receive(16, invisible);
                } catch (Exception error) {
                    say("receive-failed", "error", sentence(error));
                    Thread.sleep(500);
                    continue;
                }
                for (MessageView view : views) {
                    then.accept(view);
                    seen.add(body(view));
                }
            }
            return seen.size();
        }
    }

    private static String body(MessageView view) {
        return StandardCharsets.UTF_8.decode(view.getBody()).toString();
    }

    private static void normal(Scene scene) throws Exception {
        Producer producer = scene.producer(null);
        for (int n = 0; n < 20; n++) {
            scene.send(producer, scene.message(String.valueOf(n)).setTag(n % 2 == 0 ? "even" : "odd").setKeys("key-" + n)
                .addProperty("n", String.valueOf(n)).build(), String.valueOf(n));
        }
        FilterExpression[] filters = {
            FilterExpression.SUB_ALL, new FilterExpression("odd"), new FilterExpression("n > 14", FilterExpressionType.SQL92)
        };
        String[] words = {"all", "tag", "sql"};
        int[] counts = {20, 10, 5};
        Thread[] threads = new Thread[3];
        for (int i = 0; i < 3; i++) {
            int which = i;
            threads[i] = new Thread(() -> {
                try {
                    SimpleConsumer consumer = scene.simple(words[which], filters[which]);
                    scene.receive(consumer, counts[which], 40, LONG, view -> {
                        scene.received(words[which], view);
                        consumer.ack(view);
                        scene.say(words[which] + "-acked", "body", body(view));
                    });
                    // Nothing more: neither what the filter leaves out nor what has been acknowledged.
                    scene.receive(consumer, 1, 1, LONG, view -> scene.received(words[which], view));
                } catch (Exception error) {
                    scene.say(words[which] + "-failed", "error", sentence(error));
                }
            });
            threads[i].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private static void push(Scene scene) throws Exception {
        CountDownLatch done = new CountDownLatch(11);
        scene.push("group", view -> {
            scene.received("received", view);
            done.countDown();
            return body(view).equals("3") && view.getDeliveryAttempt() == 1 ? ConsumeResult.FAILURE : ConsumeResult.SUCCESS;
        });
        Producer producer = scene.producer(null);
        for (int n = 0; n < 10; n++) {
            scene.send(producer, scene.message(String.valueOf(n)).build(), String.valueOf(n));
        }
        done.await(60, TimeUnit.SECONDS);
    }

    private static void fifo(Scene scene) throws Exception {
        Producer producer = scene.producer(null);
        for (int n = 0; n < 5; n++) {
            for (String group : new String[] {"a", "b", "c"}) {
                scene.send(producer, scene.message(group + n).setMessageGroup(group).build(), group + n);
            }
        }
        CountDownLatch done = new CountDownLatch(15);
        Set<String> seen = ConcurrentHashMap.newKeySet();
        scene.push("push", view -> {
            scene.received("pushed", view);
            if (body(view).equals("b2") && view.getDeliveryAttempt() == 1) {
                return ConsumeResult.FAILURE;
            }
            if (seen.add(body(view))) {
                done.countDown();
            }
            return ConsumeResult.SUCCESS;
        });
        SimpleConsumer consumer = scene.simple("simple", FilterExpression.SUB_ALL);
        // While a message is out, its group has to wait: here for 4 s, which is longer than the rest takes.
        boolean[] held = {false};
        scene.receive(consumer, 15, 60, LONG, view -> {
            scene.received("received", view);
            if (body(view).equals("a0") && !held[0]) {
                held[0] = true;
                scene.say("holds", "body", "a0");
                scene.receive(consumer, 100, 4, LONG, other -> {
                    scene.received("received", other);
                    consumer.ack(other);
                });
                scene.say("releases", "body", "a0");
            }
            consumer.ack(view);
        });
        done.await(60, TimeUnit.SECONDS);
    }

    private static void delay(Scene scene) throws Exception {
        Producer producer = scene.producer(null);
        SimpleConsumer consumer = scene.simple("group", FilterExpression.SUB_ALL);
        for (int seconds : new int[] {3, 5}) {
            long due = System.currentTimeMillis() + seconds * 1000L;
            SendReceipt receipt = producer.send(scene.message("d" + seconds).setDeliveryTimestamp(due).build());
            scene.say("sent", "body", "d" + seconds, "id", receipt.getMessageId(), "due", due);
        }
        SendReceipt recalled = producer.send(
            scene.message("recalled").setDeliveryTimestamp(System.currentTimeMillis() + 7_000).build());
        scene.say("recalled", "id", producer.recallMessage(scene.topic, recalled.getRecallHandle()).getMessageId(),
            "sent", recalled.getMessageId());
        long due = System.currentTimeMillis() + 9_000;
        producer.send(scene.message("last").setDeliveryTimestamp(due).build());
        scene.say("sent", "body", "last", "due", due);
        try {
            producer.send(scene.message("far").setDeliveryTimestamp(System.currentTimeMillis() + TimeUnit.DAYS.toMillis(30)).build());
            scene.say("sent", "body", "far");
        } catch (Exception error) {
            scene.say("refused", "error", sentence(error));
        }
        scene.receive(consumer, 3, 40, LONG, view -> {
            scene.received("received", view);
            consumer.ack(view);
        });
        scene.receive(consumer, 1, 2, LONG, view -> scene.received("received", view));
    }

    private static void transaction(Scene scene) throws Exception {
        Producer producer = scene.producer(view -> {
            scene.say("check", "body", body(view), "id", view.getMessageId());
            return body(view).equals("left-commit") ? TransactionResolution.COMMIT
                : body(view).equals("left-rollback") ? TransactionResolution.ROLLBACK : TransactionResolution.UNKNOWN;
        });
        SimpleConsumer consumer = scene.simple("group", FilterExpression.SUB_ALL);
        for (String body : new String[] {"commit", "rollback", "left-commit", "left-rollback"}) {
            Transaction transaction = producer.beginTransaction();
            SendReceipt receipt = producer.send(scene.message(body).addProperty("n", body).build(), transaction);
            scene.say("sent", "body", body, "id", receipt.getMessageId());
            if (body.equals("commit")) {
                transaction.commit();
            } else if (body.equals("rollback")) {
                transaction.rollback();
            }
        }
        scene.receive(consumer, 2, 60, LONG, view -> {
            scene.received("received", view);
            consumer.ack(view);
        });
        scene.receive(consumer, 1, 3, LONG, view -> scene.received("received", view));
    }

    private static void invisible(Scene scene) throws Exception {
        Producer producer = scene.producer(null);
        scene.send(producer, scene.message("x").build(), "x");
        SimpleConsumer consumer = scene.simple("group", FilterExpression.SUB_ALL);
        scene.receive(consumer, 1, 30, LONG, view -> {
            scene.received("received", view);
            consumer.changeInvisibleDuration(view, Duration.ofSeconds(2));
            scene.say("changed");
        });
        MessageView[] second = new MessageView[1];
        scene.receive(consumer, 1, 30, Duration.ofSeconds(2), view -> {
            scene.received("received", view);
            second[0] = view;
        });
        Thread.sleep(2500);
        try {
            consumer.ack(second[0]);
            scene.say("late-ack-accepted");
        } catch (Exception error) {
            scene.say("late-ack-refused", "error", sentence(error));
        }
        scene.receive(consumer, 1, 30, LONG, view -> {
            scene.received("received", view);
            consumer.ack(view);
        });
        scene.receive(consumer, 1, 3, LONG, view -> scene.received("received", view));
    }

    private static void dlq(Scene scene) throws Exception {
        PushConsumer consumer = scene.push("group", view -> {
            scene.received("received", view);
            return ConsumeResult.FAILURE;
        });
        scene.send(scene.producer(null), scene.message("poison").build(), "poison");
        // The suite looks for the dead letter and ends this program.
        Thread.sleep(60_000);
        consumer.close();
    }

    private static void types(Scene scene) throws Exception {
        Producer producer = scene.producer(null);
        scene.send(producer, scene.message("fits").setMessageGroup("g").build(), "fits");
        try {
            producer.send(scene.message("normal").build());
            scene.say("sent", "body", "normal");
        } catch (Exception error) {
            scene.say("refused", "error", sentence(error));
        }
    }
}
