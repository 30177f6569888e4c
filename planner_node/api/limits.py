"""What the settings allow a client, with the secrets read from their files."""

import ipaddress
from pathlib import Path

from planner_node.api.ports import Limits
from planner_node.errors import SettingsRefused
from planner_node.settings import HttpSettings, Settings, secret


def limits_of(settings: Settings) -> Limits:
    """Take the HTTP door's part of the settings.

    Raises:
        SettingsRefused: an API key is empty, or their file cannot be read or holds none.
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
        SettingsRefused: a key is empty, or the file cannot be read or holds none; the door would
            stand open to everybody.
    """
    keys = [key.get_secret_value().strip() for key in settings.api_keys]
    if not all(keys):
        raise SettingsRefused(
            "http.api_keys holds an empty key: take it out; without any key nobody is asked. "
            "http.api_keys 含有空的金鑰：請移除；若未設定任何金鑰，則不檢查身分。",
            key="http.api_keys",
        )
    return tuple(key.encode() for key in [*keys, *_keys_in(settings.api_keys_file)])


def _keys_in(file: Path | None) -> list[str]:
    lines = (secret(None, file) or "").splitlines()
    keys = [key for line in lines if (key := line.strip())]
    if file is not None and not keys:
        raise SettingsRefused(
            f"http.api_keys_file {file} holds no key: write one a line, or set it to null. "
            f"http.api_keys_file {file} 沒有任何金鑰：請每行寫一把金鑰，或設為 null。",
            key="http.api_keys_file",
        )
    return keys


def is_open(settings: HttpSettings, *, has_keys: bool) -> bool:
    """Whether anyone on the network may command the robots."""
    return not has_keys and not _is_loopback(settings.host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
