"""The sign-in page as HTML: one form, no script, nothing from elsewhere. Text is escaped here."""

from html import escape
from typing import Final

_STYLE: Final = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1f2430; --soft: #667085;
  --line: #d9dde5; --field: #f7f8fa; --accent: #1f5fbf; --on-accent: #ffffff; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171d; --ink: #e8eaee; --soft: #9aa3b2;
  --line: #2f3541; --field: #1b1f27; --accent: #6ea8fe; --on-accent: #0d1117; --bad: #f97066; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { width: min(24rem, calc(100vw - 3rem)); }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; letter-spacing: -.01em; }
p { margin: 0 0 1.5rem; color: var(--soft); }
label { display: block; font-weight: 600; margin-bottom: .375rem; font-size: .9rem; }
input { width: 100%; padding: .625rem .75rem; font: inherit; color: inherit;
  background: var(--field); border: 1px solid var(--line); border-radius: .5rem; }
input:focus { outline: 2px solid var(--accent); outline-offset: 1px; }
button { width: 100%; margin-top: 1rem; padding: .625rem; font: inherit; font-weight: 600;
  border: 0; border-radius: .5rem; background: var(--accent); color: var(--on-accent);
  cursor: pointer; }
.bad { color: var(--bad); font-weight: 600; }
code { display: block; padding: .75rem; background: var(--field); border: 1px solid var(--line);
  border-radius: .5rem; overflow-x: auto; white-space: pre; font-size: .85rem; }
"""
_FORM: Final = """
<p>Sign in to see what your models do and cost.</p>
{message}
<form method="post" action="/login">
<input type="hidden" name="next" value="{destination}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password"
 maxlength="1024" required autofocus>
<button type="submit">Sign in</button>
</form>
"""
_SHUT: Final = """
<p class="bad">Nobody can sign in: {reason}.</p>
<p>Make a new one on the machine the dashboard runs on; it is shown once.</p>
<code>tollkeeper dashboard --new-password --data {data}</code>
"""


def form(destination: str, message: str = "") -> str:
    """Return the page with the form; ``message`` says why the last attempt failed."""
    shown = f'<p class="bad" role="alert">{escape(message)}</p>' if message else ""
    return _page(_FORM.format(message=shown, destination=escape(destination, quote=True)))


def shut(reason: str, data: str) -> str:
    """Return the page that says why there is no form and how to change that."""
    return _page(_SHUT.format(reason=escape(reason), data=escape(data)))


def _page(body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex"><link rel="icon" href="data:,">'
        f"<title>Tollkeeper · Sign in</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>Tollkeeper</h1>{body}</main></body></html>"
    )
