"""The settings are complete, strict and helpful."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from planner_node.errors import SettingsRefused
from planner_node.settings import Settings, load, secret

CONFIG = Path(__file__).parents[2] / "config"
# Secrets have no place in a file, so the file does not name them.
SECRETS = {"mqtt.password", "http.api_keys", "journal.password", "engine.api_key"}


def keys_of(model: type[BaseModel], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= keys_of(inner, f"{prefix}{name}.")
        else:
            found.add(f"{prefix}{name}")
    return found


def write(folder: Path, text: str) -> Path:
    file = folder / "planner.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_shipped_file_names_every_setting() -> None:
    values = yaml.safe_load((CONFIG / "planner.yaml").read_text(encoding="utf-8"))
    named = {
        f"{section}.{key}" if isinstance(block, dict) else section
        for section, block in values.items()
        for key in (block if isinstance(block, dict) else [""])
    }
    assert named == keys_of(Settings) - SECRETS


def test_shipped_file_holds_the_defaults() -> None:
    shipped = load(CONFIG / "planner.yaml").model_dump(exclude={"planner"})
    assert shipped == Settings().model_dump(exclude={"planner"})


def test_llama_profile_is_eight_bit() -> None:
    model = load(CONFIG / "llama-3.1-8b.yaml").model
    assert (model.id, model.quantization) == ("meta-llama/Llama-3.1-8B-Instruct", "int8")


def test_llama_profile_leaves_room_on_a_card_of_24_gb() -> None:
    """Weights are 8.5 GiB, a token's keys and values 128 KiB; an L4 has 22.5 GiB."""
    settings = load(CONFIG / "llama-3.1-8b.yaml")
    engine = settings.engine
    cache_gib = engine.max_rows * (engine.context_tokens + 1) / (1 << 13)
    assert 8.5 + cache_gib < 22.5 - 3
    assert engine.max_rows <= settings.queue.running  # more rows would never be filled


def test_remote_profile_shares_the_work_between_two_servers() -> None:
    engine = load(CONFIG / "remote.yaml").engine
    assert (engine.kind, engine.prompt, len(engine.endpoints)) == ("remote", "tokens", 2)


def test_unknown_key_in_the_file_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"mqtt\.keepalive is not .* keepalive_s"):
        load(write(tmp_path, "mqtt: {keepalive: 5}"))


@pytest.mark.parametrize("port", ["abc", "99999", "0", "-1"])
@pytest.mark.parametrize(
    "text",
    ["mqtt: {url: 'mqtt://h:PORT'}", "engine: {kind: remote, endpoints: [{url: 'http://h:PORT'}]}"],
)
def test_a_port_that_cannot_be_is_refused(text: str, port: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="number from 1 to 65535"):
        load(write(tmp_path, text.replace("PORT", port)))


def test_a_key_without_its_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="key_file needs the certificate_file"):
        load(write(tmp_path, "mqtt: {url: 'mqtts://b', key_file: node.key}"))


@pytest.mark.parametrize("key", ["ca_file", "certificate_file"])
def test_a_file_of_tls_beside_a_url_without_it_is_refused(key: str, tmp_path: Path) -> None:
    text = f"mqtt: {{{key}: x, url: 'SCHEME://h'}}"
    with pytest.raises(SettingsRefused, match=f"mqtt: {key}: TLS needs mqtts:// in url"):
        load(write(tmp_path, text.replace("SCHEME", "MQTT")))
    for url in ("mqtts://h", "MQTTS://h", ""):
        kept = load(write(tmp_path, text.replace("SCHEME://h", url))).mqtt
        assert getattr(kept, key) == tmp_path / "x"


@pytest.mark.parametrize("host", ["[::1", "[abc]", "ann:geheim@\uff03b"])
@pytest.mark.parametrize(
    "text",
    [
        "mqtt: {url: 'mqtt://HOST'}",
        "journal: {url: 'postgresql://HOST/db'}",
        "engine: {kind: remote, endpoints: [{url: 'http://HOST'}]}",
    ],
)
def test_a_host_that_cannot_be_read_is_refused_and_not_repeated(
    text: str, host: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsRefused, match=": url's host cannot be read") as refusal:
        load(write(tmp_path, text.replace("HOST", host)))
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "mqtt: {password: x}",
        "mqtt: {url: 'mqtt://ann:geheim@host'}",
        "http: {api_keys: [x]}",
        "journal: {password: x}",
        "engine: {api_key: x}",
        "engine: {kind: remote, endpoints: [{url: 'http://a', api_key: x}]}",
    ],
)
def test_secret_in_the_file_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="is a secret") as refusal:
        load(write(tmp_path, text))
    assert "geheim" not in str(refusal.value)


def test_a_password_in_the_brokers_url_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANNER__MQTT__URL", "mqtt://ann:geheim@host")
    assert load(write(tmp_path, "")).mqtt.url == "mqtt://ann:geheim@host"


@pytest.mark.parametrize(
    "text", ["mqtt: {url: 'http://x'}", "mqtt: {port: 70000}", "- a", "a: [", "mqtt: 3"]
)
def test_wrong_file_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused):
        load(write(tmp_path, text))


@pytest.mark.parametrize("key", ["keepalive_s: 65536", "session_expiry_s: 4294967296"])
def test_more_seconds_than_mqtt_can_say_are_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=key.split(":", maxsplit=1)[0]):
        load(write(tmp_path, f"mqtt: {{{key}}}"))


@pytest.mark.parametrize(
    "text", ["journal: {history_h: 20000000}", "planner: {input_timeout_s: 250000000000}"]
)
def test_a_time_that_ends_after_the_calendar_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="less than or equal to"):
        load(write(tmp_path, text))


def test_a_century_is_as_good_as_for_ever(tmp_path: Path) -> None:
    kept = load(write(tmp_path, "journal: {history_h: 876600}")).journal
    assert datetime.now(UTC) - timedelta(hours=kept.history_h) < datetime.now(UTC)


def test_a_default_above_its_own_limit_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"max_new_tokens \(1024\) is above .* lower the one"):
        load(write(tmp_path, "generation: {max_new_tokens_limit: 512}"))


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="There is no settings file"):
        load(tmp_path / "none.yaml")


def test_secret_file_is_read_without_its_line_break(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("geheim\n", encoding="utf-8")
    assert secret(None, file) == "geheim"


def test_missing_secret_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="cannot be read"):
        secret(None, tmp_path / "none")


def test_secret_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsRefused, match="cannot be read"):
        secret(None, file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mqtt: {partition_count: 2, shared_group: planners}", "exclude each other"),
        ("mqtt: {partition_count: 2, partition_index: 3}", "runs from 0"),
        ("journal: {url: 'postgresql://robot:geheim@db/planner'}", "holds a password"),
        ("journal: {url: 'postgresql://robot@db/p?password=geheim'}", "holds a password"),
        ("journal: {url: 'postgresql://db/p?user=r&pass%77ord=geheim'}", "holds a password"),
        ("journal: {url: 'postgres:///p?sslmode=require&sslpassword=geheim'}", "holds a password"),
        ("journal: {url: 'mysql://robot@db/planner'}", "journal.url"),
        ("journal: {lease_s: 5, heartbeat_s: 4}", "twice heartbeat_s"),
    ],
)
def test_a_fleet_shared_in_a_way_that_loses_tasks_is_refused(
    text: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsRefused, match=words):
        load(write(tmp_path, text))


def test_a_password_in_the_journals_url_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as refusal:
        load(write(tmp_path, "journal: {url: 'postgresql://robot:geheim@db/planner'}"))
    assert "geheim" not in str(refusal.value)


def test_a_shared_journal_can_be_set(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, "journal: {url: 'postgresql://robot@db/planner'}"))
    assert loaded.journal.url == "postgresql://robot@db/planner"


REMOTE = "engine: {kind: remote, endpoints: [{url: 'http://gpu-1:8000/v1'}]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("engine: {kind: remote}", "needs endpoints"),
        ("engine: {endpoints: [{url: 'http://a'}]}", "set kind to remote"),
        ("engine: {kind: remote, endpoints: [{url: 'ftp://a'}]}", "http://host:port"),
        ("engine: {kind: remote, endpoints: [{url: 'http://u:geheim@a'}]}", "api_key_file"),
        (
            "engine: {kind: remote, endpoints: [{url: 'http://a'}, {url: 'http://a/v1'}]}",
            "the same",
        ),
        ("engine: {kind: remote, endpoints: [{urls: 'http://a'}]}", "did you mean url"),
        (REMOTE + "}\nmodel: {quantization: int8}", r"model\.quantization: .* take it out"),
        (REMOTE + ", draft_tokens: 4}", r"engine\.draft_tokens: .* take it out"),
        (REMOTE + ", prompt: chat}", "set it to 0"),
        (
            REMOTE + ", prompt: chat}\nmodel: {id: llama}\nplanner: {plan_bias_logits: 0}",
            r"model\.id",
        ),
    ],
)
def test_a_remote_engine_that_cannot_be_what_was_meant_is_refused(
    text: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsRefused, match=words) as refusal:
        load(write(tmp_path, text))
    assert "geheim" not in str(refusal.value)


def test_an_endpoint_is_named_by_where_it_is(tmp_path: Path) -> None:
    endpoint = load(write(tmp_path, REMOTE + "}")).engine.endpoints[0]
    assert (endpoint.name, endpoint.base_url) == ("gpu-1:8000", "http://gpu-1:8000")


def test_endpoints_are_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANNER__ENGINE__KIND", "remote")
    monkeypatch.setenv("PLANNER__ENGINE__ENDPOINTS", '[{"url": "http://a", "api_key": "geheim"}]')
    loaded = load(CONFIG / "planner.yaml")
    key = loaded.engine.endpoints[0].api_key
    assert key is not None
    assert key.get_secret_value() == "geheim"
    assert "geheim" not in repr(loaded)


def test_a_fault_of_the_file_names_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "mqtt:\n  prot: 1")
    with pytest.raises(SettingsRefused) as refusal:
        load(file)
    assert str(refusal.value).startswith(f"{file}: mqtt.prot is not a setting")


def test_a_section_with_all_keys_commented_out_is_empty(tmp_path: Path) -> None:
    assert load(write(tmp_path, "mqtt:\n  # port: 1\nlog:")).mqtt.port == 1883
