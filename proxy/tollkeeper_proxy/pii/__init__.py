"""Personal data in text: Hyperscan finds candidates, Presidio's recognisers say which are real.

``detector`` is the way in; ``masking`` does the same for text that arrives in pieces. Nothing
here knows a request, and nothing ever touches the network.
"""
