"""The load of visitors who come once: each call has a TLS connection of its own."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.benchmarks.client import CLIENTS, Load, Target, check


def visits(target: Target, *, first: int, seconds: float = 1e9, calls: int = 10**9) -> Load:
    """Eight at a time: connect, CONNECT, a handshake without a session, one call, goodbye.

    Each answer is looked at: RuntimeError for anything but 200 and the GIF.
    """
    load, lock = Load(), threading.Lock()
    requests, connect = target.calls(first), target.connect()
    tickets = itertools.count(1)
    busy, start = time.process_time(), time.perf_counter()

    def visitor() -> None:
        while next(tickets) <= calls and time.perf_counter() < start + seconds:
            with lock:
                request = next(requests)
            began = time.perf_counter()
            with connect() as end:
                end.sendall(request)
                answer = b""
                while not answer.endswith(target.gif):
                    if not (more := end.recv(65536)):
                        raise RuntimeError("the server hung up before it had answered")
                    answer += more
            check(answer, target.gif)
            load.latencies.append(time.perf_counter() - began)

    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(visitor) for _ in range(CLIENTS)]:
            done.result()
    load.seconds, load.cpu = time.perf_counter() - start, time.process_time() - busy
    load.answered = len(load.latencies)
    return load
