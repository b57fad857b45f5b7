"""The test bench: providers that replay or misbehave, raw clients, and the product as processes."""
