"""The page in a real browser, from the first photo to the receipt."""

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from local.engine import PROJECT
from tests.e2e.browser import CHROMIUM, PHONE, Visitor, running_browser
from tests.e2e.pipeline import Pipeline

pytestmark = [
    pytest.mark.usefixtures("provider"),
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        CHROMIUM is None, reason="needs Debian's chromium: `requirements/chromium` installs it"
    ),
]

SAMPLES = sorted(
    file for file in (PROJECT / "samples").iterdir() if file.suffix.lower() in (".jpg", ".png")
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, pipeline: Pipeline) -> Iterator[Callable[..., Visitor]]:
    visitors: list[Visitor] = []

    def visit(**window: Any) -> Visitor:
        visitors.append(Visitor(browser, pipeline.stack, **window))
        return visitors[-1]

    yield visit
    for visitor in visitors:
        visitor.leave()
        assert visitor.errors == []


@pytest.fixture(scope="module")
def no_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What says that it is a photo, and is none."""
    file = tmp_path_factory.mktemp("photos") / "holiday.jpg"
    file.write_bytes(b"This is a letter. " * 40)
    return file


def order(visitor: Visitor, photos: list[Path]) -> None:
    """The way from the empty page to a job that has begun, two avatars of each of two styles."""
    visitor.pick(photos)
    expect(visitor.judged()).to_have_count(len(photos))
    visitor.page.click("#next")
    visitor.page.get_by_text("A woman", exact=True).click()
    for style in ("Realistic", "Watercolor"):
        visitor.page.get_by_label(f"How many in {style}").fill("2")
    visitor.page.click("#begin")


def test_photos_become_avatars(
    visit: Callable[..., Visitor], no_photo: Path, tmp_path: Path
) -> None:
    me = visit()
    page = me.page

    # What it is, and the way in.
    me.go()
    assert me.faults() == []
    page.click("#sign-in")
    me.sign_in()

    # Ten photos, one of which is none.
    expect(page.get_by_role("heading", name="Who is it going to be?")).to_be_focused()
    me.pick([*SAMPLES[:9], no_photo])
    expect(me.judged()).to_have_count(10)
    expect(me.judged("rejected")).to_contain_text("not a picture")
    expect(page.locator("#summary")).to_contain_text("9 photos are fine. One cannot be used.")
    lying = me.photo("IMG_2041.JPG").locator("img")
    expect(lying).to_have_js_property("naturalWidth", 512)
    assert me.faults() == []

    # Another person, two styles and a wish.
    page.click("#next")
    page.click("#begin")
    expect(page.get_by_text("Say who is on the photos.")).to_be_visible()
    page.get_by_text("A woman", exact=True).click()
    page.get_by_text("Pencil sketch", exact=True).first.click()
    page.get_by_label("Leave out Watercolor").click()
    page.get_by_label("Pencil sketch: A wish").fill("<b>by the sea</b>")
    expect(page.locator(".total")).to_have_text("8 avatars")
    assert me.faults() == []
    page.click("#begin")

    # Its address brings one back, also after signing in anew.
    page.wait_for_url(re.compile(r"#/jobs/[A-Z2-7]{26}$"))
    address = page.url.split("#")[1]
    expect(page.locator(".stages")).to_be_visible()
    assert me.faults() == []
    elsewhere = visit()
    elsewhere.arrive(f"#{address}")
    expect(elsewhere.avatars()).to_have_count(8)
    expect(me.avatars()).to_have_count(8)
    expect(page.locator(".tile").get_by_text("AI-generated")).to_have_count(8)
    assert me.faults() == []

    # A favourite, and a closer look.
    page.locator(".tile .heart").nth(1).click()
    page.locator(".thumb").first.click()
    caption = page.locator(".zoom-caption")
    expect(caption).to_contain_text("1 of 8")
    page.keyboard.press("ArrowRight")
    expect(caption).to_contain_text("2 of 8")
    expect(page.locator(".zoom .heart")).to_have_attribute("aria-pressed", "true")
    assert me.faults() == []
    with page.expect_download() as one:
        page.click("#download-one")
    assert one.value.suggested_filename == "001-002-realistic.jpg"

    # A link for somebody who has no account.
    page.click("#share")
    page.click("#copy-link")
    expect(page.get_by_text("Copied.")).to_be_visible()
    stranger = visit()
    link = page.evaluate("navigator.clipboard.readText()")
    assert stranger.page.request.get(link).headers["content-type"] == "image/jpeg"
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.get_by_role("button", name="Favourites").click()
    expect(me.avatars()).to_have_count(1)
    page.get_by_role("button", name="All", exact=True).click()

    # All of them in one file.
    with page.expect_download() as archive:
        page.click("#download-all")
    archive.value.save_as(tmp_path / "avatars.zip")
    assert len(zipfile.ZipFile(tmp_path / "avatars.zip").namelist()) == 8

    # More from the same model.
    page.click("#more")
    expect(page.get_by_label("Pencil sketch: A wish")).to_have_value("<b>by the sea</b>")
    page.get_by_label("Leave out Pencil sketch").click()
    page.get_by_label("How many in Realistic").fill("1")
    assert me.faults() == []
    page.click("#make-more")
    expect(me.avatars()).to_have_count(9)

    # All that there is, and then nothing.
    page.get_by_role("link", name="My avatars").click()
    expect(page.locator(".job-line .chip", has_text="Ready").first).to_be_visible()
    assert me.faults() == []
    me.go(f"#{address}")
    page.click("#erase")
    assert me.faults() == []
    page.click("#erase-now")
    expect(page.get_by_role("heading", name="All gone.")).to_be_visible()
    expect(page.locator(".slip div", has_text="Avatars")).to_contain_text("9")
    assert me.faults() == []
    me.go(f"#{address}")
    expect(page.get_by_role("alert")).to_contain_text("There is no such job.")


def test_the_keyboard_is_enough(visit: Callable[..., Visitor]) -> None:
    me = visit()
    page, keys = me.page, me.page.keyboard
    page.on("filechooser", lambda chooser: chooser.set_files(SAMPLES[:5]))

    me.go()
    me.tab_to(page.locator("#sign-in"))
    keys.press("Enter")
    me.sign_in()
    me.tab_to(page.locator("#choose"))
    keys.press("Enter")
    expect(me.judged()).to_have_count(5)
    me.tab_to(page.locator("#next"))
    keys.press("Enter")
    expect(page.get_by_role("heading", name="What shall they look like?")).to_be_focused()
    me.tab_to(page.locator("input[name=subject]").first)
    keys.press("ArrowRight")
    expect(page.get_by_role("radio", name="A woman")).to_be_checked()
    me.tab_to(page.locator("input[value=watercolor]"))
    keys.press("Space")
    me.tab_to(page.get_by_role("button", name="One Realistic fewer"))
    keys.press("Enter")
    expect(page.locator(".total")).to_have_text("3 avatars")
    me.tab_to(page.locator("#begin"))
    keys.press("Enter")
    expect(me.avatars()).to_have_count(3)
    me.tab_to(page.locator(".thumb").first)
    keys.press("Enter")
    keys.press("ArrowLeft")
    expect(page.locator(".zoom-caption")).to_contain_text("3 of 3")
    keys.press("Escape")

    expect(page.locator(".thumb").first).to_be_focused()


def test_nothing_is_wider_than_a_phone(visit: Callable[..., Visitor], no_photo: Path) -> None:
    me = visit(viewport=PHONE, is_mobile=True, has_touch=True)
    page = me.page
    wide = []

    def look(selector: str) -> None:
        page.locator(selector).first.wait_for()
        if me.overflow() > 0:
            wide.append(selector)

    me.go()
    look(".fan")
    page.tap("#sign-in")
    me.sign_in()
    look("#choose ~ svg")
    assert page.locator("#camera").get_attribute("capture") == "user"
    me.pick([*SAMPLES[:5], no_photo])
    expect(me.judged()).to_have_count(6)
    look(".photos")
    page.tap("#next")
    look(".styles")
    page.get_by_text("A woman", exact=True).tap()
    page.tap("#begin")
    look(".stages")
    expect(me.avatars().first).to_be_visible()
    look(".gallery")
    page.locator(".thumb").first.tap()
    look(".zoom")
    page.tap("#share")
    look("#sharing")
    me.go("#/jobs")
    look(".rows")

    assert wide == []


def test_a_sign_in_that_has_run_out_loses_nothing(visit: Callable[..., Visitor]) -> None:
    me = visit()
    me.arrive()
    me.page.locator("#choose").wait_for(state="attached")
    me.page.evaluate(
        """sessionStorage.setItem("avatars.tokens", JSON.stringify({
            access_token: "e30.e30.e30", refresh_token: "gone", expires_at: 9999999999 }))"""
    )
    # While the line is down, nobody knows whether it has run out.
    me.page.route("**/oauth2/token", lambda route: route.abort())
    me.page.reload()
    expect(me.page.get_by_role("alert")).to_contain_text("There was no answer.")
    expect(me.page.get_by_role("dialog")).to_have_count(0)
    me.page.unroute("**/oauth2/token")
    me.page.get_by_role("button", name="Try again").click()

    expect(me.page.get_by_role("dialog")).to_contain_text("Please sign in again")
    expect(me.page.get_by_role("dialog").get_by_text("Sign out")).to_be_visible()
    with me.page.expect_popup() as beside:
        me.page.get_by_role("button", name="Sign in again").click()
    me.sign_in(beside.value)

    expect(me.page.get_by_role("dialog")).to_have_count(0)
    me.pick(SAMPLES[:5])
    expect(me.judged()).to_have_count(5)


def test_uploads_that_fail_are_sent_again(
    visit: Callable[..., Visitor], pipeline: Pipeline
) -> None:
    me = visit()
    me.arrive()
    uploads: list[str] = []

    def refuse_then_lose(route: Route) -> None:
        """The first form has expired, on the way of the second the network is gone."""
        uploads.append(route.request.url)
        if len(uploads) == 1:
            route.fulfill(status=403, body="<Error><Code>AccessDenied</Code></Error>")
        elif len(uploads) == 2:
            route.abort()
        else:
            route.continue_()

    me.page.route(f"**/{pipeline.upload_bucket}**", refuse_then_lose)
    me.pick(SAMPLES[:5])

    expect(me.judged()).to_have_count(5)
    assert len(uploads) >= 7


def test_a_refused_order_can_be_sent_again(visit: Callable[..., Visitor]) -> None:
    me = visit()
    me.arrive()
    orders: list[str] = []
    refusal = {
        "code": "LIMIT_REACHED",
        "detail": "This would be more than 20 jobs a day.",
        "remedy": "Come back tomorrow.",
    }

    def refuse_the_first(route: Route) -> None:
        orders.append(route.request.url)
        if len(orders) == 1:
            route.fulfill(status=429, json=refusal, headers={"Retry-After": "1"})
        else:
            route.continue_()

    me.page.route("**/api/jobs", refuse_the_first)
    me.pick(SAMPLES[:5])

    expect(me.page.locator('.photo[data-look="failed"]')).to_have_count(5)
    expect(me.page.get_by_role("alert").first).to_contain_text("more than 20 jobs a day")
    expect(me.page.locator("#summary")).to_have_text("5 could not be sent.")
    assert len(orders) == 1
    me.page.get_by_role("button", name="Leave out").first.click()
    expect(me.page.locator(".photo").first).to_be_focused()
    me.pick(SAMPLES[5:6])
    expect(me.judged()).to_have_count(5)
    expect(me.page.locator(".alert")).to_have_count(0)


def test_a_few_photos_wait_for_the_others_while_one_looks_elsewhere(
    visit: Callable[..., Visitor],
) -> None:
    me = visit()
    me.arrive()
    me.pick(SAMPLES[:4])

    me.page.get_by_role("link", name="My avatars").click()
    expect(me.page.get_by_role("heading", name="My avatars")).to_be_focused()
    me.page.locator("#bar").get_by_role("link", name="New avatars").click()

    expect(me.page.locator(".photo")).to_have_count(4)
    me.pick(SAMPLES[4:5])
    expect(me.judged()).to_have_count(5)


def test_a_job_begins_only_when_every_photo_is_judged(visit: Callable[..., Visitor]) -> None:
    me = visit()
    me.arrive()
    page = me.page

    def without_verdicts(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"photos": []})

    page.route(re.compile(r"/api/jobs/[A-Z2-7]{26}$"), without_verdicts)
    me.pick(SAMPLES[:5])
    expect(page.locator('.photo[data-look="checking"]')).to_have_count(5)
    page.click("#next")
    page.get_by_text("A cat", exact=True).click()
    page.click("#begin")

    checking = page.get_by_text("or being checked")
    expect(checking).to_be_visible()
    page.unroute_all(behavior="wait")
    expect(checking).to_be_hidden()
    page.click("#begin")
    expect(page.locator(".stages")).to_be_visible()


def test_where_consent_is_required_it_is_asked_for_before_it_begins(
    visit: Callable[..., Visitor],
) -> None:
    me = visit()
    page = me.page

    def requiring_consent(route: Route) -> None:
        answer = route.fetch()
        wanted = {"consent": {"required": True, "text_version": "2026-07"}}
        route.fulfill(response=answer, json=answer.json() | wanted)

    page.route("**/api/styles", requiring_consent)
    me.arrive()
    me.pick(SAMPLES[:5])
    expect(me.judged()).to_have_count(5)
    page.click("#next")
    page.get_by_text("A woman", exact=True).click()
    page.click("#begin")
    needed = page.get_by_text("Say that everybody on the photos agrees.")
    agreement = page.get_by_role("checkbox", name="I am on these photos")
    expect(needed).to_be_visible()
    expect(agreement).to_be_focused()
    assert me.faults() == []

    agreement.check()
    expect(needed).to_be_hidden()
    with page.expect_response("**/api/jobs") as ordered:
        page.click("#begin")

    expect(page.locator(".stages")).to_be_visible()
    assert ordered.value.json()["job"]["consent"]["text_version"] == "2026-07"


def test_more_of_another_provider_is_offered_by_it_and_ordered_with_all_words(
    visit: Callable[..., Visitor],
) -> None:
    me = visit()
    page = me.page
    prompts = [
        {"style": "noir", "count": 2, "prompt": "at sea", "negative_prompt": "hats"},
        {"style": "plain", "count": 1, "prompt": None, "negative_prompt": None},
    ]
    other = {"provider": "another", "prompts": prompts}

    def with_another(route: Route) -> None:
        answer = route.fetch()
        offer = answer.json()
        offer["providers"].append(offer["providers"][0] | {"name": "another", "styles": []})
        route.fulfill(response=answer, json=offer)

    page.route("**/api/styles", with_another)
    page.route(f"**/api/jobs/{'A' * 26}", lambda route: route.fulfill(json=other))
    me.arrive(f"#/jobs/{'A' * 26}/more")

    expect(page.get_by_label("noir: A wish")).to_have_value("at sea")
    expect(page.get_by_text("Without: hats")).to_be_visible()
    expect(page.get_by_label("Name a style")).to_be_visible()
    expect(page.locator(".styles .style")).to_have_count(2)
    assert me.faults() == []
    page.get_by_label("How many in noir").fill("3")
    with page.expect_request("**/avatars") as ordered:
        page.click("#make-more")

    noir = {"style": "noir", "count": 3, "prompt": "at sea", "negative_prompt": "hats"}
    assert ordered.value.post_data_json == {"prompts": [noir, {"style": "plain", "count": 1}]}


def test_what_is_chosen_survives_a_reload(visit: Callable[..., Visitor]) -> None:
    me = visit()
    me.arrive()
    me.pick(SAMPLES[:5])
    expect(me.judged()).to_have_count(5)
    me.page.click("#next")
    me.page.get_by_text("A cat", exact=True).click()
    me.page.get_by_label("Realistic: A wish").fill("in a box")

    me.page.reload()

    expect(me.page.get_by_label("Realistic: A wish")).to_have_value("in a box")
    expect(me.page.get_by_role("radio", name="A cat")).to_be_checked()
    me.page.get_by_role("link", name="Photos").click()
    expect(me.judged()).to_have_count(5)


def test_a_write_is_known_again_by_its_key(visit: Callable[..., Visitor]) -> None:
    me = visit()
    me.arrive()
    keys: list[str | None] = []

    def lose_two_answers(route: Route) -> None:
        keys.append(route.request.headers.get("idempotency-key"))
        if len(keys) == 1:
            route.fetch()
            route.abort()
        elif len(keys) == 2:
            route.fulfill(status=502)
        else:
            route.continue_()

    me.page.route("**/api/jobs", lose_two_answers)
    me.pick(SAMPLES[:5])
    expect(me.judged()).to_have_count(5)

    assert keys[0] is not None
    assert keys == [keys[0]] * 3


def test_no_word_of_the_page_is_missing_or_unused() -> None:
    """Texts are found by their paths: whole ones, or beginnings that a code or a name completes."""
    web = PROJECT / "web"
    texts = _paths(web.joinpath("texts/en.js").read_text())
    scripts = "".join(
        file.read_text()
        for file in web.rglob("*.js")
        if file.parent.name not in ("texts", "vendor")
    )
    groups = {path.split(".")[0] for path in texts}

    whole = set(re.findall(r'\bt\("(\w+)"', scripts)) | {
        path
        for path in re.findall(r'"([a-z]\w*(?:\.\w+)+)"', scripts)
        if path.split(".")[0] in groups and not path.endswith((".js", ".jpg"))
    }
    begun = set(re.findall(r"\bt\(`([\w.]+)\.\$\{", scripts))
    replacing = set(re.findall(r'\b(?:said|named)\("([\w.]+)"', scripts))

    assert whole - texts == begun - texts == set()
    used = whole | begun | replacing
    alive = {path for path in texts if any(f"{path}.".startswith(f"{it}.") for it in used)}
    inner = {path for path in texts if any(other.startswith(f"{path}.") for other in texts)}
    assert texts - alive - inner == set()


def _paths(texts: str) -> set[str]:
    """The paths of all texts and of their groups, in the source of texts/en.js."""
    paths, branch, name = set(), [""], ""
    tokens = r'"(?:\\.|[^"\\])*"|//.*|[{}]|(\w+):'
    for token in re.finditer(tokens, texts[texts.index("export default {") :]):
        if token[1]:
            name = branch[-1] + token[1]
            paths.add(name)
        elif token[0] == "{":
            branch.append(f"{name}." if name else "")
        elif token[0] == "}":
            branch.pop()
    return paths
