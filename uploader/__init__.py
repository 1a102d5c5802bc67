"""Bulk uploads: the tree that is sent becomes the tree that is there, through the ATS's own API."""

from uploader.app import create_app
from uploader.settings import UploaderSettings

__all__ = ["UploaderSettings", "create_app"]
