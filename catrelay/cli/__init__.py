"""The `catrelay` command. Source: docs/contract/command-line.md."""

from catrelay.cli.command import main
from catrelay.cli.service import Command, Service

__all__ = ["Command", "Service", "main"]
