"""Read: one composite fact a part, one remote command each."""
