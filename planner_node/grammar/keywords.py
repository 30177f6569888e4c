"""The vocabulary of JSON Schema that the node understands; all other words are refused."""

from typing import Final

# Kept by the grammar word for word.
TYPES: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
COUNTS: Final = frozenset(
    {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
)
BOUNDS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
BRANCHES: Final = frozenset({"anyOf", "oneOf", "allOf"})
DEFINITIONS: Final = frozenset({"$defs", "definitions"})
# Each was walked with the grammar library; the others of the standard are unknown to it.
FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"}
)

# Shown to the model, without force on the answer.
ANNOTATIONS: Final = frozenset(
    {
        "$schema",
        "$id",
        "$comment",
        "title",
        "description",
        "default",
        "example",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "discriminator",  # OpenAPI's hint beside a oneOf that stands by itself
        "contentEncoding",
        "contentMediaType",
    }
)
