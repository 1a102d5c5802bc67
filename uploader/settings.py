"""Settings of the uploader."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import NoDecode

from catrelay.settings import ServiceSettings

PORT = 8801


def _seconds(listed: str) -> str:
    if any(float(one) < 0 for one in listed.split(",")):
        raise ValueError("is negative")
    return listed


class UploaderSettings(ServiceSettings):
    """What the uploader needs to know to start."""

    port: int = Field(default=PORT, description="TCP port to listen on", ge=0, le=65_535)
    max_body_bytes: int = Field(default=67_108_864, description="largest request body that is read", ge=1)
    max_tree_depth: int = Field(default=50, description="levels that an uploaded tree may have", ge=1)
    guard_share: float = Field(
        default=0.2, description="share of the values that are there that an upload may make unavailable", ge=0, le=1
    )
    guard_floor: int = Field(
        default=10, description="values that an upload may make unavailable whatever the share", ge=0
    )
    guard_count: int = Field(default=500, description="values that an upload may make unavailable at all", ge=0)
    ats_concurrency: int = Field(default=16, description="requests of one upload to the ATS at a time", ge=1)
    batch_values: int = Field(
        default=500, description="values written by one request, where the ATS takes batches", ge=1
    )
    max_touched_values: int = Field(
        default=1_000, description="values that leave for which a plan says how many objects they touch", ge=0
    )
    uploads_at_once: int = Field(default=4, description="uploads in work in this process at a time", ge=1)
    upload_retry_seconds: Annotated[str, NoDecode, AfterValidator(_seconds)] = Field(
        default="1,2,5,15,30,60",
        description="waits between attempts while the ATS is away, then the last again; each with jitter of 20 %",
    )
    upload_patience_seconds: float = Field(
        default=259_200,
        description="time after which an upload that nothing brings forward ends in Error with the last reason",
        ge=0,
    )
    upload_lease_seconds: float = Field(
        default=15, description="time after which another process takes over the uploads of one that crashed", gt=0
    )
    upload_poll_seconds: float = Field(
        default=10, description="time between looks for uploads of which no other process told", gt=0
    )

    @property
    def retry_seconds(self) -> tuple[float, ...]:
        """The waits between attempts."""
        return tuple(float(one) for one in self.upload_retry_seconds.split(","))
