"""Run by Alembic inside a transaction of `iwds.state.schema`, which hands over its connection."""

from alembic import context

from iwds.state.schema import VERSION_TABLE
from iwds.state.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
context.run_migrations()
