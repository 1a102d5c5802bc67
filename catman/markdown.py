"""Markdown of other apps as HTML that is safe to show. It is trusted as little as if a stranger had written it."""

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

MAX_CHARACTERS = 10_000
"""Apps keep to 1000 visible characters; the bound is for those that do not, with room for links."""

_ALLOWED = {"a", "blockquote", "br", "code", "del", "em", "h5", "hr", "li", "ol", "p", "pre", "strong"} | {
    "s", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip

# No raw HTML in the Markdown; a line break is one on the page, as the contract says.
_markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])


def render(text: str) -> Markup:
    """*text* as HTML without images, scripts, styles or identifiers; headings become the page's fifth level."""
    tokens = _markdown.parse(text[:MAX_CHARACTERS])
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = "h5"
    html = _markdown.renderer.render(tokens, _markdown.options, {})
    return Markup(  # sanitised here, for this very purpose
        nh3.clean(
            html,
            tags=_ALLOWED,
            attributes={"a": {"href"}},
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )
