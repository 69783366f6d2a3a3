"""Summed metrics of workers that come, go and fall silent: a counter never falls."""

import asyncio
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from proxy.app.admin import Scrapes

WORKERS = ("0", "1", "2")


class Worker:
    """One life of a worker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.hits = Counter("hits", "Hits.", registry=self.registry)
        self.took = Histogram("took", "Took.", buckets=(1.0,), registry=self.registry)
        Gauge("level", "Level.", registry=self.registry).set(7)

    def work(self) -> None:
        self.hits.inc()
        self.took.observe(0.5)

    def says(self) -> bytes:
        return generate_latest(self.registry)


def values(text: bytes) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            name = sample.name + "".join(f",{value}" for label, value in sorted(sample.labels.items()) if label == "worker")
            if not sample.name.endswith("_created"):
                found[name] = found.get(name, 0.0) + sample.value
    return found


STEPS = st.lists(st.tuples(st.sampled_from(["work", "die", "scrape"]), st.sampled_from(WORKERS), st.sets(st.sampled_from(WORKERS))))


@given(STEPS)
def test_no_counter_falls_whoever_dies_or_is_silent(steps: list[tuple[str, str, set[str]]]) -> None:
    workers = {name: Worker() for name in WORKERS}
    scrapes, before, true = Scrapes(), dict.fromkeys(("hits_total", "took_count"), 0.0), 0.0

    async def scrape(silent: set[str]) -> dict[str, float]:
        async def ask() -> Mapping[str, bytes | None]:
            return {name: None if name in silent else worker.says() for name, worker in workers.items()}

        return values(await scrapes.text(ask))

    for verb, name, silent in [*steps, ("scrape", "0", set())]:
        if verb == "work":
            workers[name].work()
            true += 1
        elif verb == "die":
            workers[name] = Worker()
            scrapes.retire(name)
        else:
            seen = asyncio.run(scrape(silent))
            for counter, least in before.items():
                assert least <= seen.get(counter, 0.0) <= true
                before[counter] = seen.get(counter, 0.0)
            assert {key for key in seen if key.startswith("level")} == {f"level,{each}" for each in WORKERS if each not in silent}


async def test_what_a_worker_said_before_it_died_is_not_taken_for_its_successors_word() -> None:
    scrapes, first, second = Scrapes(), Worker(), Worker()
    first.work()

    async def dying() -> Mapping[str, bytes | None]:
        text = first.says()
        scrapes.retire("0")
        return {"0": text}

    async def reborn() -> Mapping[str, bytes | None]:
        return {"0": second.says()}

    shown = values(await scrapes.text(dying)).get("hits_total", 0.0)
    second.work()
    assert values(await scrapes.text(reborn))["hits_total"] >= shown


async def test_scrapes_do_not_overtake_each_other() -> None:
    scrapes, worker, order = Scrapes(), Worker(), []

    async def slow() -> Mapping[str, bytes | None]:
        text = worker.says()
        await asyncio.sleep(0)
        worker.work()
        order.append("slow")
        return {"0": text}

    async def quick() -> Mapping[str, bytes | None]:
        order.append("quick")
        return {"0": worker.says()}

    one, other = await asyncio.gather(scrapes.text(slow), scrapes.text(quick))
    assert order == ["slow", "quick"]
    assert values(one)["hits_total"] <= values(other)["hits_total"]
