"""Webhooks: what signs them, and how they are sent."""
