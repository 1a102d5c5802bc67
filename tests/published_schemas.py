"""The published JSON Schemas of the data-migration API, extended by the optional members that are ours."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

# Names our optional members, by schema; not a schema itself.
OURS = "ours.json"


class PublishedSchemas:
    """The schemas (draft-04, `$ref`s relative to each other) in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.schemas = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json") if path.name != OURS}
        for name, members in json.loads((folder / OURS).read_text()).items():
            if not name.startswith("$"):
                self.schemas[f"{name}.json"]["properties"] |= members
        self._registry: Registry[Any] = Registry().with_resources(
            (name, DRAFT4.create_resource(schema)) for name, schema in self.schemas.items()
        )

    def errors(self, name: str, document: object) -> Iterator[str]:
        """Where and why *document* is not what the schema *name* (`category.json`) describes."""
        validator = Draft4Validator({"$ref": name}, registry=self._registry)
        for error in validator.iter_errors(cast(Any, document)):
            yield f"{error.json_path}: {error.message}"
