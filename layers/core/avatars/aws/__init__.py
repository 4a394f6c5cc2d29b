"""The adapters to AWS: the only modules that know botocore."""
