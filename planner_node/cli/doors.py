"""What the doctor finds at the node's two doors: the broker, and HTTP."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from typing import Final

from planner_node.api.limits import is_open, keys_of
from planner_node.api.listening import listen
from planner_node.cli.finding import Finding, Verdict
from planner_node.cli.session import is_nodes_user, visit
from planner_node.errors import BrokerRefused, PlannerError, SettingsRefused
from planner_node.mqtt.address import connect_options
from planner_node.mqtt.packets import ConnectOptions
from planner_node.settings import HttpSettings, Settings
from planner_node.settings.addresses import without_user

_PROBE_TIMEOUT_S: Final = 2.0


async def look_at_broker(settings: Settings) -> Finding:
    """Visit the broker that is configured, or look whether the embedded one has its port."""
    mqtt = settings.mqtt
    try:
        if not mqtt.url:
            connect_options(mqtt.model_copy(update={"url": "mqtt://127.0.0.1"}), "doctor", None)
            return _embedded_broker(mqtt.port)
        options = connect_options(mqtt, "doctor", None)
        if is_nodes_user(options, settings.node_id):
            return await asyncio.to_thread(_from_outside, options)
        async with visit(settings, [f"{mqtt.root}/nodes/+/status"]):
            return Finding(Verdict.FINE, "broker", without_user(mqtt.url))
    except BrokerRefused as error:
        advice = "Is it running? Check PLANNER__MQTT__URL, the user and PLANNER__MQTT__PASSWORD."
        return Finding(Verdict.FAULT, "broker", str(error), advice)
    except PlannerError as error:
        return Finding(Verdict.FAULT, "broker", str(error), "Check the files that mqtt names.")


def _from_outside(options: ConnectOptions) -> Finding:
    """Look at a broker that must not take us for the node: it may run, and would be put off."""
    if not _is_listening(options.host, options.port):
        text = f"nobody listens at {options.url}"
        return Finding(Verdict.FAULT, "broker", text, "Is it running? Check PLANNER__MQTT__URL.")
    text = f"{options.url} is there; {options.username} is the node's own user, so it was not tried"
    advice = "Whether the password is right, the node's log and /readyz say once it runs."
    return Finding(Verdict.NOTE, "broker", text, advice)


def _embedded_broker(port: int) -> Finding:
    if _is_listening("127.0.0.1", port):
        text = f"something listens on 127.0.0.1:{port}: a node that runs already, or another broker"
        advice = (
            f"To use that broker: PLANNER__MQTT__URL=mqtt://127.0.0.1:{port}. "
            "To start a second one: PLANNER__MQTT__PORT=1884."
        )
        return Finding(Verdict.NOTE, "broker", text, advice)
    return Finding(Verdict.FINE, "broker", f"embedded, will listen on 127.0.0.1:{port}")


def look_at_http(http: HttpSettings) -> Iterator[Finding]:
    """Read the keys, take the address for a moment, and look at who may reach it."""
    if not http.enabled:
        yield Finding(Verdict.FINE, "http", "off")
        return
    try:
        has_keys = bool(keys_of(http))
    except SettingsRefused as error:
        advice = "Check PLANNER__HTTP__API_KEYS and http.api_keys_file."
        yield Finding(Verdict.FAULT, "http", str(error), advice)
        return
    yield _address(http)
    if is_open(http, has_keys=has_keys):
        text = f"no API keys on {http.host}: anyone who reaches it commands the robots"
        advice = "Set PLANNER__HTTP__API_KEYS='[\"…\"]' or http.api_keys_file."
        yield Finding(Verdict.NOTE, "http", text, advice)


def _address(http: HttpSettings) -> Finding:
    place = f"{http.host}:{http.port}"
    try:
        listen(http).close()
    except SettingsRefused as error:
        if error.references["errno"] == errno.EADDRINUSE:
            text = f"something listens on {place}: a node that runs already, or another program"
            return Finding(Verdict.NOTE, "http", text, "Another port: PLANNER__HTTP__PORT=8001.")
        return Finding(Verdict.FAULT, "http", str(error), str(error.references["hint"]))
    return Finding(Verdict.FINE, "http", f"will listen on {place}")


def _is_listening(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_PROBE_TIMEOUT_S):
            return True
    except OSError:
        return False
