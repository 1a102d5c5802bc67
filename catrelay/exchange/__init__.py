"""A tenant's data in one file, and from that file into another tenant. Source: docs/contract/export-format.md."""
