"""JSON Schemas of the files that people write, so that an editor completes keys and marks mistakes; and of plans.

They are made from the models that read the files. A schema knows keys, types and words; what goes together is told by
`iwds check`. What is missing in a configuration is no mistake to an editor: it may come from the environment.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from iwds.bootstrap import SOURCE_KINDS, TARGET_KINDS
from iwds.configuration import REFERENCE
from iwds.mapping import Document
from iwds.mapping.entries import EntryForm
from iwds.mapping.golden import Golden
from iwds.plan_schema import PlanDocument
from iwds.scheduling.schedules import ScheduleFile
from iwds.settings import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERRING = {"type": "string", "pattern": f"^{REFERENCE.pattern}$"}


class _Plain(GenerateJsonSchema):
    """Without what only says the key once more."""

    def generate(self, schema: Any, mode: Any = "validation") -> JsonSchemaValue:
        """The schema of a file."""
        made = super().generate(schema, mode)
        _untitled(made)
        return {"$schema": DIALECT, **made}


class _Referring(_Plain):
    """Anything but text may also be a reference to a file or to the environment."""

    def int_schema(self, schema: Any) -> JsonSchemaValue:
        return _or_reference(super().int_schema(schema))

    def float_schema(self, schema: Any) -> JsonSchemaValue:
        return _or_reference(super().float_schema(schema))

    def bool_schema(self, schema: Any) -> JsonSchemaValue:
        return _or_reference(super().bool_schema(schema))

    def literal_schema(self, schema: Any) -> JsonSchemaValue:
        return _or_reference(super().literal_schema(schema))

    def enum_schema(self, schema: Any) -> JsonSchemaValue:
        return _or_reference(super().enum_schema(schema))


def _or_reference(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [schema, _REFERRING]}


def _untitled(part: object) -> None:
    """Take the titles out, which repeat the names of keys and classes."""
    if isinstance(part, dict):
        if isinstance(part.get("title"), str):
            del part["title"]
        for inner in part.values():
            _untitled(inner)
    elif isinstance(part, list):
        for inner in part:
            _untitled(inner)


def _configuration() -> JsonSchemaValue:
    """The configuration, with the settings of each kind of source and target in their places."""
    fields: dict[str, Any] = {
        section: (Mapping[str, _any_kind(section, kinds)], Field(min_length=1))  # type: ignore[misc]  # made here
        for section, kinds in (("sources", SOURCE_KINDS), ("targets", TARGET_KINDS))
    }
    model: type[BaseModel] = create_model("Configuration", __base__=Settings, __doc__=Settings.__doc__, **fields)
    made = model.model_json_schema(schema_generator=_Referring)
    for part in (made, *made["$defs"].values()):
        _from_elsewhere(part)
    return made


def _any_kind(section: str, kinds: Sequence[str]) -> Any:
    """The settings of one of these kinds; `kind` says of which."""
    models = [importlib.import_module(f"iwds.{section}.{kind}").Settings for kind in kinds]
    return Annotated[reduce(or_, models), Field(discriminator="kind")] if len(models) > 1 else models[0]


def _from_elsewhere(part: dict[str, Any]) -> None:
    """What is missing in the file may come from the environment, or from files of secrets; the kind tells the keys."""
    needed = [key for key in part.pop("required", ()) if key == "kind"]
    if needed:
        part["required"] = needed
        kind = part["properties"]["kind"]
        part["properties"]["kind"] = next((each for each in kind.get("anyOf", ()) if "const" in each), kind)


def _of(model: type[BaseModel]) -> Callable[[], JsonSchemaValue]:
    return lambda: model.model_json_schema(schema_generator=_Plain)


SCHEMAS: Mapping[str, Callable[[], JsonSchemaValue]] = {
    "mapping": _of(Document),
    "schedule": _of(ScheduleFile),
    "configuration": _configuration,
    "golden": _of(Golden),
    "entry": _of(EntryForm),
    "plan": _of(PlanDocument),
}
"""What makes the schema of each file, by what the file is called."""


def shipped(folder: Path) -> Mapping[str, Path]:
    """Where the schema of each file lies in a folder of teaching files."""
    return {name: folder / "schemas" / f"{name}.json" for name in SCHEMAS}
