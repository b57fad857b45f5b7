"""The shell: connections in, exchanges out, answers back. The only part that knows aiohttp."""
