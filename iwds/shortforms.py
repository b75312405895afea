"""What stands in a file that people write: unknown keys are refused, and a text may stand for keys and values.

A class with a short form has a validator `_short`, which turns a text into keys and values. The JSON Schema of the
class then says so too.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Written(BaseModel):
    """A part of such a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler, /) -> JsonSchemaValue:
        """The schema of the class; where it has a short form, that of the key for which the text stands, or either."""
        whole = handler(core)
        short = getattr(cls, "_short", None)
        if short is None:
            return whole
        return {"anyOf": [_stood_for(handler.resolve_ref_schema(whole), short), whole]}


def _stood_for(whole: JsonSchemaValue, short: Any) -> JsonSchemaValue:
    """The schema of the key that a text becomes; any text, where it becomes several or none."""
    try:
        keys = list(short("x"))
    except ValueError:
        return {"type": "string", "minLength": 1}
    written = dict(whole["properties"][keys[0]])
    written.pop("default", None)
    written.pop("title", None)
    either = [each for each in written.get("anyOf", [written]) if each.get("type") != "null"]
    return either[0] if len(either) == 1 else {"anyOf": either}
