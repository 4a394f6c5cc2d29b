"""The door of who holds AWS credentials: the verbs of the API, in this process."""
