"""`catrelay replicate`: keeps the tables of an app right that knows nothing of it."""
