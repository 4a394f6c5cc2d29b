"""Styles in words, for providers that take nothing else."""


def in_style(about: str, style: str) -> str:
    """What is to be seen, and how: `by the sea, oil painting style` for `oil_painting`."""
    return f"{about}, {style.replace('_', ' ')} style"
