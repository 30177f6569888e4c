"""The servers of a remote engine."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from planner_node.settings.addresses import check_port, parts_of
from planner_node.settings.section import Section

# Named for the field of the request's body that carries the schema; auto asks the server who it is.
StructuredOutput = Literal[
    "auto", "response_format", "json_schema", "structured_outputs", "guided_json"
]


class EndpointSettings(Section):
    """One OpenAI-compatible server."""

    url: str
    model: str = ""
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    max_concurrent: Annotated[int, Field(ge=1, le=4_096)] = 16
    structured_output: StructuredOutput = "auto"

    @model_validator(mode="after")
    def _is_an_address(self) -> Self:
        parts = parts_of(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("url must be http://host:port or https://host:port")
        if parts.username is not None or parts.password is not None:
            raise ValueError(
                "url holds a user or password; give a key in PLANNER__ENGINE__API_KEY or in a "
                "file named in api_key_file"
            )
        if parts.query or parts.fragment:
            raise ValueError("url must end with its path")
        check_port(self.url)
        return self

    @property
    def base_url(self) -> str:
        """The address below which ``/v1`` lies; the setting may end with ``/v1`` or not."""
        return self.url.rstrip("/").removesuffix("/v1")

    @property
    def name(self) -> str:
        """What logs, errors and people call it: where it is."""
        parts = urlsplit(self.base_url)
        return f"{parts.netloc}{parts.path}"
