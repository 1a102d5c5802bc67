"""A package's __init__ is its public interface and nothing else."""

import importlib
import pkgutil

import pytest

PACKAGES = ["ats_stub", "catman", "catrelay", "replicator", "uploader"]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_exports_what_it_lists_in_alphabetical_order(name: str) -> None:
    package = importlib.import_module(name)
    submodules = {module.name for module in pkgutil.iter_modules(package.__path__)}

    exported = {member for member in vars(package) if not member.startswith("_")} - submodules

    assert package.__all__ == sorted(exported | submodules.intersection(package.__all__), key=str.casefold)
