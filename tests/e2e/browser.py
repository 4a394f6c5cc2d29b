"""Somebody at the page: a browser, and what is looked at in it."""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from local.stack import Stack

CHROMIUM = shutil.which("chromium")

DESK = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}

SCHEMES: dict[Literal["light", "dark"], dict[str, Any]] = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},
}
"""What axe looks at: by night, only the colours differ."""

PATIENCE = 60_000
"""Wall milliseconds: a photo's first verdict on a busy machine waits for cold starts."""

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

expect.set_options(timeout=PATIENCE)


@contextlib.contextmanager
def running_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Visitor:
    """One person with a browser window of their own, and what went wrong in it."""

    def __init__(self, browser: Browser, stack: Stack, **window: Any) -> None:
        self._context = browser.new_context(
            **{"viewport": DESK, "reduced_motion": "reduce", "accept_downloads": True} | window
        )
        self._context.grant_permissions(["clipboard-read", "clipboard-write"])
        self._stack = stack
        self.errors: list[str] = []
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console",
            lambda said: self.errors.append(said.text) if "Security Policy" in said.text else None,
        )

    def go(self, fragment: str = "") -> None:
        self.page.goto(self._stack.page_url + fragment)

    def sign_in(self, form: Page | None = None) -> None:
        """Fill in the form of the user pool."""
        form = form or self.page
        form.fill("#username", self._stack.page_user)
        form.fill("#password", self._stack.page_password)
        form.press("#password", "Enter")

    def arrive(self, fragment: str = "#/new") -> None:
        """Open the page signed in, at *fragment*."""
        self.go(fragment)
        self.page.click("#sign-in")
        self.sign_in()

    def pick(self, photos: Sequence[Path]) -> None:
        self.page.set_input_files("#choose", [str(photo) for photo in photos])

    def photo(self, file: str) -> Locator:
        return self.page.locator(".photo", has_text=file)

    def judged(self, look: str = "") -> Locator:
        """The photos with a verdict, or with this one: accepted, advised, rejected."""
        looks = [look] if look else ["accepted", "advised", "rejected"]
        return self.page.locator(",".join(f'.photo[data-look="{each}"]' for each in looks))

    def avatars(self) -> Locator:
        return self.page.locator(".gallery .thumb img:visible")

    def faults(self) -> list[str]:
        """What axe finds serious or critical, by day and by night."""
        found = []
        for scheme, options in SCHEMES.items():
            self.page.emulate_media(color_scheme=scheme)
            violations = Axe().run(self.page, options=options).response["violations"]
            found += [
                f"{scheme}: {violation['id']}: {node['html']}"
                for violation in violations
                if violation["impact"] in ("serious", "critical")
                for node in violation["nodes"]
            ]
        self.page.emulate_media(color_scheme="light")
        return found

    def overflow(self) -> int:
        """Pixels by which the view is wider than the window."""
        wide: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wide

    def tab_to(self, target: Locator) -> None:
        """Press Tab until *target* has the focus."""
        for _ in range(80):
            if target.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no way to {target} by the Tab key")

    def leave(self) -> None:
        self._context.close()
