"""Keeps an MFA service equal to the directories that are the source of truth."""
