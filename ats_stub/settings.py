"""Settings of the ATS."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import NoDecode

from ats_stub.domain.files import LINK_LIFETIME, MAX_FILE_BYTES, FileRules
from catrelay.settings import TargetSettings

PORT = 8800


def _delays(listed: str) -> str:
    delays = _seconds(listed)
    if not delays or min(delays) <= 0:
        raise ValueError("is not a list of seconds above 0, separated by commas")
    return listed


def _seconds(listed: str) -> tuple[float, ...]:
    return tuple(float(seconds) for seconds in listed.split(",") if seconds.strip())


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

    @property
    def retry_seconds(self) -> tuple[float, ...]:
        """The delays of `ping_retry_seconds`."""
        return _seconds(self.ping_retry_seconds)

    @property
    def file_rules(self) -> FileRules:
        """What holds for files of all tenants."""
        return FileRules(self.root_url, self.max_file_bytes, timedelta(seconds=self.file_link_seconds))
