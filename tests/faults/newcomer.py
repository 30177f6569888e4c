"""Somebody who comes last, and finds what the broker has kept for late joiners."""

from dataclasses import replace
from typing import Final
from uuid import uuid4

from planner_node.mqtt.address import connect_options
from planner_node.mqtt.packets import Publication
from planner_node.settings import MqttSettings
from tests.fakes.guest import connected
from tests.faults.fleet import ROOT, Fleet

_FENCE: Final = "fence"  # comes after all that the broker sent for the subscription


async def look(fleet: Fleet) -> None:
    """Note in the fleet's history all that is retained below the root, payload by topic."""
    settings = MqttSettings(url=f"mqtt://127.0.0.1:{fleet.port}")
    options = connect_options(settings, f"newcomer-{uuid4().hex}", None)
    newcomer = await connected(replace(options, session_expiry_s=0), f"{ROOT}/#", _FENCE)
    retained: dict[str, str] = {}
    await newcomer.connection.publish(Publication(_FENCE, b"x"))
    while (found := await newcomer.next()).topic != _FENCE:
        newcomer.connection.acknowledge(found)
        if found.retain:
            topic = found.topic.removeprefix(f"{ROOT}/")
            retained[topic] = found.payload.decode("utf-8", errors="backslashreplace")
    await newcomer.connection.close()
    fleet.history.write("looked", retained=retained)
