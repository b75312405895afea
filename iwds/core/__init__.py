"""Deciding, and nothing else: pure functions over frozen values. No clock, no settings, no input or output."""
