"""Makes the pictures of the page in docs/: `python -m tests.e2e.page_pictures`."""

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect

from local.engine import PROJECT
from local.stack import Stack, running_stack
from tests.e2e.browser import DESK, PATIENCE, PHONE, Visitor, running_browser

DOCS = PROJECT / "docs"
QUALITY = 82
GAP = 40
TALL = DESK | {"height": 1000}
BETWEEN_PHONES = (60, 54, 49)

PHOTOS = sorted(
    file for file in (PROJECT / "samples").iterdir() if file.suffix.lower() in (".jpg", ".png")
)


def make(browser: Browser, stack: Stack, letter: Path) -> None:
    """On a desk by day, and on a phone by night."""
    me = Visitor(browser, stack, viewport=TALL)
    for name, view in _views(me, letter):
        Image.open(io.BytesIO(view)).convert("RGB").save(
            DOCS / f"page-{name}.jpg", quality=QUALITY, optimize=True
        )
    me.leave()
    me = Visitor(browser, stack, viewport=PHONE, color_scheme="dark", has_touch=True)
    wanted = ("photos", "styles", "gallery")
    phones = [Image.open(io.BytesIO(view)) for name, view in _views(me, letter) if name in wanted]
    me.leave()
    width = len(phones) * (PHONE["width"] + GAP) + GAP
    row = Image.new("RGB", (width, PHONE["height"] + 2 * GAP), BETWEEN_PHONES)
    for place, phone in enumerate(phones):
        row.paste(phone, (GAP + place * (PHONE["width"] + GAP), GAP))
    row.save(DOCS / "page-phone.jpg", quality=QUALITY, optimize=True)


def _views(me: Visitor, letter: Path) -> list[tuple[str, bytes]]:
    """What a person sees on the way from the first photo to the avatars."""
    page, views = me.page, []

    def look(name: str) -> None:
        page.wait_for_load_state("networkidle")
        views.append((name, page.screenshot()))

    me.go()
    look("start")
    page.click("#sign-in")
    me.sign_in()
    me.pick([*PHOTOS[:9], letter])
    expect(me.judged()).to_have_count(10)
    if me.page.viewport_size == PHONE:
        page.locator("#summary").evaluate("line => line.scrollIntoView({ block: 'center' })")
    look("photos")
    page.click("#next")
    page.get_by_text("A woman", exact=True).click()
    page.locator("label.style", has_text="Pencil sketch").click()
    page.get_by_label("Watercolor: A wish").fill("by the sea")
    if me.page.viewport_size == PHONE:
        page.locator(".styles").evaluate("list => list.scrollIntoView({ block: 'center' })")
    else:
        page.evaluate("scrollTo(0, 0)")
    look("styles")
    page.click("#begin")
    expect(page.locator(".about")).to_be_visible()
    look("progress")
    expect(page.locator("#download-all")).to_be_visible(timeout=3 * PATIENCE)
    page.locator(".tile .heart").nth(1).click()
    page.mouse.move(0, 0)
    for picture in page.locator(".thumb img").all()[:6]:
        expect(picture).to_have_js_property("naturalWidth", 512)
    page.evaluate("scrollTo(0, 0)")
    look("gallery")
    return views


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        no_photo = Path(folder) / "holiday.jpg"
        no_photo.write_bytes(b"This is a letter. " * 40)
        with (
            running_stack(Path(folder) / "stack", scale=0.03) as stack,
            running_browser() as browser,
        ):
            make(browser, stack, no_photo)
