"""Alembic's environment and revisions; ``storage.schema`` runs them."""
