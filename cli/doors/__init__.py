"""The two ways to a stack: with AWS credentials, and through its HTTP API."""
