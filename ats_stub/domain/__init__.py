"""The rules of the ATS. Pure: no clock, no IO, no randomness."""

__all__: list[str] = []
