"""Everything that can be set, by section, with its default; the YAML file says why."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from messages.wire import LANGUAGE_PATTERN, Id
from planner_node.settings.addresses import asks_with_secret, parts_of
from planner_node.settings.endpoints import EndpointSettings
from planner_node.settings.mqtt import MqttSettings
from planner_node.settings.section import Port, Positive, Section

ENV_PREFIX = "PLANNER__"
Language = Annotated[str, Field(pattern=LANGUAGE_PATTERN)]
_CENTURY_H = 876_600  # "for ever": what is added to or taken from now must stay a date

_OF_A_REMOTE_ENGINE = {
    "kind",
    "max_waiting",
    "context_tokens",
    "endpoints",
    "api_key",
    "api_key_file",
    "prompt",
    "connect_timeout_s",
    "idle_timeout_s",
    "health_interval_s",
}


class HttpSettings(Section):
    """The HTTP door."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 8000
    api_keys: list[SecretStr] = []
    api_keys_file: Path | None = None
    trusted_proxies: list[str] = []
    max_body_bytes: Positive = 1_048_576


class JournalSettings(Section):
    """Where tasks are written before anyone says yes."""

    url: str = Field(
        default="sqlite:///var/planner.db", pattern=r"^(sqlite:///|postgres(ql)?://).+"
    )
    password: SecretStr | None = None
    password_file: Path | None = None
    lease_s: Annotated[int, Field(ge=1, le=3_600)] = 20
    heartbeat_s: Annotated[int, Field(ge=1, le=1_200)] = 5
    history_h: Annotated[int, Field(ge=1, le=_CENTURY_H)] = 24
    history_max_tasks: Positive = 100_000
    commit_wait_ms: Annotated[int, Field(ge=0, le=100)] = 2

    @model_validator(mode="after")
    def _no_secret_in_the_url(self) -> Self:
        is_shared = self.url.startswith("postgres")
        if parts_of(self.url).password is not None or (is_shared and asks_with_secret(self.url)):
            raise ValueError(
                "url holds a password; set PLANNER__JOURNAL__PASSWORD in the environment, "
                "or name a file in journal.password_file; libpq's other secrets belong into "
                "its own files (~/.pg_service.conf)"
            )
        return self

    @model_validator(mode="after")
    def _lease_outlives_a_missed_heartbeat(self) -> Self:
        if self.lease_s < 2 * self.heartbeat_s:
            raise ValueError("lease_s must be at least twice heartbeat_s")
        return self


class ModelSettings(Section):
    """Which language model, and how its weights are held."""

    id: str = "embedded"
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto"
    quantization: Literal["auto", "none", "int8", "nf4"] = "auto"
    device_map: str = "auto"
    max_memory: dict[str, str] = {}
    adapter: Path | None = None
    revision: str | None = None


class EngineSettings(Section):
    """How the model is run: in this process, or by servers that speak OpenAI's API."""

    kind: Literal["local", "remote"] = "local"
    max_rows: Annotated[int, Field(ge=1, le=256)] = 16
    max_waiting: Positive = 256
    context_tokens: Positive = 2_048
    prefill_chunk_tokens: Positive = 256
    prefix_cache_entries: Positive = 8
    draft_tokens: Annotated[int, Field(ge=0, le=4096)] = 128
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    rehearsal_s: Annotated[int, Field(ge=0, le=600)] = 5
    endpoints: list[EndpointSettings] = []
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    prompt: Literal["tokens", "chat"] = "tokens"
    connect_timeout_s: Positive = 5
    idle_timeout_s: Positive = 60
    health_interval_s: Positive = 10

    @model_validator(mode="after")
    def _endpoints_belong_to_a_remote_engine(self) -> Self:
        if self.kind == "local" and self.endpoints:
            raise ValueError("endpoints are set, but kind is local: set kind to remote")
        if self.kind == "remote" and not self.endpoints:
            raise ValueError("kind remote needs endpoints, at least one {url: http://host:port}")
        if len({one.name for one in self.endpoints}) < len(self.endpoints):
            raise ValueError("two endpoints are the same: raise max_concurrent instead")
        return self


class GenerationSettings(Section):
    """Limits on what one generation may take."""

    max_new_tokens: Positive = 1_024
    max_new_tokens_limit: Positive = 4_096
    timeout_s: Positive = 120

    @model_validator(mode="after")
    def _default_is_within_the_limit(self) -> Self:
        if self.max_new_tokens > self.max_new_tokens_limit:
            raise ValueError(
                f"max_new_tokens ({self.max_new_tokens}) is above max_new_tokens_limit"
                f" ({self.max_new_tokens_limit}), which would not bind a task that does not say:"
                " lower the one or raise the other"
            )
        return self


class QueueSettings(Section):
    """The waiting room."""

    capacity: Positive = 25_000
    robot_capacity: Positive = 5_000  # where capacity is less, that is the limit
    robot_tasks_per_minute: Positive = 6_000
    robot_burst: Positive = 2_000
    running: Annotated[int, Field(ge=1, le=256)] = 16


class PlannerSettings(Section):
    """How tasks become plans."""

    tools_dir: Path = Path("tools")
    prompts_dir: Path = Path("prompts")
    languages: Annotated[list[Language], Field(min_length=1)] = ["zh-TW", "zh-CN", "en"]
    answers: list[str] = ["decompose_task", "ask_clarification", "decline_task"]
    plan_bias_logits: Annotated[float, Field(ge=0, le=20)] = 2.0
    handlers: list[str] = []
    max_attempts: Positive = 3
    input_timeout_s: Annotated[int, Field(ge=1, le=_CENTURY_H * 3_600)] = 3_600
    drain_s: Positive = 5


class LogSettings(Section):
    """What the log says."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )
    node_id: Id = "planner-1"
    mqtt: MqttSettings = MqttSettings()
    http: HttpSettings = HttpSettings()
    journal: JournalSettings = JournalSettings()
    model: ModelSettings = ModelSettings()
    engine: EngineSettings = EngineSettings()
    generation: GenerationSettings = GenerationSettings()
    queue: QueueSettings = QueueSettings()
    planner: PlannerSettings = PlannerSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _model_is_the_servers(self) -> Self:
        """Refuse what a remote engine could only ignore."""
        if self.engine.kind == "local":
            return self
        held = {"dtype", "quantization", "device_map", "max_memory", "adapter"}
        idle = {f"model.{key}" for key in self._changed(self.model) & held}
        idle |= {f"engine.{key}" for key in self._changed(self.engine) - _OF_A_REMOTE_ENGINE}
        if self.engine.prompt == "chat":
            idle |= {f"model.{key}" for key in self._changed(self.model) & {"id", "revision"}}
        if idle:
            named = ", ".join(sorted(idle))
            raise ValueError(
                f"{named}: with engine.kind remote this is the server's affair; take it out here"
            )
        if self.engine.prompt == "chat" and self.planner.plan_bias_logits:
            raise ValueError(
                "planner.plan_bias_logits needs the ids of the model's tokens: set it to 0, or "
                "engine.prompt to tokens and model.id to the model that is served"
            )
        return self

    @staticmethod
    def _changed(section: Section) -> set[str]:
        fields = type(section).model_fields.items()
        return {key for key, field in fields if getattr(section, key) != field.default}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose values come as arguments."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings
