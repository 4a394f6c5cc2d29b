"""The adapters to the provider: the only modules that know its HTTP API."""
