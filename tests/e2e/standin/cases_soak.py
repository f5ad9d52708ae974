# SPDX-License-Identifier: Apache-2.0
"""What takes longer than a check may: `make soak`, and its short form."""
import os
import time

import compare
from hostview import resident_kib
from cases_counting import ALL_OPERATIONS, THREE_TABLES
from cases_state import chance
from cases_worker import ALL_ENDS, BUFFER, CDC, ICEBERG, WRITES, batch_order, compared
from programs import Observer, Worker

MINUTES = float(os.environ.get("PHILOSCOPE_SOAK_MINUTES", "30"))
ROUNDS_TO_WARM_UP = 20


def soak_ten_million_events(_):
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        for _ in range(10):
            worker.run(tables=THREE_TABLES, operations=ALL_OPERATIONS, events=83334, stack_depth=40, write_depth=20,
                       events_per_run=5000, gc_ms=20, churn=4, no_stamps=True)
            compare.no_drops(compare.counters(observer, worker))


def pipeline_order(orders):
    return {"tables": THREE_TABLES, "operations": ALL_OPERATIONS, "events": orders.randint(10, 2000),
            "stack_depth": orders.randint(0, 60), "write_depth": orders.randint(0, 40),
            "events_per_run": orders.choice([0, 100, 1000]), "gc_ms": orders.choice([0, 5, 50]),
            "churn": orders.randint(0, 8), "fail_attempts": orders.randint(0, 3),
            "fail_every": orders.randint(5, 50), "permanent_every": orders.choice([0, 17]),
            "timestamp": orders.choice(["wall", "mono"]), "lag_ms": [0, orders.randint(-5000, 5000)],
            "fresh_strings": orders.random() < 0.5, "no_stamps": True,
            "checkpoint": {"ms": 5, "fail_every": orders.choice([0, 3])}, "end": orders.choice(["close", "stop", "error"])}


def batches_order(orders):
    script = orders.choices(ALL_ENDS + WRITES, k=orders.randint(1, 20))
    more = {"no_dlq": orders.random() < 0.3, "writers": orders.choice([1, 2]), "repeat": orders.randint(1, 3)}
    return {**batch_order(script, **more), "no_stamps": True}


def mixed_load_with_faults(minutes):
    """Pipelines and batch processors side by side, with orders of all kinds; the numbers stay equal, nothing is dropped, and
    the observer's memory is flat."""
    orders = chance()
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        deadline, rounds, early = time.monotonic() + minutes * 60, 0, None
        while time.monotonic() < deadline or rounds <= ROUNDS_TO_WARM_UP:
            both = pipeline_order(orders), batches_order(orders)
            try:
                for run in [worker.start(**order) for order in both]:
                    worker.wait(id=run)
                compare.no_drops(compare.counters(observer, worker))
                compared(observer, worker, CDC + BUFFER + ICEBERG)
            except AssertionError as error:
                raise AssertionError(f"{error}\nin round {rounds} of {both}") from error
            rounds += 1
            if rounds == ROUNDS_TO_WARM_UP:
                early = resident_kib(observer.pid)
        audited = {dict(key)["counter"] for key in observer.scrape().select("philoscope_audit_drift", pid=str(worker.pid))}
        assert audited == {"events", "events_buffered", "source_errors", "batches", "events_processed", "dlq"}, audited
        late = resident_kib(observer.pid)
        assert late <= early * 1.1 + 1024, f"the observer grew from {early} to {late} KiB in {rounds} rounds"
        print(f"{rounds} rounds, {early} KiB after {ROUNDS_TO_WARM_UP} and {late} KiB at the end", flush=True)


def case_a_minute_of_mixed_load_with_faults(_):
    mixed_load_with_faults(1)


def soak_mixed_load_with_faults(_):
    mixed_load_with_faults(MINUTES)
