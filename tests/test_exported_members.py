"""A package's __init__ is its public interface and nothing else."""

import importlib
import pkgutil

import pytest

PACKAGES = ["ats_stub", "catman", "catrelay", "replicator", "uploader"]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_exports_exactly_what_it_lists(name: str) -> None:
    package = importlib.import_module(name)
    submodules = {module.name for module in pkgutil.iter_modules(package.__path__)}

    public = {member for member in vars(package) if not member.startswith("_")}

    # That the list is in order is for the linter to say (RUF022), which also puts it right.
    assert sorted(package.__all__) == sorted(public - submodules | submodules.intersection(package.__all__))
