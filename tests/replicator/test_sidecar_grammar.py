"""Bindings as they are written on the command line."""

import pytest

from replicator.sidecar.grammar import BadBinding, Told, parse


def told(text: str, **members: object) -> Told:
    """The plainest binding, but for *members*."""
    plain: dict[str, object] = {
        "table": "books",
        "key": None,
        "column": "topic",
        "is_array": False,
        "object_column": None,
        "objects": None,
        "objects_key": None,
        "category": 17,
        "category_column": None,
        "policy": "unhook",
    }
    return Told(**(plain | members | {"text": text}))  # type: ignore[arg-type] # by name


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("books.topic=17", {}),
        ("books.topic=17:keep", {"policy": "keep"}),
        ("books(isbn).topic=17:delete", {"key": "isbn", "policy": "delete"}),
        ("shop.books.topic=17", {"table": "shop.books"}),
        ("books.topics[]=17", {"column": "topics", "is_array": True}),
        ("books.value=kind", {"column": "value", "category": None, "category_column": "kind"}),
        ("books.value=kind:keep", {"column": "value", "category": None, "category_column": "kind", "policy": "keep"}),
        ("books-topics.topic@book=17", {"table": "books-topics", "object_column": "book"}),
        (
            "s.bt.topic@book->s.books.id=17:delete",
            {"table": "s.bt", "object_column": "book", "objects": "s.books", "objects_key": "id", "policy": "delete"},
        ),
    ],
)
def test_a_binding_is_read_as_it_is_documented(text: str, members: dict[str, object]) -> None:
    assert parse(text) == told(text, **members)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("books", "it reads TABLE.COLUMN=CATEGORY, such as books.topic=17"),
        ("books.topic=", "it reads"),
        ("books=17", "it reads"),
        ("a.b.books.topic=17", "it reads"),
        ("books.topic=17:burn", "it reads"),
        ("books.topic[]@book=17", "it reads"),
        ("books.topic=0", "no category has the id 0"),
        ("books.topic=9223372036854775808", "no category has the id"),
        ("links(id).topic@book=17", "a link table needs no key"),
        ("links.topic@book=17:delete", "say what is to be deleted: book->TABLE.KEY"),
    ],
)
def test_what_is_no_binding_is_told_why(text: str, reason: str) -> None:
    with pytest.raises(BadBinding, match=reason):
        parse(text)
