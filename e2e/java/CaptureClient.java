import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.compression.CompressionType;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** Makes a client, a consumer and an administrator say all that the captures need. Arguments: name server, broker. */
public class CaptureClient {
    private static final String TOPIC = "CaptureTopic";
    private static final String GROUP = "capture_group";

    interface Step { void run() throws Exception; }

    private static void step(String name, Step step) {
        try {
            step.run();
            System.out.println("ok " + name);
        } catch (Throwable e) {
            System.out.println("failed " + name + ": " + e);
        }
    }

    public static void main(String[] args) throws Exception {
        String nameServer = args[0];
        String broker = args[1];
        DefaultMQAdminExt admin = new DefaultMQAdminExt();
        admin.setNamesrvAddr(nameServer);
        admin.setInstanceName("admin");
        admin.setClientIP("127.0.0.1");
        admin.start();

        TopicConfig topicConfig = new TopicConfig(TOPIC, 4, 4, 6);
        topicConfig.setAttributes(Collections.singletonMap("+message.type", "NORMAL"));
        step("createTopic", () -> admin.createAndUpdateTopicConfig(broker, topicConfig));
        SubscriptionGroupConfig group = new SubscriptionGroupConfig();
        group.setGroupName(GROUP);
        step("createGroup", () -> admin.createAndUpdateSubscriptionGroupConfig(broker, group));
        Thread.sleep(1500);

        DefaultMQProducer producer = new DefaultMQProducer("capture_producer");
        producer.setNamesrvAddr(nameServer);
        producer.setInstanceName("producer");
        producer.setClientIP("127.0.0.1");
        producer.start();
        Message message = new Message(TOPIC, "TagA", "key1 key2", 7, "hello".getBytes(StandardCharsets.UTF_8), true);
        message.putUserProperty("city", "\u6771\u4eac");
        SendResult[] result = new SendResult[1];
        step("send", () -> result[0] = producer.send(message));
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            batch.add(new Message(TOPIC, "TagB", "batch" + i, ("batch body " + i).getBytes(StandardCharsets.UTF_8)));
        }
        step("batch", () -> producer.send(batch));
        step("sendOneway", () -> producer.sendOneway(new Message(TOPIC, "TagC", "oneway".getBytes())));
        byte[] large = new byte[6000];
        for (int i = 0; i < large.length; i++) {
            large[i] = (byte) ('a' + (i / 40 + i) % 23);
        }
        int serial = 0;
        for (CompressionType type : CompressionType.values()) {
            DefaultMQProducer compressing = new DefaultMQProducer("capture_" + type);
            compressing.setNamesrvAddr(nameServer);
            compressing.setInstanceName("producer" + serial++);
            compressing.setClientIP("127.0.0.1");
            compressing.setCompressType(type);
            compressing.start();
            step("compressed " + type, () -> compressing.send(new Message(TOPIC, "Tag" + type, "compressed" + type, large)));
            compressing.shutdown();
        }
        step("delayed", () -> {
            Message delayed = new Message(TOPIC, "TagD", "delayed".getBytes());
            delayed.setDelayTimeLevel(1);
            producer.send(delayed);
        });

        CountDownLatch consumed = new CountDownLatch(7);
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(GROUP);
        consumer.setNamesrvAddr(nameServer);
        consumer.setInstanceName("consumer");
        consumer.setClientIP("127.0.0.1");
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(TOPIC, "TagA || TagB || TagZLIB || TagLZ4 || TagZSTD");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (int i = 0; i < messages.size(); i++) {
                consumed.countDown();
            }
            return consumed.getCount() == 6 ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        DefaultMQPushConsumer orderly = new DefaultMQPushConsumer("capture_orderly");
        orderly.setNamesrvAddr(nameServer);
        orderly.setInstanceName("orderly");
        orderly.setClientIP("127.0.0.1");
        orderly.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        orderly.subscribe(TOPIC, "*");
        orderly.registerMessageListener((MessageListenerOrderly) (messages, context) -> ConsumeOrderlyStatus.SUCCESS);
        orderly.start();
        System.out.println("consumed all: " + consumed.await(30, TimeUnit.SECONDS));
        Thread.sleep(6000);

        step("route", () -> admin.examineTopicRouteInfo(TOPIC));
        step("clusterInfo", () -> admin.examineBrokerClusterInfo());
        step("topicList", () -> admin.fetchAllTopicList());
        step("queryMessage", () -> admin.queryMessage(TOPIC, "key1", 10, 0, Long.MAX_VALUE));
        step("viewMessage", () -> admin.viewMessage(TOPIC, result[0].getOffsetMsgId()));
        step("topicStats", () -> admin.examineTopicStats(TOPIC));
        step("topicConfig", () -> admin.examineTopicConfig(broker, TOPIC));
        step("allTopicConfig", () -> admin.getAllTopicConfig(broker, 5000));
        step("consumeStats", () -> admin.examineConsumeStats(GROUP));
        step("brokerConsumeStats", () -> admin.fetchConsumeStatsInBroker(broker, false, 5000));
        step("consumerConnection", () -> admin.examineConsumerConnectionInfo(GROUP));
        step("producerConnection", () -> admin.examineProducerConnectionInfo("capture_producer", TOPIC));
        step("consumerRunningInfo", () -> admin.getConsumerRunningInfo(GROUP, "127.0.0.1@consumer", false));
        step("consumeDirectly", () -> admin.consumeMessageDirectly(GROUP, "127.0.0.1@consumer", TOPIC, result[0].getMsgId()));
        step("allGroups", () -> admin.getAllSubscriptionGroup(broker, 5000));
        step("group", () -> admin.examineSubscriptionGroupConfig(broker, GROUP));
        step("topicConsumeByWho", () -> admin.queryTopicConsumeByWho(TOPIC));
        step("consumeTimeSpan", () -> admin.queryConsumeTimeSpan(TOPIC, GROUP));
        step("consumeQueue", () -> admin.queryConsumeQueue(broker, TOPIC, 0, 0, 10, GROUP));
        step("consumerStatus", () -> admin.getConsumeStatus(TOPIC, GROUP, ""));
        step("brokerStats", () -> admin.viewBrokerStatsData(broker, "TOPIC_PUT_NUMS", TOPIC));
        step("producerInfo", () -> admin.getAllProducerInfo(broker));
        step("offsets", () -> {
            MessageQueue queue = new MessageQueue(TOPIC, "broker-a", 0);
            admin.minOffset(queue);
            admin.maxOffset(queue);
            admin.searchOffset(queue, System.currentTimeMillis());
            admin.earliestMsgStoreTime(queue);
        });
        step("requestMode", () -> admin.setMessageRequestMode(broker, TOPIC, "capture_pop",
            org.apache.rocketmq.common.message.MessageRequestMode.POP, 0, 5000));
        step("resetOffset", () -> admin.resetOffsetByTimestamp(TOPIC, GROUP, 0, true));
        step("memberGroup", () -> admin.getBrokerHAStatus(broker));
        consumer.shutdown();
        orderly.shutdown();
        producer.shutdown();
        admin.shutdown();
        System.exit(0);
    }
}
