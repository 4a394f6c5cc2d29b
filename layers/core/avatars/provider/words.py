"""What is told of what the provider says: its words, and nothing that it was sent."""

import re

MOST = 4000
"""Characters that are looked at: a reason is a sentence or two."""

LONGEST_WORD = 24
"""Longer than any word that the provider is known to use, and shorter than keys and signatures."""

_QUOTED = re.compile("(?<!\\w)[\"'`\u201c\u2018].*?(?:[\"'`\u201d\u2019](?!\\w)|$)", re.DOTALL)
"""A provider that quotes, quotes what it was sent: links, prompts, in bad hands our key."""

_WORD = re.compile(
    r"""[^\w]*            # brackets and the like
        (?:[^\W\d_]+|\d{1,4})
        (?:[-_.,:;/'\u2019](?:[^\W\d_]+|\d{1,4}))*
        [^\w]*""",
    re.VERBOSE,
)
"""Letters or a small number, or several of them joined, as in `prompts.0.style`."""

_CARRIER = re.compile(r"://|[=%\\@]")
"""What links, forms and credentials have, and prose has not."""


def plain(text: str) -> str:
    """Only the words of a stranger's text; what is quoted, or looks like no word, is left out.

    A reason goes where anybody may read it: into the table, logs, execution histories and notices.
    """
    unquoted = _QUOTED.sub(" ", text[:MOST])
    return " ".join(word for word in unquoted.split() if _is_word(word))


def _is_word(word: str) -> bool:
    return (
        len(word) <= LONGEST_WORD
        and not _CARRIER.search(word)
        and _WORD.fullmatch(word) is not None
    )
