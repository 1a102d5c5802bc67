"""Settings that every service has, each an option of its `serve` and `CATRELAY_...` in the environment."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _networks(cidrs: str) -> str:
    for cidr in cidrs.split(","):
        if cidr.strip():
            ipaddress.ip_network(cidr.strip())
    return cidrs


class ServiceSettings(BaseSettings):
    """What a service needs to know to start."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="CATRELAY_", extra="ignore", hide_input_in_errors=True)

    database: str = Field(description="sqlite:///path or postgresql://user:pass@host/db")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8800, description="TCP port to listen on", ge=0, le=65_535)
    public_url: str | None = Field(
        default=None,
        description="root URL under which other services reach this one; default http://host:port",
    )
    max_body_bytes: int = Field(default=1_048_576, description="largest request body that is read", ge=1)
    log_level: str = Field(default="info", description="debug, info, warning or error")

    @property
    def root_url(self) -> str:
        """Root URL under which other services reach this one, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


class TargetSettings(ServiceSettings):
    """Settings of a service that sends requests to addresses which others give."""

    allow_targets: Annotated[str, NoDecode, AfterValidator(_networks)] = Field(
        default="", description="CIDR list of non-public ranges that ping targets may resolve to"
    )
