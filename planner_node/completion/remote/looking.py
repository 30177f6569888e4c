"""Looks after the endpoints: is it there, does it have the model, does it keep to a schema."""

import asyncio
import random
from typing import Final

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from planner_node.completion.remote.endpoint import Endpoint, Served
from planner_node.completion.remote.failure import EndpointFailed, Fault, Kind
from planner_node.completion.remote.phrasing import Path
from planner_node.completion.remote.pool import Pool
from planner_node.completion.remote.schema import Body, Field, constraint, fields_for
from planner_node.stream.strict import strict_loads

_FIRST_PAUSE_S: Final = 0.5
_PROOF: Final = {"ok": True}
_PROOF_SCHEMA: Final[Body] = {
    "type": "object",
    "properties": {"ok": {"const": True}},
    "required": ["ok"],
    "additionalProperties": False,
}
_PROOF_TOKENS: Final = 32


class Tokens(BaseModel):
    """Ids and the text that they are: an endpoint with the same tokenizer agrees."""

    model_config = ConfigDict(frozen=True)

    ids: list[int]
    text: str


class Sample(BaseModel):
    """A short question, phrased as requests will be, and where it goes."""

    model_config = ConfigDict(frozen=True)

    path: Path
    question: dict[str, JsonValue]
    tokens: Tokens | None = None


class _Card(BaseModel):
    """One entry of /v1/models; the length is vLLM's, ``meta`` llama.cpp's."""

    model_config = ConfigDict(extra="ignore")

    id: str
    owned_by: str = ""
    max_model_len: int | None = None
    meta: dict[str, JsonValue] | None = None

    @property
    def context_tokens(self) -> int | None:
        """How long a text the server takes, where it says so."""
        told = (self.meta or {}).get("n_ctx")
        return self.max_model_len or (told if isinstance(told, int) else None)


class _Cards(BaseModel):
    model_config = ConfigDict(extra="ignore")

    data: list[_Card]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    choices: list[dict[str, JsonValue]]

    @property
    def text(self) -> str:
        choice = self.choices[0] if self.choices else {}
        message = choice.get("message")
        said = message.get("content") if isinstance(message, dict) else choice.get("text")
        return said if isinstance(said, str) else ""


class Looking:
    """Keeps the pool's word about its endpoints true."""

    def __init__(self, pool: Pool, sample: Sample, interval_s: float) -> None:
        self._pool = pool
        self._sample = sample
        self._interval_s = interval_s

    async def watch(self) -> None:
        """Look at every endpoint again and again, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for endpoint in self._pool.endpoints:
                group.create_task(self._watch(endpoint), name=f"engine.endpoint[{endpoint.name}]")

    async def _watch(self, endpoint: Endpoint) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            endpoint.upset.clear()
            await self.look(endpoint)
            pause_s = self._interval_s if endpoint.is_well else min(2 * pause_s, self._interval_s)
            if endpoint.is_well:
                await _upset_or_later(endpoint, pause_s)
                pause_s = _FIRST_PAUSE_S
            else:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311  jitter

    async def look(self, endpoint: Endpoint) -> None:
        """Ask once how it is; one that was out must also show that it does what is needed."""
        try:
            card = await self._card(endpoint)
            known = endpoint.served if endpoint.is_well else None
            if known is None or known.model != card.id:
                known = await self._admit(endpoint, card)
        except EndpointFailed as error:
            self._pool.blame(endpoint, error.fault)
        else:
            self._pool.welcome(endpoint, known)

    async def _card(self, endpoint: Endpoint) -> _Card:
        wanted = endpoint.settings.model
        try:
            cards = _Cards.model_validate_json(await endpoint.ask("/v1/models")).data
        except ValidationError as error:
            raise _gone(endpoint, "answers /v1/models, but not with a list of models") from error
        named = [card for card in cards if not wanted or card.id == wanted]
        if len(named) != 1:
            has = ", ".join(card.id for card in cards[:10]) or "none"
            asked = f"has no model {wanted}" if wanted else "has not exactly one model"
            raise _gone(endpoint, f"{asked}; it has {has}: set the endpoint's model")
        return named[0]

    async def _admit(self, endpoint: Endpoint, card: _Card) -> Served:
        if self._sample.tokens is not None:
            await self._compare_tokens(endpoint, card, self._sample.tokens)
        wanted = endpoint.settings.structured_output
        fields = fields_for(card.owned_by) if wanted == "auto" else (wanted,)
        for field in fields:
            if await self._keeps_to_schema(endpoint, card, field):
                return Served(card.id, field, card.context_tokens)
        raise _gone(
            endpoint,
            f"does not keep to a schema sent as {' or '.join(fields)}: see structured_output in "
            "docs/remote.md",
        )

    async def _compare_tokens(self, endpoint: Endpoint, card: _Card, tokens: Tokens) -> None:
        """Refuse a server whose ids mean other text; one that cannot say is believed."""
        body: Body = {"model": card.id, "tokens": [*tokens.ids]}
        for path in ("/detokenize", "/v1/detokenize"):  # vLLM and llama.cpp; SGLang
            try:
                answer = strict_loads((await endpoint.ask(path, body)).decode(errors="replace"))
            except (EndpointFailed, ValueError):
                continue
            if isinstance(answer, dict) and tokens.text not in answer.values():
                raise _gone(
                    endpoint,
                    f"has another tokenizer than model.id: set model.id to what {card.id} is made "
                    "of, or engine.prompt to chat",
                )
            return

    async def _keeps_to_schema(self, endpoint: Endpoint, card: _Card, field: Field) -> bool:
        body = {
            "model": card.id,
            "max_tokens": _PROOF_TOKENS,
            "temperature": 0,
            **self._sample.question,
            **constraint(field, _PROOF_SCHEMA),
        }
        try:
            answer = _Answer.model_validate_json(await endpoint.ask(self._sample.path, body))
            return strict_loads(answer.text) == _PROOF
        except ValueError:  # no completion, or its text no JSON
            return False
        except EndpointFailed as error:
            if error.fault.kind is Kind.REFUSED:  # it says that it does not know the field
                return False
            raise


def _gone(endpoint: Endpoint, reason: str) -> EndpointFailed:
    return EndpointFailed(endpoint.name, Fault(Kind.GONE, reason))


async def _upset_or_later(endpoint: Endpoint, pause_s: float) -> None:
    try:
        async with asyncio.timeout(pause_s):
            await endpoint.upset.wait()
    except TimeoutError:
        return
