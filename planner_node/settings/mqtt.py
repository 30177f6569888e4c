"""The settings of the broker and of the way to it."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from messages.fleet import PartitionCount
from messages.topics import DEFAULT_ROOT
from messages.wire import Id
from planner_node.settings.addresses import check_port, parts_of
from planner_node.settings.section import Port, Positive, Section


class MqttSettings(Section):
    """The broker, and how the node talks to it."""

    url: str = ""
    port: Port = 1883
    root: str = Field(default=DEFAULT_ROOT, pattern=r"^[A-Za-z0-9_.:-]+(/[A-Za-z0-9_.:-]+)*$")
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    shared_group: Id | None = None
    partition_index: Annotated[int, Field(ge=0, le=1_023)] = 0
    partition_count: PartitionCount = 1
    partition_changes: bool = False
    # MQTT writes the one in two bytes and the other in four.
    keepalive_s: Annotated[int, Field(ge=1, le=65_535)] = 15
    session_expiry_s: Annotated[int, Field(ge=1, le=4_294_967_295)] = 86_400
    receive_maximum: Annotated[int, Field(ge=1, le=65_535)] = 32
    publish_window: Annotated[int, Field(ge=1, le=1_000)] = 20
    connect_timeout_s: Positive = 5
    reconnect_min_s: Positive = 1
    reconnect_max_s: Positive = 8
    response_topic_prefixes: list[str] = [
        "reply/",
        "replies/",
        "response/",
        "responses/",
        "clients/",
        "{root}/reply/",
    ]

    @property
    def is_parted(self) -> bool:
        """Whether nodes share the fleet by its robots, or are about to."""
        return self.partition_count > 1 or self.partition_changes

    @model_validator(mode="after")
    def _leads_to_a_broker(self) -> Self:
        parts = parts_of(self.url)
        if self.url and parts.scheme not in {"mqtt", "mqtts"}:
            raise ValueError("url must be mqtt://host:port or mqtts://host:port, or empty")
        if self.url and not parts.hostname:
            raise ValueError("url names no host")
        check_port(self.url)
        files = [key for key in ("ca_file", "certificate_file", "key_file") if getattr(self, key)]
        if files and parts.scheme == "mqtt":
            raise ValueError(f"{', '.join(files)}: TLS needs mqtts:// in url, or take this out")
        if self.key_file and not self.certificate_file:
            raise ValueError("key_file needs the certificate_file that it belongs to")
        return self

    @model_validator(mode="after")
    def _one_way_to_share(self) -> Self:
        if self.is_parted and self.shared_group is not None:
            raise ValueError(
                "partition_count and shared_group exclude each other: the broker would hand "
                "commands to nodes whose robots they are not, and nobody would plan them"
            )
        # index = count is a node that waits: it takes no robots, and the broker knows its session
        if self.partition_index > self.partition_count:
            raise ValueError("partition_index runs from 0 to partition_count - 1")
        return self
