from pathlib import Path

import pytest

from catrelay.problems import UnknownCategory
from replicator.careersite.models import Testimonial as Pinned
from replicator.careersite.store import open_store


def test_a_testimonial_without_a_value_cannot_be_put_into_a_category_that_is_not_there(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'careersite.db'}")
    store.registry.migrate()
    store.registry.add_tenant("acme")
    nowhere = Pinned(id=1, author="Jake", text="It is great here", category=17, value=None)

    with store.write("acme") as unit:
        with pytest.raises(UnknownCategory):
            unit.change_testimonial(nowhere, {"category": 999_999})
        assert unit.change_testimonial(nowhere, {"author": "Jo"}).author == "Jo"

    store.registry.close()
