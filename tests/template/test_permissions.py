"""The page on permissions says what the template says, and no excuse outlives its grant."""

from tests.template.expanded import everything, expand, source
from tests.template.grants import grants
from tests.template.report import PAGE, page
from tests.template.unused import EXCUSES


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "`make permissions` writes it anew"


def test_every_excuse_is_for_something() -> None:
    granted = grants(everything(expand(source())))

    assert [one for one in EXCUSES if not any(one.is_for(grant) for grant in granted)] == []
