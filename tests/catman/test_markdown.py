"""Markdown that strangers wrote."""

from html.parser import HTMLParser

import pytest

from catman.markdown import MAX_CHARACTERS, render


class Elements(HTMLParser):
    """The elements of some HTML, as a browser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def test_markdown_becomes_html() -> None:
    assert render("**3** jobs\n- one\n- [two](https://example.com/)") == (
        "<p><strong>3</strong> jobs</p>\n<ul>\n<li>one</li>\n"
        '<li><a href="https://example.com/" rel="noopener noreferrer nofollow">two</a></li>\n</ul>\n'
    )


def test_a_line_break_is_one() -> None:
    assert render("one\ntwo") == "<p>one<br>\ntwo</p>\n"


def test_headings_take_the_level_below_the_pages_own() -> None:
    assert render("# Big\n\n###### Small") == "<h5>Big</h5>\n<h5>Small</h5>\n"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://example.com/pixel.gif)",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "<javascript:alert(1)>",
        '[x](https://example.com/" onclick="alert(1))',
        "<style>*{display:none}</style>",
    ],
)
def test_nothing_runs_loads_or_dresses_up(text: str) -> None:
    elements = Elements(render(text)).found

    assert all(tag in {"p", "a"} for tag, _ in elements)
    assert all(name in {"href", "rel"} for _, attributes in elements for name in attributes)
    assert all(attributes.get("href", "https:").startswith("https:") for _, attributes in elements)


def test_a_summary_without_end_is_cut() -> None:
    assert len(render("x" * (MAX_CHARACTERS * 2))) < MAX_CHARACTERS + 100
