"""The pages: each asks its questions and shows the answers; none computes.

Text that came from outside is shown by widgets that take it as it is, never as Markdown or HTML.
"""
