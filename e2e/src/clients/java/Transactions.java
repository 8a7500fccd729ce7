import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.TransactionSendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * A TransactionMQProducer that does what it reads from its standard input:
 *   send N EXECUTE CHECK    EXECUTE is what its local transaction says: COMMIT, ROLLBACK, UNKNOW, THROW, or GATE (COMMIT, after
 *                           `open N`); CHECK is what it says when asked: states with commas between, the last one again and again
 *   open N
 * Whoever of the group is asked finds both in the message. It prints `started`, `executing N`, `sent N STATE msgId
 * offsetMsgId queueOffset`, `failed N why`, and `checked N TIMES STATE`.
 */
public final class Transactions {
    private static final Map<String, String> OPTIONS = new HashMap<>();
    private static final Map<String, CountDownLatch> GATES = new ConcurrentHashMap<>();

    public static void main(String[] arguments) throws Exception {
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            OPTIONS.put(arguments[i].substring(2), arguments[i + 1]);
        }
        TransactionMQProducer producer = new TransactionMQProducer(OPTIONS.get("group"));
        producer.setNamesrvAddr(OPTIONS.get("name-server"));
        producer.setInstanceName(OPTIONS.get("instance"));
        producer.setHeartbeatBrokerInterval(1000);
        producer.setSendMsgTimeout(30_000);
        producer.setTransactionListener(new Listener());
        producer.start();
        say("started");
        ExecutorService workers = Executors.newCachedThreadPool();
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split(" ");
            if (words[0].equals("open")) {
                gate(words[1]).countDown();
            } else if (words[0].equals("send")) {
                workers.execute(() -> send(producer, words[1], words[2], words[3]));
            }
        }
        producer.shutdown();
        System.exit(0);
    }

    private static CountDownLatch gate(String number) {
        return GATES.computeIfAbsent(number, any -> new CountDownLatch(1));
    }

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static void send(TransactionMQProducer producer, String number, String execute, String check) {
        try {
            Message message = new Message(OPTIONS.get("topic"), "tag", "key-" + number,
                (number + " body").getBytes(StandardCharsets.UTF_8));
            message.putUserProperty("n", number);
            message.putUserProperty("execute", execute);
            message.putUserProperty("check", check);
            TransactionSendResult result = null;
            for (int attempt = 0; result == null; attempt++) {
                try {
                    result = producer.sendMessageInTransaction(message, null);
                } catch (Exception error) {
                    // Nothing was sent: a busy machine's name server did not say in time where to.
                    if (!(error.getCause() instanceof IllegalStateException) || attempt == 5) {
                        throw error;
                    }
                }
            }
            say("sent " + number + " " + result.getLocalTransactionState() + " " + result.getMsgId() + " "
                + result.getOffsetMsgId() + " " + result.getQueueOffset());
        } catch (Throwable error) {
            say("failed " + number + " " + error.toString().replace('\n', ' ') + ", because of " + error.getCause());
        }
    }

    private static LocalTransactionState state(String word) {
        switch (word) {
            case "COMMIT": return LocalTransactionState.COMMIT_MESSAGE;
            case "ROLLBACK": return LocalTransactionState.ROLLBACK_MESSAGE;
            default: return LocalTransactionState.UNKNOW;
        }
    }

    private static final class Listener implements TransactionListener {
        @Override public LocalTransactionState executeLocalTransaction(Message message, Object argument) {
            String number = message.getUserProperty("n");
            String execute = message.getUserProperty("execute");
            say("executing " + number);
            if (execute.equals("THROW")) {
                throw new IllegalStateException("the local transaction failed");
            }
            if (execute.equals("GATE")) {
                try {
                    gate(number).await();
                } catch (InterruptedException error) {
                    return LocalTransactionState.UNKNOW;
                }
                return LocalTransactionState.COMMIT_MESSAGE;
            }
            return state(execute);
        }

        @Override public LocalTransactionState checkLocalTransaction(MessageExt message) {
            String times = message.getUserProperty("TRANSACTION_CHECK_TIMES");
            String[] answers = message.getUserProperty("check").split(",");
            int index = Math.min(answers.length, times == null ? 1 : Integer.parseInt(times)) - 1;
            say("checked " + message.getUserProperty("n") + " " + times + " " + answers[index]);
            return state(answers[index]);
        }
    }
}
