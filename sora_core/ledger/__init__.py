"""Every paid job in SQLite, on disk before it is paid."""
