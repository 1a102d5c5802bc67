"""What hypothesis draws: bodies of users and candidates, of every shape that the published schemas allow."""

from typing import Any

from hypothesis import strategies as st

from catrelay.models import Wire
from tests.items import items, uploads
from tests.strategies import keys, names, numbers, texts

scalars = texts | st.booleans() | numbers
components = scalars | st.lists(scalars, max_size=3)
properties = st.builds(
    lambda name, parameters, kind, values: [name, parameters, kind, *values],
    names,
    st.dictionaries(texts, texts | st.lists(texts, max_size=3), max_size=3),
    names,
    st.lists(scalars | st.lists(components, max_size=3), min_size=1, max_size=3),
)
jcards = st.lists(properties, max_size=4).map(lambda entries: ["vcard", entries])

details = st.dictionaries(
    texts,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)
"""Objects of any members; as an object's own, not one of them null."""

uris = st.sampled_from(
    ["https://example.com/face.png?v=1#top", "data:image/gif;base64,R0lGODlhAQABAAAAACw=", "urn:x:%7E"]
)
persons = st.fixed_dictionaries(
    {},
    optional={"givenName": texts, "familyName": texts, "email": texts, "image": uris, "vcard": jcards},
)
logins = st.fixed_dictionaries({"entityID": texts, "nameID": texts})


carried = st.fixed_dictionaries(
    {},
    optional={
        "resume": uploads.map(Wire.to_document),
        "items": st.lists(items.map(Wire.to_document), max_size=3),
    },
)
"""What a candidate brings besides: files, and items that may hold files."""


def users(orgs: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies that make a user. orgs: what the member of that name is drawn from."""
    return st.fixed_dictionaries(
        {},
        optional={
            "activeFlag": st.booleans(),
            "orgs": orgs,
            "person": persons,
            "login": logins,
            "manager": details,
            "recruiter": details,
            "externalId": keys,
        },
    )


def candidates(categories: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies that make a candidate, without files. categories: what the member of that name is drawn from."""
    return st.fixed_dictionaries(
        {},
        optional={
            "notifications": st.booleans(),
            "internalFlag": st.booleans(),
            "person": persons,
            "categories": categories,
        },
    )
