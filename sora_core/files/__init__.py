"""Where state and files go, and locks between processes."""
