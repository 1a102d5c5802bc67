"""The demo: the sample tenant, and the four flows of the data-migration document played on it."""
