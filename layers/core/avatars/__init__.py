"""Avatars: selfies in, avatars out."""
