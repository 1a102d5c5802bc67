"""Settings of the ATS."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import NoDecode

from ats_stub.domain.delivery import DeliveryRules, RetryPolicy
from ats_stub.domain.files import LINK_LIFETIME, MAX_FILE_BYTES, FileRules
from catrelay.models import MAX_KEEP_SECONDS
from catrelay.settings import TargetSettings
from catrelay.vault import MIN_KEY_CHARACTERS, Vault

PORT = 8800


def _delays(listed: str) -> str:
    delays = _seconds(listed)
    if not delays or min(delays) <= 0:
        raise ValueError("is not a list of seconds above 0, separated by commas")
    return listed


def _seconds(listed: str) -> tuple[float, ...]:
    return tuple(float(seconds) for seconds in listed.split(",") if seconds.strip())


def _keys(listed: SecretStr | None) -> SecretStr | None:
    if listed is not None and any(len(key) < MIN_KEY_CHARACTERS for key in _keys_in(listed)):
        raise ValueError(f"each key has at least {MIN_KEY_CHARACTERS} characters")
    return listed


def _keys_in(listed: SecretStr) -> list[str]:
    return [key.strip() for key in listed.get_secret_value().split(",") if key.strip()]


class AtsSettings(TargetSettings):
    """What the ATS needs to know to start."""

    port: int = Field(default=PORT, description="TCP port to listen on", ge=0, le=65_535)
    max_body_bytes: int = Field(default=8_388_608, description="largest request body that is read", ge=1)
    max_file_bytes: int = Field(default=MAX_FILE_BYTES, description="largest file that is kept", ge=0)
    file_link_seconds: int = Field(
        default=int(LINK_LIFETIME.total_seconds()),
        description="how long the address of a file holds at least; at most it is twice that",
        ge=1,
        le=31_536_000,
    )
    secret_keys: Annotated[SecretStr | None, AfterValidator(_keys)] = Field(
        default=None,
        description="comma-separated keys: the first seals stored secrets, each opens them; not for `ps` to show",
    )
    secret_keep_seconds: int = Field(
        default=86_400,
        description="how long a secret that was replaced signs beside the new one",
        ge=0,
        le=MAX_KEEP_SECONDS,
    )
    ping_timeout_seconds: float = Field(default=15, description="how long a subscriber may take to answer a ping", gt=0)
    ping_retry_seconds: Annotated[str, NoDecode, AfterValidator(_delays)] = Field(
        default="2,10,60,300,1800,7200,18000,36000,50400,72000,86400",
        description="delays before a failed ping is sent again, then the last again and again; each ± 20 %",
    )
    ping_suspend_after_seconds: float = Field(
        default=432_000, description="time of nothing but failures after which a subscription is suspended", gt=0
    )
    changes_keep_seconds: float = Field(
        default=1_209_600, description="how long changes are kept that every subscriber was told of", ge=0
    )
    changes_horizon_seconds: float = Field(
        default=7_776_000,
        description="how long changes are kept at most; who was not told of one by then has to load everything anew",
        ge=0,
    )

    @property
    def secret_keep(self) -> timedelta:
        """The time of `secret_keep_seconds`."""
        return timedelta(seconds=self.secret_keep_seconds)

    @property
    def vault(self) -> Vault:
        """What seals stored secrets, by the keys of `secret_keys`."""
        return Vault(_keys_in(self.secret_keys) if self.secret_keys is not None else ())

    @property
    def delivery_rules(self) -> DeliveryRules:
        """How delivery goes."""
        return DeliveryRules(
            RetryPolicy(_seconds(self.ping_retry_seconds), timedelta(seconds=self.ping_suspend_after_seconds)),
            keep_told=timedelta(seconds=self.changes_keep_seconds),
            keep_any=timedelta(seconds=self.changes_horizon_seconds),
        )

    @property
    def file_rules(self) -> FileRules:
        """What holds for files of all tenants."""
        return FileRules(self.root_url, self.max_file_bytes, timedelta(seconds=self.file_link_seconds))
