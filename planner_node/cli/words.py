"""What people read at a terminal, in both languages."""

from collections.abc import Iterator

from messages.wording import in_chinese


def in_both(text: str) -> list[str]:
    """Return the lines of a text, and then the same in Chinese where a table has it."""
    return [*text.splitlines(), *_chinese(text)]


def _chinese(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if (found := chinese_of(line)) is not None:
            yield found


def chinese_of(line: str) -> str | None:
    """Return a sentence in Traditional Chinese, also behind names: ``file: key: sentence``."""
    if (whole := in_chinese(line)) is not None:
        return whole
    name, mark, rest = line.partition(": ")
    found = chinese_of(rest) if mark else None
    return None if found is None else f"{name}：{found}"
