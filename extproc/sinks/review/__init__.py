"""The review queue: findings kept in a database for human labels.

Imported only if the configuration has a ``review`` section: it needs SQLAlchemy, and psycopg for PostgreSQL.
"""
