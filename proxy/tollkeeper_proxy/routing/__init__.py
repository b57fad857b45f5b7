"""Where a request goes: the providers there are, and the names that lead to them."""
