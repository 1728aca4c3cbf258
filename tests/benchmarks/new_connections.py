"""A load client that opens a new TLS connection for each call."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.benchmarks.client import CLIENTS, Load, Target, check


def new_connections(
    target: Target, *, first: int, seconds: float = 1e9, calls: int = 10**9
) -> Load:
    """Send calls, eight at a time: connect, CONNECT, a full handshake, one call, close.

    Raises RuntimeError if a response is not 200 with the GIF.
    """
    load, lock = Load(), threading.Lock()
    requests, connect = target.calls(first), target.connect()
    tickets = itertools.count(1)
    busy, start = time.process_time(), time.perf_counter()

    def client() -> None:
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
        for future in [pool.submit(client) for _ in range(CLIENTS)]:
            future.result()
    load.seconds, load.cpu = time.perf_counter() - start, time.process_time() - busy
    load.answered = len(load.latencies)
    return load
