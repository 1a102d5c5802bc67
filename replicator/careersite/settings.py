"""Settings of the career site."""

from datetime import timedelta

from pydantic import Field

from catrelay.settings import ServiceSettings

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

    @property
    def catch_up_interval(self) -> timedelta:
        """How often to look for changes without being pinged."""
        return timedelta(seconds=self.catch_up_seconds)

    @property
    def resync_delay(self) -> timedelta:
        """Longest wait before everything is loaded anew."""
        return timedelta(seconds=self.resync_delay_seconds)
