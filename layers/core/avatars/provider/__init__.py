"""The adapters to the provider: the only modules that know its HTTP API."""

import logging

# At INFO httpx logs every address, and ours carry signatures.
logging.getLogger("httpx").setLevel(logging.WARNING)
