"""`avatars doctor`: whether a stack is deployed as it should be."""
