"""The Python client over the C++ one, behind the command line that every client of the suites has (see RocketClient.java)."""
import os
import sys
import threading
import time

from rocketmq.client import Message, Producer, PullConsumer, PushConsumer

options = dict(zip([name[2:] for name in sys.argv[2::2]], sys.argv[3::2]))
output = threading.Lock()


def option(name, otherwise=None):
    return options.get(name, otherwise)


def number(name, otherwise):
    return int(option(name, otherwise))


def say(*words):
    with output:
        sys.stdout.write(" ".join(str(word) for word in words) + "\n")
        sys.stdout.flush()


def message(n):
    made = Message(option("topic"))
    made.set_tags("even" if n % 2 == 0 else "odd")
    made.set_keys("key-%d" % n)
    made.set_property("n", str(n))
    made.set_body(("%d " % n).ljust(number("size", 0), "x"))
    return made


def send_until_acknowledged(producer, n):
    deadline = time.time() + 60
    while True:
        try:
            result = producer.send_sync(message(n))
            if result.status.name == "OK":
                return say("sent", n, result.msg_id)
            say("status", n, result.status.name)
        except Exception as error:  # pylint: disable=broad-except
            say("failed", n, str(error).replace("\n", " "))
        if time.time() > deadline:
            raise RuntimeError("message %d was not acknowledged within 60 s" % n)
        time.sleep(0.2)


def send():
    producer = Producer(option("group", "e2e_producers"), timeout=number("timeout-ms", 3000))
    producer.set_namesrv_addr(option("name-server"))
    producer.start()
    start, count, mode = number("start", 0), number("count", 1), option("mode", "sync")
    numbers = range(start, start + count)
    if mode == "batch":
        for at in range(0, count, 10):
            part = numbers[at : at + 10]
            result = producer.send_batch([message(n) for n in part])
            for n in part:
                say("sent", n, result.msg_id)
    elif mode == "oneway":
        for n in numbers:
            producer.send_oneway(message(n))
            say("sent", n)
        time.sleep(1)
    elif mode == "async":
        answers = threading.Semaphore(0)

        def succeeded(n):
            def callback(result):
                say("sent", n, result.msg_id)
                answers.release()

            return callback

        def failed(n):
            def callback(error):
                say("failed", n, str(error).replace("\n", " "))
                answers.release()

            return callback

        for n in numbers:
            producer.send_async(message(n), succeeded(n), failed(n))
        for _ in numbers:
            answers.acquire(timeout=60)
    else:
        for n in numbers:
            send_until_acknowledged(producer, n)
            time.sleep(number("pause-ms", 0) / 1000)


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def received(got):
    n = text(got.body).split(" ")[0]
    say("received", n, got.queue_id, got.queue_offset, text(got.tags), text(got.get_property("n")))
    return n


def pull():
    consumer = PullConsumer(option("group", "e2e_pullers"))
    consumer.set_namesrv_addr(option("name-server"))
    consumer.start()
    seen, expect = set(), number("expect", 1 << 30)
    deadline = time.time() + number("seconds", 30)
    # Each round goes on where the one before stopped: a queue with nothing new ends its part of the round.
    while len(seen) < expect and time.time() < deadline:
        for got in consumer.pull(option("topic"), option("tags", "*")):
            seen.add(received(got))


def push():
    consumer = PushConsumer(option("group", "e2e_pushers"))
    consumer.set_namesrv_addr(option("name-server"))
    seen, done, expect = set(), threading.Event(), number("expect", 1 << 30)

    def callback(got):
        seen.add(received(got))
        if len(seen) >= expect:
            done.set()

    consumer.subscribe(option("topic"), callback, option("tags", "*"))
    consumer.start()
    say("started")
    complete = done.wait(number("seconds", 30))
    time.sleep(0.2)
    say("complete" if complete else "incomplete", len(seen))


{"send": send, "pull": pull, "push": push}[sys.argv[1]]()
# The C++ client's destructors may wait for its threads for ever.
sys.stdout.flush()
os._exit(0)
