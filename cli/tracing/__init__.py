"""The story of one job, from everywhere that it left a trace."""
