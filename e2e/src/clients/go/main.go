// The official Go client behind the command line that every client of the end-to-end suites has (see RocketClient.java).
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

var options = map[string]string{}

func option(name, otherwise string) string {
	if value, ok := options[name]; ok {
		return value
	}
	return otherwise
}

func number(name string, otherwise int) int {
	value, err := strconv.Atoi(option(name, strconv.Itoa(otherwise)))
	must(err)
	return value
}

func must(err error) {
	if err != nil {
		say("failed -1 %v", err)
		os.Exit(1)
	}
}

var output sync.Mutex

func say(format string, values ...interface{}) {
	output.Lock()
	defer output.Unlock()
	fmt.Printf(format+"\n", values...)
}

func message(n int) *primitive.Message {
	body := strconv.Itoa(n) + " "
	if size := number("size", 0); len(body) < size {
		body += strings.Repeat("x", size-len(body))
	}
	message := primitive.NewMessage(option("topic", ""), []byte(body))
	tag := "odd"
	if n%2 == 0 {
		tag = "even"
	}
	message.WithTag(tag)
	message.WithKeys([]string{"key-" + strconv.Itoa(n)})
	message.WithProperty("n", strconv.Itoa(n))
	return message
}

func send() {
	p, err := rocketmq.NewProducer(
		producer.WithNameServer([]string{option("name-server", "")}),
		producer.WithGroupName(option("group", "e2e_producers")),
		producer.WithSendMsgTimeout(time.Duration(number("timeout-ms", 3000))*time.Millisecond),
	)
	must(err)
	must(p.Start())
	start, count := number("start", 0), number("count", 1)
	ctx := context.Background()
	var answers sync.WaitGroup
	switch option("mode", "sync") {
	case "batch":
		for at := 0; at < count; at += 10 {
			var batch []*primitive.Message
			for n := start + at; n < start+count && n < start+at+10; n++ {
				batch = append(batch, message(n))
			}
			result, err := p.SendSync(ctx, batch...)
			must(err)
			for i := range batch {
				say("sent %d %s", start+at+i, result.MsgID)
			}
		}
	case "oneway":
		for n := start; n < start+count; n++ {
			must(p.SendOneWay(ctx, message(n)))
			say("sent %d", n)
		}
		time.Sleep(time.Second)
	case "async":
		for n := start; n < start+count; n++ {
			n := n
			answers.Add(1)
			must(p.SendAsync(ctx, func(_ context.Context, result *primitive.SendResult, err error) {
				defer answers.Done()
				if err != nil {
					say("failed %d %v", n, err)
				} else {
					say("sent %d %s", n, result.MsgID)
				}
			}, message(n)))
		}
		answers.Wait()
	default:
		for n := start; n < start+count; n++ {
			deadline := time.Now().Add(60 * time.Second)
			for {
				result, err := p.SendSync(ctx, message(n))
				if err == nil && result.Status == primitive.SendOK {
					say("sent %d %s %s %d %d", n, result.MsgID, result.OffsetMsgID, result.MessageQueue.QueueId, result.QueueOffset)
					break
				}
				if err != nil {
					say("failed %d %v", n, err)
				} else {
					say("status %d %v", n, result.Status)
				}
				if time.Now().After(deadline) {
					must(fmt.Errorf("message %d was not acknowledged within 60 s", n))
				}
				time.Sleep(200 * time.Millisecond)
			}
			time.Sleep(time.Duration(number("pause-ms", 0)) * time.Millisecond)
		}
	}
	_ = p.Shutdown()
}

func received(message *primitive.MessageExt) string {
	n := strings.SplitN(string(message.Body), " ", 2)[0]
	say("received %s %d %d %s %s", n, message.Queue.QueueId, message.QueueOffset, message.GetTags(), message.GetProperty("n"))
	return n
}

func selector() consumer.MessageSelector {
	return consumer.MessageSelector{Type: consumer.TAG, Expression: option("tags", "*")}
}

// Until --expect messages have come, or --seconds have passed.
func pull() {
	c, err := rocketmq.NewPullConsumer(
		consumer.WithNameServer([]string{option("name-server", "")}),
		consumer.WithGroupName(option("group", "e2e_pullers")),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	)
	must(err)
	must(c.Subscribe(option("topic", ""), selector()))
	must(c.Start())
	seen := map[string]bool{}
	expect := number("expect", 1<<30)
	deadline := time.Now().Add(time.Duration(number("seconds", 30)) * time.Second)
	for len(seen) < expect && time.Now().Before(deadline) {
		request, err := c.Poll(context.Background(), time.Second)
		if err != nil {
			continue
		}
		for _, message := range request.GetMsgList() {
			message.Queue = request.GetMQ()
			seen[received(message)] = true
		}
		c.ACK(context.Background(), request, consumer.ConsumeSuccess)
	}
	_ = c.Shutdown()
}

func push() {
	c, err := rocketmq.NewPushConsumer(
		consumer.WithNameServer([]string{option("name-server", "")}),
		consumer.WithGroupName(option("group", "e2e_pushers")),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	)
	must(err)
	seen := sync.Map{}
	count := 0
	var counting sync.Mutex
	expect := number("expect", 1<<30)
	done := make(chan bool)
	var once sync.Once
	must(c.Subscribe(option("topic", ""), selector(), func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, message := range messages {
			if _, known := seen.LoadOrStore(received(message), true); !known {
				counting.Lock()
				count++
				if count >= expect {
					once.Do(func() { close(done) })
				}
				counting.Unlock()
			}
		}
		return consumer.ConsumeSuccess, nil
	}))
	must(c.Start())
	say("started")
	select {
	case <-done:
		// What was acknowledged last is on its way to the offset store.
		time.Sleep(200 * time.Millisecond)
		_ = c.Shutdown()
		say("complete %d", count)
	case <-time.After(time.Duration(number("seconds", 30)) * time.Second):
		_ = c.Shutdown()
		say("incomplete %d", count)
	}
}

func main() {
	rlog.SetLogLevel("fatal")
	for i := 2; i+1 < len(os.Args); i += 2 {
		options[strings.TrimPrefix(os.Args[i], "--")] = os.Args[i+1]
	}
	switch os.Args[1] {
	case "send":
		send()
	case "pull":
		pull()
	case "push":
		push()
	default:
		must(fmt.Errorf("unknown command %s", os.Args[1]))
	}
	os.Exit(0)
}
