"""In what answers have changed: told where they have, and nowhere else."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.metrics import Call
from avatars.model import Answer, Drift, DriftKind
from avatars.provider.astria_reader import AstriaReader
from avatars.provider.picsart_reader import ACCOUNT_HEADERS, PicsartReader
from local.simulator.dialect import SHAPES, VOCABULARIES, Phase
from tests.fakes import answer

LINKS = ("https://cdn.test/1.jpg", "https://cdn.test/2.jpg")
LOOKS = (Call.CHECK_TRAINING, Call.CHECK_INFERENCE)

TUNE = {"id": 1, "title": "a-job", "name": "woman", "token": "ohwx", "trained_at": None}
PROMPT = {"id": 2, "tune_id": 1, "text": "ohwx woman", "trained_at": None, "images": []}
DRAWN = PROMPT | {"trained_at": "2026-11-01T00:00:00Z", "images": list(LINKS)}

Seen = Callable[[Call, Answer], list[Drift]]


def picsart(call: Call, reply: Answer) -> list[Drift]:
    return list(PicsartReader().drift(call, reply))


def astria(call: Call, reply: Answer) -> list[Drift]:
    return list(AstriaReader().drift(call, reply))


def kinds(found: list[Drift]) -> list[DriftKind]:
    return [drift.kind for drift in found]


class TestPicsart:
    @pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"unknown"}))
    @pytest.mark.parametrize("vocabulary", VOCABULARIES)
    def test_every_dialect_that_was_seen_is_as_it_should_be(
        self, vocabulary: str, shape: str
    ) -> None:
        facts = {"status": VOCABULARIES[vocabulary][Phase.DONE], "inference_id": "i-1"}
        body = SHAPES[shape](facts, LINKS)

        assert picsart(Call.CHECK_INFERENCE, answer(200, body)) == []

    @pytest.mark.parametrize("vocabulary", sorted(VOCABULARIES.keys() - {"unknown"}))
    @pytest.mark.parametrize("phase", [Phase.ACCEPTED, Phase.IN_PROGRESS, Phase.FAILED])
    @pytest.mark.parametrize("call", LOOKS)
    def test_so_is_each_of_its_words(self, call: Call, phase: Phase, vocabulary: str) -> None:
        reply = answer(202, {"status": VOCABULARIES[vocabulary][phase]})

        assert picsart(call, reply) == []

    @pytest.mark.parametrize("call", [*LOOKS, Call.SUBMIT_TRAINING, Call.SUBMIT_INFERENCE])
    def test_a_word_that_nobody_knows_is_told(self, call: Call) -> None:
        reply = answer(202, {"status": "MARINATING", "model_id": "m-1", "inference_id": "i-1"})

        assert picsart(call, reply) == [Drift(DriftKind.UNKNOWN_WORD, 'status: "MARINATING"')]

    @pytest.mark.parametrize(
        ("call", "body", "shape"),
        [
            (Call.SUBMIT_TRAINING, {"id": "m-1", "status": "ACCEPTED"}, "{id: text, status: text}"),
            (Call.SUBMIT_INFERENCE, {"model_id": "m-1"}, "{model_id: text}"),
            (Call.SUBMIT_INFERENCE, {"inference_id": True}, "{inference_id: boolean}"),
            (Call.CHECK_TRAINING, {"state": "DONE"}, "{state: text}"),
            (Call.CHECK_INFERENCE, {"urls": list(LINKS)}, "{urls: [text]}"),
            (Call.CHECK_INFERENCE, {"status": "DONE"}, "{status: text}"),
            (Call.CHECK_INFERENCE, {"status": "DONE", "urls": []}, "{status: text, urls: []}"),
        ],
    )
    def test_a_field_that_is_missing_is_told(self, call: Call, body: object, shape: str) -> None:
        assert picsart(call, answer(200, body)) == [Drift(DriftKind.MISSING_FIELD, shape)]

    @pytest.mark.parametrize(
        ("body", "shape"),
        [
            ({"status": "DONE", "pictures": list(LINKS)}, "{status: text, pictures: [text]}"),
            (
                {"status": "DONE", "data": [{"uri": LINKS[0]}]},
                "{status: text, data: [{uri: text}]}",
            ),
            ({"status": "DONE", "urls": [LINKS[0], None]}, "{status: text, urls: [text | null]}"),
            ({"status": {"code": 3}}, "{status: {code: number}}"),
            (b"<html>Welcome</html>", "no JSON"),
            (b'"DONE"', "no JSON"),
        ],
    )
    def test_so_is_a_new_shape(self, body: object, shape: str) -> None:
        found = picsart(Call.CHECK_INFERENCE, answer(200, body))

        assert found == [Drift(DriftKind.NEW_SHAPE, shape)]

    def test_a_link_that_comes_twice_is_none(self) -> None:
        reply = answer(200, {"status": "DONE", "urls": [LINKS[0], LINKS[0]]})

        assert picsart(Call.CHECK_INFERENCE, reply) == []

    @pytest.mark.parametrize("name", ACCOUNT_HEADERS)
    def test_a_header_of_the_account_that_is_missing_is_told(self, name: str) -> None:
        reply = answer(200, {"credits": 5})
        headers = {known: text for known, text in reply.headers.items() if known != name}

        found = picsart(Call.BALANCE, Answer(200, headers, reply.body))

        assert found == [Drift(DriftKind.CHANGED_HEADER, f"{name}: missing")]

    @pytest.mark.parametrize("name", ACCOUNT_HEADERS[1:])
    def test_so_is_one_that_is_no_number(self, name: str) -> None:
        reply = answer(200, {"credits": 5}, **{name: "5ec2e7 https://photos.test"})

        assert picsart(Call.BALANCE, reply) == [Drift(DriftKind.CHANGED_HEADER, f"{name}: text")]

    def test_an_error_needs_none(self) -> None:
        assert picsart(Call.CHECK_TRAINING, answer(500, b"<html>")) == []

    def test_a_balance_may_stand_in_the_header_alone_but_somewhere(self) -> None:
        said = answer(200, {})
        headers = {name: text for name, text in said.headers.items() if name != ACCOUNT_HEADERS[-1]}

        assert picsart(Call.BALANCE, said) == []
        assert kinds(picsart(Call.BALANCE, Answer(200, headers, b"{}"))) == [
            DriftKind.CHANGED_HEADER,
            DriftKind.MISSING_FIELD,
        ]


class TestAstria:
    @pytest.mark.parametrize(
        ("call", "body"),
        [
            (Call.SUBMIT_TRAINING, TUNE),
            (Call.SUBMIT_TRAINING, [TUNE]),
            (Call.CHECK_TRAINING, TUNE),
            (Call.CHECK_TRAINING, TUNE | {"trained_at": "2026-11-01T00:00:00Z"}),
            (Call.SUBMIT_INFERENCE, PROMPT),
            (Call.CHECK_INFERENCE, PROMPT),
            (Call.CHECK_INFERENCE, DRAWN),
            (Call.CHECK_INFERENCE, DRAWN | {"images": [{"url": link} for link in LINKS]}),
            (Call.CHECK_INFERENCE, DRAWN | {"images": [], "user_error": "No face."}),
            (Call.FIND_TRAINING, [TUNE]),
            (Call.FIND_TRAINING, {"tunes": [TUNE]}),
            (Call.FIND_INFERENCE, []),
            (Call.BALANCE, [TUNE]),
        ],
    )
    def test_what_is_documented_or_was_seen_is_as_it_should_be(
        self, call: Call, body: object
    ) -> None:
        assert astria(call, Answer(200, {}, answer(200, body).body)) == []

    @pytest.mark.parametrize(
        ("call", "body", "kind"),
        [
            (Call.SUBMIT_TRAINING, {"title": "a-job", "trained_at": None}, DriftKind.MISSING_FIELD),
            (Call.CHECK_TRAINING, {"id": 1}, DriftKind.MISSING_FIELD),
            (Call.CHECK_TRAINING, TUNE | {"status": "MARINATING"}, DriftKind.UNKNOWN_WORD),
            (Call.CHECK_TRAINING, [TUNE, TUNE], DriftKind.NEW_SHAPE),
            (Call.CHECK_TRAINING, b"<html>", DriftKind.NEW_SHAPE),
            (Call.CHECK_INFERENCE, DRAWN | {"images": []}, DriftKind.MISSING_FIELD),
            (Call.CHECK_INFERENCE, DRAWN | {"images": [{"uri": "x"}]}, DriftKind.NEW_SHAPE),
            (
                Call.CHECK_INFERENCE,
                {"id": 2, "trained_at": "2026-11-01", "pictures": list(LINKS)},
                DriftKind.NEW_SHAPE,
            ),
            (Call.FIND_TRAINING, {"tunes": [], "next": 5}, DriftKind.NEW_SHAPE),
            (Call.BALANCE, b"welcome", DriftKind.NEW_SHAPE),
        ],
    )
    def test_what_is_not_is_told(self, call: Call, body: object, kind: DriftKind) -> None:
        assert kinds(astria(call, answer(200, body))) == [kind]


@pytest.mark.parametrize("seen", [picsart, astria])
@pytest.mark.parametrize("name", ["deprecation", "sunset"])
def test_an_announced_end_is_told_on_any_answer(seen: Seen, name: str) -> None:
    reply = answer(404, {}, **{name: "Sat, 01 Jan 2028 00:00:00 GMT"})

    assert seen(Call.CHECK_TRAINING, reply) == [Drift(DriftKind.CHANGED_HEADER, name)]


SECRET = "5ec2e75ec2e75ec2e7"
secrets = st.recursive(
    st.just(SECRET) | st.integers(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from([SECRET, "status", "urls", "data", "url", "images", "id"]), inner
        )
    ),
)


@pytest.mark.parametrize("seen", [picsart, astria])
@given(call=st.sampled_from(Call), body=secrets)
def test_whatever_has_changed_nothing_that_it_holds_is_told(
    seen: Seen, call: Call, body: object
) -> None:
    reply = answer(200, body, x_picsart_credit_available=SECRET)

    assert SECRET not in str(seen(call, reply))
