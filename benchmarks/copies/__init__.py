"""Copying avatars: who copies, and the other side of their connections, each in its own process."""

LATENCY = 0.05
"""Seconds until the provider's host, and S3, begin to answer."""

TABLE_LATENCY = 0.005
"""The same of DynamoDB, whose answers take single-digit milliseconds (AWS)."""
