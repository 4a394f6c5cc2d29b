"""Only a stack that signs its avatars ships, and may read, what that takes."""

from tests.template.test_page import Stack

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:content-credentials-a1b2c3"


def test_a_stack_without_a_certificate_has_nothing_of_it() -> None:
    resources = Stack().resources()

    assert not [name for name in resources if name.startswith(("SigningLayer", "SignAvatars"))]
    assert len(resources["KeepAvatarsFunction"]["Layers"]) == 1


def test_with_one_the_function_that_keeps_avatars_gets_layer_secret_and_permission() -> None:
    resources = Stack(ContentCredentialsSecret=SECRET).resources()

    function = resources["KeepAvatarsFunction"]
    _, signing = function["Layers"]
    [statement] = resources["SignAvatarsPolicy"]["PolicyDocument"]["Statement"]
    assert signing.startswith("<SigningLayer")
    assert function["Environment"]["Variables"]["CONTENT_CREDENTIALS_SECRET"] == SECRET
    assert statement["Resource"] == SECRET
