"""A process with threads that come and go, use CPU time, and change their names, until it is ended."""
import random
import threading
import time

NAMES = ["reader", "writer", "worker", "idle"]


def rename(name):
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as comm:
        comm.write(name)


def run():
    for _ in range(random.randint(1, 4)):
        rename(random.choice(NAMES))
        end = time.thread_time() + random.random() / 20
        while time.thread_time() < end:
            pass
        time.sleep(random.random() / 2)


def main():
    while True:
        threads = [threading.Thread(target=run, daemon=True) for _ in range(random.randint(1, 5))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


main()
