"""From the settings to CONNECT."""

from pathlib import Path

import pytest

from planner_node.errors import SettingsRefused
from planner_node.mqtt.address import connect_options
from planner_node.mqtt.packets import ConnectOptions
from planner_node.settings import MqttSettings


def options_of(**fields: object) -> ConnectOptions:
    return connect_options(MqttSettings.model_validate(fields), "n1", None)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("mqtt://broker", "broker", 1883, False),
        ("mqtts://broker", "broker", 8883, True),
        ("mqtt://10.0.0.7:1999", "10.0.0.7", 1999, False),
        ("mqtts://[::1]:9000", "::1", 9000, True),
    ],
)
def test_url_says_where_and_how(url: str, host: str, port: int, *, tls: bool) -> None:
    options = options_of(url=url)
    assert (options.host, options.port, options.tls) == (host, port, tls)


def test_user_of_the_url_is_taken_and_the_setting_wins() -> None:
    assert options_of(url="mqtt://ann%40home@b").username == "ann@home"
    assert options_of(url="mqtt://ann@b", username="bob").username == "bob"


def test_password_comes_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("word\n", encoding="utf-8")
    assert options_of(url="mqtt://ann@b", password_file=file).password == "word"


def test_missing_password_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="no-such-file"):
        options_of(url="mqtt://ann@b", password_file=tmp_path / "no-such-file")


def test_password_is_never_shown() -> None:
    options = options_of(url="mqtt://ann:url-secret@b")
    assert options.password == "url-secret"
    assert "secret" not in repr(options)
    assert "secret" not in options.url


def test_missing_url_is_refused() -> None:
    with pytest.raises(SettingsRefused):
        options_of()


@pytest.mark.parametrize("key", ["ca_file", "certificate_file", "key_file"])
def test_a_missing_file_of_tls_is_refused_with_its_key_and_its_name(
    key: str, tmp_path: Path
) -> None:
    file, certificate = tmp_path / "no-such-file", tmp_path / "node.crt"
    certificate.touch()
    with pytest.raises(SettingsRefused, match=rf"mqtt\.{key}: the file {file} cannot be read"):
        options_of(**{"url": "mqtts://b", "certificate_file": certificate, key: file})
