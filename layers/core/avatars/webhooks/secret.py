"""Whose secret signs a webhook: everybody's follows from the one that the stack keeps."""

import base64
import hashlib
import hmac

THE_STACK = ""
"""Stands for the stack itself where an owner is asked for: no owner has an empty name."""


def webhook_secret(stack_secret: str, owner: str) -> str:
    """The secret of an owner's webhooks, or of the stack's own, as Standard Webhooks writes it.

    `whsec_` and the base64 of HMAC-SHA256(stack_secret, owner), both in UTF-8. Who knows an
    owner's secret knows nothing of the others'; that includes the stack's receiver.
    """
    digest = hmac.new(stack_secret.encode(), owner.encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(digest).decode()}"
