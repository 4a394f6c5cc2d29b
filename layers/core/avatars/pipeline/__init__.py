"""The verbs: one function per step of a job."""
