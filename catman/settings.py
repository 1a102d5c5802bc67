"""What the editor needs to know to start."""

from datetime import timedelta

from pydantic import Field

from catrelay.settings import ServiceSettings


class CatmanSettings(ServiceSettings):
    """Settings of the editor."""

    port: int = Field(default=8802, description="TCP port to listen on", ge=0, le=65_535)
    app_timeout_seconds: float = Field(
        default=5.0, description="how long each connected app may take to say what it holds on a value", gt=0
    )

    @property
    def app_timeout(self) -> timedelta:
        """How long each connected app may take to answer."""
        return timedelta(seconds=self.app_timeout_seconds)
