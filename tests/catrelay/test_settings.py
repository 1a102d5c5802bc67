import pytest
from pydantic import ValidationError

from catrelay.settings import ServiceSettings, TargetSettings


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATRELAY_DATABASE", "sqlite:///acme.db")
    monkeypatch.setenv("CATRELAY_PORT", "8804")
    monkeypatch.setenv("CATRELAY_ALLOW_TARGETS", "127.0.0.0/8, ::1/128,")

    settings = TargetSettings()

    assert (settings.database, settings.port) == ("sqlite:///acme.db", 8804)
    assert settings.allow_targets == "127.0.0.0/8, ::1/128,"


def test_a_service_is_reached_where_it_listens_unless_told_otherwise() -> None:
    at_home = ServiceSettings(database="sqlite:///acme.db", host="127.0.0.1", port=8804)
    behind_a_proxy = ServiceSettings(database="sqlite:///acme.db", public_url="https://ats.example.com/")

    assert at_home.root_url == "http://127.0.0.1:8804"
    assert behind_a_proxy.root_url == "https://ats.example.com"


@pytest.mark.parametrize(
    ("name", "value"),
    [("CATRELAY_PORT", "65536"), ("CATRELAY_MAX_BODY_BYTES", "0"), ("CATRELAY_ALLOW_TARGETS", "localhost")],
)
def test_a_setting_that_cannot_be_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError, match=name.removeprefix("CATRELAY_").lower()):
        TargetSettings(database="sqlite:///acme.db")


def test_settings_cannot_be_changed() -> None:
    settings = ServiceSettings(database="sqlite:///acme.db")

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]  # which is what is tested
