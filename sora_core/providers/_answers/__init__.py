"""What servers' answers say, however they say it."""
