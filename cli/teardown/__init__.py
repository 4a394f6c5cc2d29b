"""`avatars teardown`: a stack taken down, and what of it stays."""
