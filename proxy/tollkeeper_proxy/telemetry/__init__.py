"""What leaves the proxy about a request after it has ended: spans, metrics, and their delivery."""
