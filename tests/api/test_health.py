"""Whether the node lives, can work, and how it fares."""

from math import inf

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from planner_node.api.ports import Check, Measure
from tests.api.house import INFO, House
from tests.api.test_generate import SEED_GENERATE
from tests.api.test_tasks import submitted


async def metrics_of(http: httpx.AsyncClient) -> dict[tuple[str, frozenset[str]], float]:
    text = (await http.get("/metrics")).text
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_alive_is_not_ready(http: httpx.AsyncClient, house: House) -> None:
    house.checks[:] = [Check("model", ready=False, reason="loading, 40 %")]
    assert (await http.get("/healthz")).status_code == 200
    assert (await http.get("/readyz")).status_code == 503


async def test_readiness_names_each_reason(http: httpx.AsyncClient, house: House) -> None:
    house.checks[:] = [
        Check("model", ready=True),
        Check("broker", ready=False, reason="connection refused"),
    ]
    body = (await http.get("/readyz")).json()
    assert body["ready"] is False
    assert body["checks"] == [
        {"name": "model", "ready": True, "reason": ""},
        {"name": "broker", "ready": False, "reason": "connection refused"},
    ]


async def test_not_ready_is_a_refusal_like_any_other(http: httpx.AsyncClient, house: House) -> None:
    house.checks[:] = [Check("model", ready=False, reason="the model is loading")]
    answer = await http.get("/readyz", headers={"Accept-Language": "zh-TW"})
    body = answer.json()
    assert (answer.status_code, int(answer.headers["retry-after"])) == (503, 5)
    assert (body["problem"]["code"], body["problem"]["retriable"]) == ("MODEL_NOT_READY", True)
    assert body["problem"]["references"] == [
        {"key": "/checks/model", "value": "the model is loading"}
    ]
    assert body["detail"] == "模型或節點的其他部分尚未就緒。 /checks/model: 模型載入中"


async def test_ready_is_200(http: httpx.AsyncClient) -> None:
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/readyz", "/info", "/metrics", "/tasks", "/schemas", "/schemas/TaskStatus"],
)
async def test_head_is_answered_as_get_is(http: httpx.AsyncClient, path: str) -> None:
    head, get = await http.head(path), await http.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


async def test_a_stream_has_no_head(http: httpx.AsyncClient) -> None:
    answer = await http.head(f"/tasks/{await submitted(http)}/events")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


async def test_info_is_the_node_info(http: httpx.AsyncClient) -> None:
    assert (await http.get("/info")).json() == INFO.model_dump(mode="json")


async def test_metrics_count_answers_by_route_and_status(http: httpx.AsyncClient) -> None:
    await http.post("/generate", json=SEED_GENERATE)
    await http.get("/tasks/nobody")
    found = await metrics_of(http)
    name = "planner_http_requests_total"
    assert found[name, frozenset({"POST", "/generate", "200"})] == 1
    assert found[name, frozenset({"GET", "/tasks/{task_id}", "404"})] == 1


async def test_metrics_never_carry_ids(http: httpx.AsyncClient) -> None:
    task_id = await submitted(http)
    await http.get(f"/tasks/{task_id}")
    await http.get("/nowhere/at/all")
    text = (await http.get("/metrics")).text
    assert task_id not in text
    assert "nowhere" not in text


async def test_metrics_show_the_queue(http: httpx.AsyncClient, house: House) -> None:
    await submitted(http)
    found = await metrics_of(http)
    assert found["planner_task_queue_depth", frozenset()] == 1
    assert found["planner_ready", frozenset({"model"})] == 1
    house.checks[:] = [Check("model", ready=False)]
    assert (await metrics_of(http))["planner_ready", frozenset({"model"})] == 0


async def test_metrics_show_a_histogram(http: httpx.AsyncClient, house: House) -> None:
    house.measures[:] = [
        Measure("planner_waits", "Waits.", 7.5, "histogram", buckets=((0.5, 2), (inf, 3)))
    ]
    found = await metrics_of(http)
    assert found["planner_waits_bucket", frozenset({"0.5"})] == 2
    assert found["planner_waits_bucket", frozenset({"+Inf"})] == 3
    assert (found["planner_waits_count", frozenset()], found["planner_waits_sum", frozenset()]) == (
        3,
        7.5,
    )
