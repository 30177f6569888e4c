"""From the settings to what CONNECT says."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from planner_node.errors import SettingsRefused
from planner_node.mqtt.packets import ConnectOptions, Publication
from planner_node.settings import MqttSettings, secret

_PORTS = {"mqtt": 1883, "mqtts": 8883}


def connect_options(
    settings: MqttSettings, client_id: str, will: Publication | None
) -> ConnectOptions:
    """Build the options; user and password of the settings win over those in the URL.

    Raises:
        SettingsRefused: no URL, or a secret file or one of TLS that cannot be read.
    """
    if not settings.url:
        raise SettingsRefused("mqtt.url is empty; start the embedded broker and use its URL.")
    url = urlsplit(settings.url)
    password = secret(settings.password, settings.password_file)
    if password is None and url.password is not None:
        password = unquote(url.password)
    is_tls = url.scheme == "mqtts"
    return ConnectOptions(
        host=url.hostname or "",
        port=url.port or _PORTS[url.scheme],
        client_id=client_id,
        username=settings.username or (unquote(url.username) if url.username else None),
        password=password,
        tls=is_tls,
        ca_file=_file("ca_file", settings.ca_file, is_tls=is_tls),
        certificate_file=_file("certificate_file", settings.certificate_file, is_tls=is_tls),
        key_file=_file("key_file", settings.key_file, is_tls=is_tls),
        keepalive_s=settings.keepalive_s,
        session_expiry_s=settings.session_expiry_s,
        receive_maximum=settings.receive_maximum,
        connect_timeout_s=settings.connect_timeout_s,
        publish_window=settings.publish_window,
        will=will,
    )


def _file(key: str, path: Path | None, *, is_tls: bool) -> str | None:
    """Refuse a file that is not there: what TLS says of it names neither the file nor the key."""
    if path is None or not is_tls:
        return None
    try:
        path.open("rb").close()
    except OSError as error:
        raise SettingsRefused(
            f"mqtt.{key}: the file {path} cannot be read: {error.strerror}", file=path
        ) from error
    return str(path)
