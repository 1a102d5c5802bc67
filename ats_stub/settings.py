"""Settings of the ATS."""

from pydantic import Field

from catrelay.settings import TargetSettings

PORT = 8800


class AtsSettings(TargetSettings):
    """What the ATS needs to know to start."""

    port: int = Field(default=PORT, description="TCP port to listen on", ge=0, le=65_535)
    max_body_bytes: int = Field(default=8_388_608, description="largest request body that is read", ge=1)
