"""What no function could take in the end: listed, explained, handed over again."""
