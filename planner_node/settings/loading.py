"""From the file and the environment to the settings, or a refusal that names the key."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from planner_node.errors import SettingsRefused
from planner_node.settings.addresses import has_password
from planner_node.settings.anchoring import anchored
from planner_node.settings.document import read
from planner_node.settings.environment import not_json, refuse_strange_names
from planner_node.settings.refusal import refusal, refuse_strange_sections
from planner_node.settings.sections import ENV_PREFIX, Settings

DEFAULT_FILE = Path("config/planner.yaml")
_SHIPPED_FILE = Path(__file__).resolve().parents[2] / DEFAULT_FILE


def load(file: Path | None = None) -> Settings:
    """Read the settings; paths in the file are relative to the file's own folder.

    Raises:
        SettingsRefused: the file is missing or not YAML, or a key is unknown, wrong or there twice;
            or one of the environment is wrong.
    """
    path = _find(file)
    try:
        settings = Settings(**anchored(_read(path), path.parent))
    except ValidationError as error:
        raise refusal(error, path) from error
    except SettingsError as error:
        raise not_json(error) from error
    refuse_strange_names()
    return settings


def _find(file: Path | None) -> Path:
    if file is None:
        return DEFAULT_FILE.resolve() if DEFAULT_FILE.is_file() else _SHIPPED_FILE
    if not file.is_file():
        raise SettingsRefused(
            f"There is no settings file {file.absolute()}; name one with --config, "
            "or leave that out for the shipped one.",
            file=file,
        )
    return file.resolve()


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    values = read(path)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsRefused(f"{path} must hold sections, not a list or a value.", file=path)
    refuse_strange_sections(values, path)
    _refuse_secrets(values, path)
    return values


def _refuse_secrets(values: dict[str, Any], path: Path) -> None:
    """A file is copied, committed and shown; a secret in it would be too."""
    for section, key, file_key in (
        ("mqtt", "password", "mqtt.password_file"),
        ("http", "api_keys", "http.api_keys_file"),
        ("journal", "password", "journal.password_file"),
        ("engine", "api_key", "engine.api_key_file"),
    ):
        block = values.get(section)
        if isinstance(block, dict) and block.get(key):
            name = f"{ENV_PREFIX}{section}__{key}".upper()
            raise SettingsRefused(
                f"{section}.{key} is a secret and does not belong in {path}; "
                f"set {name} in the environment, or name a file in {file_key}.",
                key=f"{section}.{key}",
            )
    _refuse_password_of_url(values.get("mqtt"), path)
    _refuse_keys_of_endpoints(values.get("engine"), path)


def _refuse_password_of_url(mqtt: Any, path: Path) -> None:  # noqa: ANN401  not checked yet
    url = mqtt.get("url") if isinstance(mqtt, dict) else None
    if isinstance(url, str) and has_password(url):
        raise SettingsRefused(
            f"mqtt.url holds a password, which is a secret and does not belong in {path}; set "
            f"{ENV_PREFIX}MQTT__PASSWORD in the environment, or name a file in mqtt.password_file.",
            key="mqtt.url",
        )


def _refuse_keys_of_endpoints(engine: Any, path: Path) -> None:  # noqa: ANN401  not checked yet
    endpoints = engine.get("endpoints") if isinstance(engine, dict) else None
    for place, endpoint in enumerate(endpoints if isinstance(endpoints, list) else ()):
        if isinstance(endpoint, dict) and endpoint.get("api_key"):
            key = f"engine.endpoints.{place}.api_key"
            raise SettingsRefused(
                f"{key} is a secret and does not belong in {path}; name a file in its "
                f"api_key_file, or set {ENV_PREFIX}ENGINE__API_KEY for all endpoints.",
                key=key,
            )


def secret(value: SecretStr | None, file: Path | None) -> str | None:
    """Return a secret from the environment or from its file, without the last line break.

    Raises:
        SettingsRefused: the file cannot be read.
    """
    if value is not None:
        return value.get_secret_value()
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsRefused(f"The secret file {file} cannot be read: {error}") from error
