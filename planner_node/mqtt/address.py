"""From the settings to what CONNECT says."""

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
        SettingsRefused: no URL, or a secret file that cannot be read.
    """
    if not settings.url:
        raise SettingsRefused("mqtt.url is empty; start the embedded broker and use its URL.")
    url = urlsplit(settings.url)
    password = secret(settings.password, settings.password_file)
    if password is None and url.password is not None:
        password = unquote(url.password)
    return ConnectOptions(
        host=url.hostname or "",
        port=url.port or _PORTS[url.scheme],
        client_id=client_id,
        username=settings.username or (unquote(url.username) if url.username else None),
        password=password,
        tls=url.scheme == "mqtts",
        ca_file=_text(settings.ca_file),
        certificate_file=_text(settings.certificate_file),
        key_file=_text(settings.key_file),
        keepalive_s=settings.keepalive_s,
        session_expiry_s=settings.session_expiry_s,
        receive_maximum=settings.receive_maximum,
        connect_timeout_s=settings.connect_timeout_s,
        publish_window=settings.publish_window,
        will=will,
    )


def _text(path: object) -> str | None:
    return None if path is None else str(path)
