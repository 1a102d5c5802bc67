"""The category editor: a web page on which people change categories and see beforehand what that does everywhere."""

__all__: list[str] = []
