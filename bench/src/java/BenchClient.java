import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
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
 * Load through the official Java client: {@code sync|async|batch|pull|push} and {@code --name value} options. Says
 * {@code measuring} on standard error when the warm-up is over and prints one line of JSON at the end, as the generators
 * of this bench do.
 */
public final class BenchClient {
    private static final Map<String, String> OPTIONS = new HashMap<>();
    private static final AtomicLong DONE = new AtomicLong();
    private static final AtomicLong FAILED = new AtomicLong();
    private static final AtomicLong BYTES = new AtomicLong();
    private static volatile String firstFailure = "";
    private static volatile boolean measuring;
    private static volatile boolean stopping;
    private static volatile long measuredFrom;
    private static volatile double cpuFrom;

    public static void main(String[] arguments) throws Exception {
        for (int i = 1; i + 1 < arguments.length; i += 2) {
            OPTIONS.put(arguments[i].substring(2), arguments[i + 1]);
        }
        switch (arguments[0]) {
            case "sync": send(number("threads", 64), BenchClient::sendSync); break;
            case "async": send(1, BenchClient::sendAsync); break;
            case "batch": send(number("threads", 4), BenchClient::sendBatch); break;
            case "pull": pull(); break;
            case "push": push(); break;
            default: throw new IllegalArgumentException("unknown command " + arguments[0]);
        }
        System.exit(0);
    }

    private static int number(String name, int otherwise) {
        return Integer.parseInt(OPTIONS.getOrDefault(name, String.valueOf(otherwise)));
    }

    private static double cpuSeconds() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getProcessCpuTime() / 1e9;
    }

    private static void startMeasuring() {
        cpuFrom = cpuSeconds();
        measuredFrom = System.nanoTime();
        measuring = true;
        System.err.println("measuring");
    }

    private static void failed(Object why) {
        FAILED.incrementAndGet();
        if (firstFailure.isEmpty()) {
            firstFailure = String.valueOf(why);
        }
    }

    /** One sender's latencies in microseconds; a bounded sample that each thread fills for itself. */
    private static final class Latencies {
        private final int[] micros = new int[200_000];
        private int count;
        private long seen;

        synchronized void add(long nanos) {
            long at = seen++ < micros.length ? count++ : (long) (Math.random() * seen);
            if (at < micros.length) {
                micros[(int) at] = (int) Math.min(Integer.MAX_VALUE, nanos / 1000);
            }
        }

        synchronized int[] samples() {
            return Arrays.copyOf(micros, count);
        }
    }

    private interface Sender {
        void run(DefaultMQProducer producer, Latencies latencies) throws Exception;
    }

    private static void send(int threads, Sender sender) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("bench_java_producers");
        producer.setNamesrvAddr(OPTIONS.get("name-server"));
        producer.start();
        List<Latencies> all = new ArrayList<>();
        List<Thread> running = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            Latencies latencies = new Latencies();
            all.add(latencies);
            Thread thread = new Thread(() -> {
                try {
                    sender.run(producer, latencies);
                } catch (Exception error) {
                    failed(error);
                }
            });
            running.add(thread);
            thread.start();
        }
        Thread.sleep(number("warm-up-seconds", 10) * 1000L);
        long doneBefore = DONE.get();
        long failedBefore = FAILED.get();
        startMeasuring();
        Thread.sleep(number("seconds", 10) * 1000L);
        double seconds = (System.nanoTime() - measuredFrom) / 1e9;
        long done = DONE.get() - doneBefore;
        long failed = FAILED.get() - failedBefore;
        double cpu = cpuSeconds() - cpuFrom;
        stopping = true;
        int[] samples = all.stream().flatMapToInt(one -> Arrays.stream(one.samples())).sorted().toArray();
        System.out.printf(Locale.ROOT,
            "{\"acknowledged\":%d,\"failed\":%d,\"firstFailure\":%s,\"seconds\":%.6f,\"perSecond\":%.3f,"
                + "\"p50Ms\":%.3f,\"p99Ms\":%.3f,\"p999Ms\":%.3f,\"generatorCpuSeconds\":%.3f}%n",
            done, failed, quoted(firstFailure), seconds, done / seconds,
            percentile(samples, 0.5), percentile(samples, 0.99), percentile(samples, 0.999), cpu);
        System.out.flush();
        // Threads may be waiting for answers; what they wait for is no longer of interest.
        Runtime.getRuntime().halt(0);
    }

    private static double percentile(int[] sorted, double p) {
        return sorted.length == 0 ? Double.NaN : sorted[(int) Math.min(sorted.length - 1, sorted.length * p)] / 1000.0;
    }

    private static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("[\\x00-\\x1f]", " ") + '"';
    }

    private static final AtomicLong SERIAL = new AtomicLong();
    private static byte[] body;

    private static synchronized byte[] body() {
        if (body == null) {
            body = new byte[number("size", 1024)];
            Arrays.fill(body, (byte) 'x');
        }
        return body;
    }

    private static Message message() {
        return new Message(OPTIONS.get("topic"), "TagA", "order-" + SERIAL.incrementAndGet(), body());
    }

    private static void count(SendResult result, int messages, long startedAt, Latencies latencies) {
        if (result.getSendStatus() != SendStatus.SEND_OK) {
            failed(result.getSendStatus());
            return;
        }
        DONE.addAndGet(messages);
        if (measuring) {
            latencies.add(System.nanoTime() - startedAt);
        }
    }

    private static void sendSync(DefaultMQProducer producer, Latencies latencies) throws Exception {
        while (!stopping) {
            long startedAt = System.nanoTime();
            try {
                count(producer.send(message()), 1, startedAt, latencies);
            } catch (Exception error) {
                failed(error);
            }
        }
    }

    private static void sendBatch(DefaultMQProducer producer, Latencies latencies) throws Exception {
        int size = number("batch", 32);
        while (!stopping) {
            List<Message> messages = new ArrayList<>(size);
            for (int i = 0; i < size; i++) {
                messages.add(message());
            }
            long startedAt = System.nanoTime();
            try {
                count(producer.send(messages), size, startedAt, latencies);
            } catch (Exception error) {
                failed(error);
            }
        }
    }

    private static void sendAsync(DefaultMQProducer producer, Latencies latencies) throws Exception {
        Semaphore underWay = new Semaphore(number("in-flight", 512));
        while (!stopping) {
            underWay.acquire();
            long startedAt = System.nanoTime();
            // The client may call back twice for one send (a failure while it is being retried).
            AtomicBoolean ended = new AtomicBoolean();
            Runnable release = () -> {
                if (ended.compareAndSet(false, true)) {
                    underWay.release();
                }
            };
            try {
                producer.send(message(), new SendCallback() {
                    @Override public void onSuccess(SendResult result) {
                        count(result, 1, startedAt, latencies);
                        release.run();
                    }

                    @Override public void onException(Throwable error) {
                        failed(error);
                        release.run();
                    }
                });
            } catch (Exception error) {
                failed(error);
                release.run();
            }
        }
    }

    /** Counts what a consumer got; the warm-up and the measured part are given in messages, so that each consumer reads the same. */
    private static void consumed(int messages, long bytes) {
        long done = DONE.addAndGet(messages);
        if (measuring) {
            BYTES.addAndGet(bytes);
        } else if (done >= number("warm-up-count", 0)) {
            beginOnce(done);
        }
        if (done >= number("count", 0)) {
            endOnce(done);
        }
    }

    private static long doneBefore;
    private static boolean ended;

    private static synchronized void beginOnce(long done) {
        if (measuring) {
            return;
        }
        doneBefore = done;
        startMeasuring();
    }

    private static synchronized void endOnce(long done) {
        if (ended) {
            return;
        }
        ended = true;
        double seconds = (System.nanoTime() - measuredFrom) / 1e9;
        System.out.printf(Locale.ROOT,
            "{\"messages\":%d,\"seconds\":%.6f,\"perSecond\":%.3f,\"mibPerSecond\":%.3f,\"generatorCpuSeconds\":%.3f}%n",
            done - doneBefore, seconds, (done - doneBefore) / seconds, BYTES.get() / 1048576.0 / seconds, cpuSeconds() - cpuFrom);
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static long bytesOf(List<MessageExt> messages) {
        long bytes = 0;
        for (MessageExt message : messages) {
            bytes += message.getStoreSize();
        }
        return bytes;
    }

    /** One thread for each queue, one pull of 32 under way in each. */
    @SuppressWarnings("deprecation")
    private static void pull() throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer("bench_java_pullers");
        consumer.setNamesrvAddr(OPTIONS.get("name-server"));
        consumer.start();
        Set<MessageQueue> queues = consumer.fetchSubscribeMessageQueues(OPTIONS.get("topic"));
        for (MessageQueue queue : queues) {
            new Thread(() -> {
                try {
                    long offset = 0;
                    while (true) {
                        PullResult result = consumer.pull(queue, "*", offset, 32);
                        offset = result.getNextBeginOffset();
                        switch (result.getPullStatus()) {
                            case FOUND:
                                consumed(result.getMsgFoundList().size(), bytesOf(result.getMsgFoundList()));
                                break;
                            case NO_NEW_MSG: return;
                            default: break;
                        }
                    }
                } catch (Exception error) {
                    System.err.println(error);
                    System.exit(1);
                }
            }).start();
        }
        Thread.currentThread().join();
    }

    private static void push() throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer("bench_java_pushers");
        consumer.setNamesrvAddr(OPTIONS.get("name-server"));
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        // The listener does nothing; by one message a call its threads would be the load.
        consumer.setConsumeMessageBatchMaxSize(32);
        consumer.subscribe(OPTIONS.get("topic"), "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            consumed(messages.size(), bytesOf(messages));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        Thread.currentThread().join();
    }
}
