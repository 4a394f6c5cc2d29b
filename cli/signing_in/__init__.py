"""Sign-in by OpenID Connect, for people and for machines, and where tokens are kept."""
