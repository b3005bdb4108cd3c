"""Every paid job on disk before it is paid: in SQLite, or in one PostgreSQL for many hosts."""
