"""The page that people read: the API's description, without a script."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from catrelay.asgi.examples import Examples, curl, shown
from catrelay.asgi.operation import JSON
from catrelay.asgi.schemas import REF
from catrelay.problems import TYPE_PREFIX, Problem

Json = Mapping[str, Any]

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_TEMPLATES = Environment(
    loader=PackageLoader("catrelay.asgi"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

_MARKS = (("`", "code"), ("*", "em"))


def _prose(text: str) -> Markup:
    """*text* of a docstring, with what it sets apart set apart."""
    shown = escape(text)
    for mark, tag in _MARKS:
        shown = Markup(re.sub(rf"\{mark}([^\{mark}\s][^\{mark}]*)\{mark}", rf"<{tag}>\1</{tag}>", shown))
    return shown


_TEMPLATES.filters["prose"] = _prose


@dataclass(frozen=True)
class Entry:
    """An operation, as it is shown. problems: names of types by status."""

    method: str
    path: str
    operation: Json
    body: Json | None
    media_types: tuple[str, ...]
    answers: Mapping[str, Json]
    problems: Mapping[str, list[str]]
    curl: str
    example: str | None

    @property
    def scope(self) -> str | None:
        """What a token needs; None: no token is asked for."""
        return next((scopes["bearer"][0] for scopes in self.operation["security"]), None)


def page(document: Json) -> str:
    """The page that shows *document*, an OpenAPI description."""
    examples = Examples(document["components"]["schemas"])
    groups: dict[str, list[Entry]] = {tag["name"]: [] for tag in document["tags"]}
    for entry in _entries(document, examples):
        groups[entry.operation["tags"][0]].append(entry)
    used = sorted(
        {name for each in groups.values() for entry in each for names in entry.problems.values() for name in names}
    )
    return _TEMPLATES.get_template("docs.html").render(
        title=document["info"]["title"],
        version=document["info"]["version"],
        groups=groups,
        schemas=document["components"]["schemas"],
        problems=[Problem.types()[name] for name in used],
        name_of=lambda reference: reference.removeprefix(REF),
    )


def style() -> bytes:
    """The page's style sheet."""
    return (files("catrelay.asgi") / "templates" / "docs.css").read_bytes()


def _entries(document: Json, examples: Examples) -> Iterator[Entry]:
    for path, methods in document["paths"].items():
        for name, operation in methods.items():
            method = name.upper()
            content = operation.get("requestBody", {}).get("content", {})
            answers = {status: each for status, each in operation["responses"].items() if int(status) < 400}
            yield Entry(
                method=method,
                path=path,
                operation=operation,
                body=next((each["schema"] for each in content.values()), None),
                media_types=tuple(content),
                answers=answers,
                problems=_problems(operation),
                curl=curl(method, path, operation, examples),
                example=_example(answers, examples),
            )


def _example(answers: Mapping[str, Json], examples: Examples) -> str | None:
    for answer in answers.values():
        schema = answer.get("content", {}).get(JSON, {}).get("schema")
        if schema:
            return shown(examples.of(schema))
    return None


def _problems(operation: Json) -> dict[str, list[str]]:
    return {
        status: [
            name.removeprefix(TYPE_PREFIX)
            for content in response["content"].values()
            for name in content["schema"]["properties"]["type"]["enum"]
        ]
        for status, response in operation["responses"].items()
        if int(status) >= 400
    }
