"""The numbers for the metrics page, gathered from the rooms."""

import dataclasses
from collections.abc import Iterator
from typing import Final

from planner_node.api.ports import Measure
from planner_node.completion.remote.model import RemoteModel
from planner_node.engine.limits import EngineStats
from planner_node.journal.opening import AnyJournal
from planner_node.mqtt.door import MqttDoor
from planner_node.planner.planner import Planner

_ENGINE_HELP: Final = {
    "requests": "Generations asked of the engine.",
    "admitted": "Requests that were given a row.",
    "queue_wait_seconds": "Time that requests waited for a row.",
    "forward_passes": "Forward passes of the model.",
    "forward_rows": "Rows summed over the forward passes.",
    "prompt_tokens": "Prompt tokens taken on, the cached ones included.",
    "cached_tokens": "Prompt tokens that a shared prefix saved.",
    "sampled_tokens": "Tokens the model chose.",
    "forced_tokens": "Tokens the grammar dictated.",
    "drafted_tokens": "Tokens guessed ahead and checked by the model.",
    "accepted_tokens": "Guessed tokens that the model would have chosen itself.",
    "prefix_hits": "Requests that found their prefix ready.",
    "prefix_misses": "Requests that had to read their prefix.",
    "out_of_memory": "Steps, and prefixes to keep, that the device had no room for.",
    "rows": "Requests in the batch now.",
    "waiting": "Requests that wait for a row now.",
}
_NOW: Final = {"rows", "waiting"}


def engine_measures(stats: EngineStats) -> Iterator[Measure]:
    """Turn the engine's counters into measures."""
    for field in dataclasses.fields(stats):
        yield Measure(
            f"planner_engine_{field.name}",
            _ENGINE_HELP.get(field.name, field.name),
            getattr(stats, field.name),
            kind="gauge" if field.name in _NOW else "counter",
        )


def planner_measures(planner: Planner) -> Iterator[Measure]:
    """Turn what the planner has counted and timed into measures."""
    for state, count in planner.ended.items():
        ended = "Accepted tasks that have ended, by their terminal status."
        yield Measure("planner_tasks", ended, count, "counter", {"state": state})
    waits = planner.first_subtasks
    yield Measure(
        "planner_first_subtask_seconds",
        "From the request to the model until the plan's first subtask is told.",
        waits.sum_s,
        kind="histogram",
        buckets=waits.buckets(),
    )


def endpoint_measures(model: RemoteModel) -> Iterator[Measure]:
    """Turn what is known of each endpoint into measures."""
    for endpoint in model.endpoints:
        at = {"endpoint": endpoint.name}
        up, running = float(endpoint.is_well), endpoint.running
        yield Measure("planner_endpoint_up", "1 if requests are sent there.", up, labels=at)
        yield Measure("planner_endpoint_running", "Requests there now.", running, labels=at)
        yield Measure(
            "planner_endpoint_requests", "Requests sent.", endpoint.asked, "counter", labels=at
        )
        yield Measure(
            "planner_endpoint_failures", "Of them failed.", endpoint.failed, "counter", labels=at
        )


def journal_measures(journal: AnyJournal) -> Iterator[Measure]:
    """Turn the journal's figures into measures."""
    figures = journal.figures
    yield Measure("planner_journal_commits", "Groups committed.", figures.groups, "counter")
    yield Measure("planner_journal_writes", "Writes committed.", figures.errands, "counter")
    yield Measure(
        "planner_journal_commit_seconds", "Time spent committing.", figures.seconds, "counter"
    )


def door_measures(door: MqttDoor) -> Iterator[Measure]:
    """Turn the MQTT door's counters into measures."""
    counters = door.counters
    yield Measure("planner_mqtt_connected", "1 if so.", float(door.readiness.is_ok))
    yield Measure("planner_mqtt_connects", "Connections made.", counters.connects, "counter")
    yield Measure("planner_mqtt_received", "Messages received.", counters.received, "counter")
    yield Measure("planner_mqtt_published", "Messages published.", counters.published, "counter")
    yield Measure("planner_mqtt_given_up", "Poison input dropped.", counters.given_up, "counter")
    yield Measure(
        "planner_mqtt_dropped",
        "Messages at QoS 0 that came faster than they could be taken.",
        counters.dropped,
        "counter",
    )
    yield Measure(
        "planner_mqtt_unheard",
        "Messages to robots without a listener.",
        counters.unheard,
        "counter",
    )
    yield Measure(
        "planner_mqtt_callback_failures",
        "Failed callbacks of the network thread.",
        counters.callback_failures,
        "counter",
    )
    yield Measure(
        "planner_mqtt_publish_failures", "Publications refused.", counters.refused, "counter"
    )
