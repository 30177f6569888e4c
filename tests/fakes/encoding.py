"""How MQTT writes a text and a length."""


def text_bytes(text: str) -> bytes:
    """Return a text with its length in two bytes before it."""
    data = text.encode()
    return len(data).to_bytes(2) + data


def length_bytes(length: int) -> bytes:
    """Return MQTT's variable byte integer."""
    digits = []
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(digits)
