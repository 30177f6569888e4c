"""Request bodies: read up to a limit, parsed strictly, decoded into messages."""

import asyncio
from typing import Final, TypeVar

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request

from messages.decode import Decoded, decode
from messages.problem import ProblemCode
from planner_node.api.presence import ClientGone
from planner_node.errors import BadCommand

# Decoding walks every character; from this size on it would be felt by other requests.
OFF_LOOP_BYTES: Final = 32_768

Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """Read the body, also a chunked one, and stop at the limit.

    Raises:
        BadCommand: PAYLOAD_TOO_LARGE, before more than ``limit_bytes`` are held.
        ClientGone: the client left while sending.
    """
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit_bytes:
        raise _too_large(limit_bytes)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit_bytes:
                raise _too_large(limit_bytes)
    except ClientDisconnect as error:
        raise ClientGone from error
    return bytes(body)


async def decode_body(
    request: Request, model: type[Model], limit_bytes: int, *, empty: bytes = b""
) -> Decoded[Model]:
    """Read and decode the body; an empty one counts as ``empty``.

    Raises:
        Refused: not JSON, or not this message.
        BadCommand: too large.
    """
    body = await read_body(request, limit_bytes) or empty
    if len(body) < OFF_LOOP_BYTES:
        return decode(model, body, limit_bytes)
    return await asyncio.to_thread(decode, model, body, limit_bytes)


def _too_large(limit_bytes: int) -> BadCommand:
    return BadCommand(
        ProblemCode.PAYLOAD_TOO_LARGE,
        f"the body may have at most {limit_bytes} bytes",
        limit_bytes=limit_bytes,
    )
