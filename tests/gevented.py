"""Agents of gevent, for test_greenlets.py, in a process that gevent has patched; prints what came of them."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402

import gevent  # noqa: E402
import gevent.pool  # noqa: E402
import httpx  # noqa: E402

import tracefork  # noqa: E402

served = []


def serve(request):
    served.append(request)
    said = f"answer {len(served)}"
    gevent.sleep(0.001 * (7 - len(served) % 7))
    return httpx.Response(200, text=said)


client = httpx.Client(transport=httpx.MockTransport(serve))


def ask(_=None):
    return client.post("https://m.example/", json="same").text


def spawned():
    return [job.get() for job in [gevent.spawn(ask, n) for n in range(4)]]


def spawned_later():
    return [job.get() for job in [gevent.spawn_later(0.01, ask, n) for n in range(4)]]


def greenlets():
    jobs = [gevent.Greenlet(ask, n) for n in range(4)]
    for job in jobs:
        job.start()
    return [job.get() for job in jobs]


def early_bound():
    return [job.get() for job in [spawn(ask, n) for n in range(4)]]


def pooled():
    return list(gevent.pool.Pool(3).map(ask, range(4)))


def pooled_in_any_order():
    return sorted(gevent.pool.Pool(3).imap_unordered(ask, range(4)))


def grouped():
    group = gevent.pool.Group()
    jobs = [group.spawn(ask, n) for n in range(4)]
    group.join()
    return [job.get() for job in jobs]


def nested():
    def two():
        return [job.get() for job in [gevent.spawn(ask) for _ in range(2)]]

    return [job.get() for job in [gevent.spawn(two) for _ in range(2)]]


def threads():
    said = []
    made = [threading.Thread(target=lambda: said.append(ask())) for _ in range(4)]
    for one in made:
        one.start()
    for one in made:
        one.join()
    return sorted(said)


def executor():
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(ask, range(4)))


spawn = gevent.spawn
found = {}
for agent in (
    spawned,
    spawned_later,
    greenlets,
    early_bound,
    pooled,
    pooled_in_any_order,
    grouped,
    nested,
    threads,
    executor,
):
    with tracefork.record() as run:
        said = agent()
    before, again = len(served), []
    verdict = tracefork.verify(run.tape, lambda again=again, agent=agent: again.append(agent()), patience=5)
    lanes = {exchange.lane for exchange in run.tape}
    found[agent.__name__] = {
        "exchanges": len(run.tape),
        "escaped": len(run.tape.escaped),
        "lanes": len(lanes),
        "ok": verdict.ok,
        "same": again == [said],
        "live": len(served) - before,
    }
json.dump(found, sys.stdout)
