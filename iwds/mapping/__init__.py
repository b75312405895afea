"""Mapping files: the rules that turn entries of a directory into accounts, compiled into plain functions."""

from iwds.mapping.compile import CompiledRules, again, compile_mapping, load, read
from iwds.mapping.document import Document
from iwds.mapping.libraries import versions_of

__all__ = ["CompiledRules", "Document", "again", "compile_mapping", "load", "read", "versions_of"]
