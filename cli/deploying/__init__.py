"""`avatars deploy`, `key` and `invite`: a stack on AWS, from nothing."""
