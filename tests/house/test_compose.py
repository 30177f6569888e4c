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
HEAD = (ROOT / "docker-compose.yml").read_text("utf-8").split("services:")[0]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
MADE_BY_THE_READER = {".env", "config/passwords", "config/tls"}


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
    for volume in SERVICES[service]["volumes"]:
        source = volume.split(":")[0]
        if source.startswith("./"):
            assert (ROOT / source).exists() or source.removeprefix("./config/") in HEAD


@pytest.mark.parametrize("service", PLANNERS)
def test_planner_waits_for_a_healthy_broker(service: str) -> None:
    assert SERVICES[service]["depends_on"]["broker"]["condition"] == "service_healthy"
    assert "healthcheck" in SERVICES["broker"]


@pytest.mark.parametrize("service", SERVICES)
def test_ports_open_on_loopback_only(service: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service]["ports"])


def test_tls_needs_only_lines_that_are_there_as_comments() -> None:
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")
    broker = yaml.safe_load(re.sub(r"(?m)^( +)# (?=- )", r"\1", compose))["services"]["broker"]
    conf = (ROOT / "config" / "mosquitto.conf").read_text("utf-8")
    (port,) = re.findall(r"(?m)^# listener (\d+)$", conf)
    files = re.findall(r"(?m)^# (?:cafile|certfile|keyfile) (\S+)/[^/]+$", conf)
    assert f"{port}:{port}" in broker["ports"]
    assert {f"./config/tls:{folder}:ro" for folder in files} <= {*broker["volumes"]}
    assert len(files) == 3


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


@pytest.mark.parametrize("service", PLANNERS)
def test_each_image_is_built_with_its_own_torch(service: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    version = re.search(r"^TORCH_VERSION := (\S+)$", makefile, re.MULTILINE)
    assert version is not None
    wheel = f"torch=={version[1]}" + ("" if service == "planner-gpu" else "+cpu")
    assert SERVICES[service]["build"]["args"]["TORCH"] == wheel
    assert f'ARG TORCH="torch=={version[1]}"' in DOCKERFILE


def test_image_for_cuda_brings_the_compiler_that_triton_calls() -> None:
    step = re.search(r"^RUN case .+?esac$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert step is not None
    assert {"gcc", "libc6-dev"} <= set(step[0].split())


@pytest.mark.parametrize("service", PLANNERS)
def test_what_the_node_writes_lies_on_a_writable_mount(service: str) -> None:
    assert SERVICES[service]["read_only"]
    volumes = [volume.split(":") for volume in SERVICES[service]["volumes"]]
    writable = {*SERVICES[service]["tmpfs"], *(parts[1] for parts in volumes if parts[-1] != "ro")}
    written = dict(re.findall(r"(\w+)=(?:sqlite:///)?(/\S+)", DOCKERFILE))
    caches = {"HF_HOME", "TRITON_CACHE_DIR", "XDG_CACHE_HOME"}
    assert caches | {"PLANNER__JOURNAL__URL"} <= set(written)
    tops = {"/" + path.split("/")[1] for path in written.values()}
    assert tops <= writable


@pytest.mark.parametrize("ignore", [".gitignore", ".dockerignore"])
def test_secrets_that_the_reader_makes_stay_out_of_git_and_the_image(ignore: str) -> None:
    lines = (ROOT / ignore).read_text("utf-8").splitlines()
    assert {line.removeprefix("/") for line in lines} >= MADE_BY_THE_READER


def test_each_password_line_leaves_the_file_to_the_brokers_user() -> None:
    lines = re.findall(r"docker run .*mosquitto_passwd .*", HEAD)
    assert [" -c " in line.split("mosquitto_passwd")[-1] for line in lines] == [True, False]
    assert all(line.endswith("&& chown 1883:1883 /config/passwords'") for line in lines)
    assert all(SERVICES["broker"]["image"] in line for line in lines)


def test_dockerfile_copies_what_exists() -> None:
    for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE):
        assert all((ROOT / name).exists() for name in line.split())
