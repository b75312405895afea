"""Alembic's environment. Revisions are run by `iwds.state.schema`; there is no alembic.ini."""
