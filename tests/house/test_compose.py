"""The compose file fits the code and the configuration beside it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from planner_node.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
PLANNERS = ("planner", "planner-gpu", "planner-remote")


def test_services_are_a_broker_and_three_kinds_of_planner() -> None:
    assert set(SERVICES) == {"broker", *PLANNERS}


@pytest.mark.parametrize("service", PLANNERS)
def test_environment_names_real_settings(service: str) -> None:
    for name in SERVICES[service]["environment"]:
        parts = name.lower().split("__")[1:] if name.startswith("PLANNER__") else []
        node: Any = Settings()
        for part in parts:
            node = getattr(node, part)


@pytest.mark.parametrize("service", SERVICES)
def test_mounted_files_exist_or_are_made_as_the_head_says(service: str) -> None:
    head = (ROOT / "docker-compose.yml").read_text("utf-8").split("services:")[0]
    for volume in SERVICES[service]["volumes"]:
        source = volume.split(":")[0]
        if source.startswith("./"):
            assert (ROOT / source).exists() or source.removeprefix("./config/") in head


@pytest.mark.parametrize("service", PLANNERS)
def test_planner_waits_for_a_healthy_broker(service: str) -> None:
    assert SERVICES[service]["depends_on"]["broker"]["condition"] == "service_healthy"
    assert "healthcheck" in SERVICES["broker"]


@pytest.mark.parametrize("service", SERVICES)
def test_ports_open_on_loopback_only(service: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service]["ports"])


def test_named_volumes_are_declared() -> None:
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service["volumes"]
        if not volume.startswith(".")
    }
    assert used == set(COMPOSE["volumes"])


def test_images_are_pinned() -> None:
    assert all(re.search(r":\d", service["image"]) for service in SERVICES.values())


def test_gpu_profile_reserves_an_nvidia_device() -> None:
    gpu = SERVICES["planner-gpu"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (gpu["profiles"], device["driver"]) == (["gpu"], "nvidia")
    assert (ROOT / gpu["command"][-1]).is_file()


def test_dockerfile_copies_what_exists() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    for line in re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE):
        assert all((ROOT / name).exists() for name in line.split())
