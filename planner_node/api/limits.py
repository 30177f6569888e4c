"""What the settings allow a client, with the secrets read from their files."""

import ipaddress

from planner_node.api.ports import Limits
from planner_node.settings import HttpSettings, Settings, secret


def limits_of(settings: Settings) -> Limits:
    """Take the HTTP door's part of the settings.

    Raises:
        SettingsRefused: the file of API keys cannot be read.
    """
    return Limits(
        http=settings.http,
        generation=settings.generation,
        mqtt_root=settings.mqtt.root,
        keys=keys_of(settings.http),
    )


def keys_of(settings: HttpSettings) -> tuple[bytes, ...]:
    """Return the API keys: from the environment, and one a line from the file.

    Raises:
        SettingsRefused: the file cannot be read.
    """
    keys = [key.get_secret_value() for key in settings.api_keys]
    keys += (secret(None, settings.api_keys_file) or "").splitlines()
    return tuple(key.strip().encode() for key in keys if key.strip())


def is_open(settings: HttpSettings, *, has_keys: bool) -> bool:
    """Whether anyone on the network may command the robots."""
    return not has_keys and not _is_loopback(settings.host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
