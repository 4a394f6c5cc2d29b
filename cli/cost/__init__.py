"""`avatars cost`: what jobs cost at AWS."""
