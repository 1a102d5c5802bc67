"""Settings of the career site."""

from datetime import timedelta

from pydantic import Field

from catrelay.settings import ServiceSettings
from catrelay.signing import TOLERANCE

PORT = 8803


class CareersiteSettings(ServiceSettings):
    """What the career site needs to know to start."""

    port: int = Field(default=PORT, description="TCP port to listen on", ge=0, le=65_535)
    catch_up_seconds: float = Field(
        default=60, description="how often to look for changes without being pinged, ± 20 %", gt=0
    )
    resync_delay_seconds: float = Field(
        default=2, description="longest wait, drawn by chance, before everything is loaded anew", ge=0
    )
    connection_check_seconds: float = Field(
        default=5, description="how often to look for tenants that were connected to an ATS since", gt=0
    )

    ping_tolerance_seconds: float = Field(
        default=TOLERANCE.total_seconds(),
        description="how old a ping may be, or how far ahead its sender's clock",
        gt=0,
    )

    @property
    def ping_tolerance(self) -> timedelta:
        """How old a ping may be, or how far ahead its sender's clock."""
        return timedelta(seconds=self.ping_tolerance_seconds)

    @property
    def catch_up_interval(self) -> timedelta:
        """How often to look for changes without being pinged."""
        return timedelta(seconds=self.catch_up_seconds)

    @property
    def resync_delay(self) -> timedelta:
        """Longest wait before everything is loaded anew."""
        return timedelta(seconds=self.resync_delay_seconds)
