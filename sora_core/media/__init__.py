"""Images on their way up, videos on their way down. Each module is imported where it is used."""
