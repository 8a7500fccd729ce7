import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * A compaction topic as an application uses it with the official Java client. Each line of standard input is a command, and
 * one line of standard output its answer; what went wrong is answered as {@code failed}.
 *
 * put BROKER TOPIC QUEUE SIZE KEY=VALUE...   sends one by one; "-" stands for no key. Answers with the queue offsets.
 * batch BROKER TOPIC QUEUE KEY=VALUE...      sends them as one batch.
 * pull BROKER TOPIC QUEUE OFFSET             answers with status, next, min and max offset and the messages.
 * read BROKER TOPIC QUEUE OFFSET             pulls until the end; answers with the messages.
 * offsets BROKER TOPIC QUEUE                 minOffset and maxOffset.
 */
public final class Compaction {
    private static DefaultMQProducer producer;
    private static DefaultMQPullConsumer consumer;

    public static void main(String[] arguments) throws Exception {
        producer = new DefaultMQProducer("compaction_producers");
        producer.setNamesrvAddr(arguments[0]);
        producer.start();
        consumer = new DefaultMQPullConsumer("compaction_readers");
        consumer.setNamesrvAddr(arguments[0]);
        consumer.start();
        System.out.println("ready");
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String answer;
            try {
                answer = run(line.split(" "));
            } catch (MQBrokerException error) {
                answer = "failed " + error.getResponseCode() + " " + error.getErrorMessage();
            } catch (Exception error) {
                answer = "failed " + error;
            }
            System.out.println(answer.replace('\n', ' '));
            System.out.flush();
        }
        System.exit(0);
    }

    private static String run(String[] words) throws Exception {
        MessageQueue queue = new MessageQueue(words[2], words[1], Integer.parseInt(words[3]));
        switch (words[0]) {
            case "put": {
                StringBuilder offsets = new StringBuilder("sent");
                for (int i = 5; i < words.length; i++) {
                    Message message = message(words[2], words[i], Integer.parseInt(words[4]));
                    offsets.append(' ').append(producer.send(message, queue).getQueueOffset());
                }
                return offsets.toString();
            }
            case "batch": {
                List<Message> batch = new ArrayList<>();
                for (int i = 4; i < words.length; i++) {
                    batch.add(message(words[2], words[i], 0));
                }
                return "sent " + producer.send(batch, queue).getQueueOffset();
            }
            case "pull": {
                PullResult result = consumer.pull(queue, "*", Long.parseLong(words[4]), 32);
                return "pulled " + result.getPullStatus() + " " + result.getNextBeginOffset() + " " + result.getMinOffset() + " "
                    + result.getMaxOffset() + print(result);
            }
            case "read": {
                StringBuilder all = new StringBuilder("read");
                long at = Long.parseLong(words[4]);
                while (true) {
                    PullResult result = consumer.pull(queue, "*", at, 32);
                    switch (result.getPullStatus()) {
                        case FOUND:
                            all.append(print(result));
                            break;
                        case NO_NEW_MSG:
                            return all.toString();
                        default:
                            if (result.getNextBeginOffset() == at) {
                                return all.toString();
                            }
                    }
                    at = result.getNextBeginOffset();
                }
            }
            case "offsets":
                return "offsets " + consumer.minOffset(queue) + " " + consumer.maxOffset(queue);
            default:
                throw new IllegalArgumentException("unknown command " + words[0]);
        }
    }

    private static Message message(String topic, String pair, int size) {
        String[] parts = pair.split("=", 2);
        StringBuilder body = new StringBuilder(parts[1]).append(' ');
        while (body.length() < size) {
            body.append('x');
        }
        Message message = new Message(topic, body.toString().getBytes(StandardCharsets.UTF_8));
        if (!parts[0].equals("-")) {
            message.setKeys(parts[0]);
        }
        return message;
    }

    private static String print(PullResult result) {
        StringBuilder text = new StringBuilder();
        if (result.getMsgFoundList() != null) {
            for (MessageExt message : result.getMsgFoundList()) {
                String body = message.getBody() == null ? "" : new String(message.getBody(), StandardCharsets.UTF_8);
                text.append(' ').append(message.getQueueOffset()).append(':').append(message.getKeys()).append('=')
                    .append(body.split(" ", 2)[0]);
            }
        }
        return text.toString();
    }
}
