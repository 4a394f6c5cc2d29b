"""The commands on jobs, each of them for both doors."""
