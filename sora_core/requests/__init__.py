"""What may be asked, checked before anything is sent."""
