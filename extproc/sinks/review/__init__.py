"""The review queue: findings kept in a database for people, who say which of them are right.

Loaded only where the configuration has a ``review`` section: it needs SQLAlchemy, and psycopg for PostgreSQL.
"""
