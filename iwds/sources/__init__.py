"""Where people are: one module per kind of source, each with its `Settings` and `connect(name, settings)`."""
