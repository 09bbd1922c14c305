"""How a database is reached: SQLite in a file, or PostgreSQL. Knows no table; needs SQLAlchemy."""
