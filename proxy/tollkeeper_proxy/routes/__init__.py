"""What is served: chat completions, the list of models, the probes; each speaks to a ``Sink``."""
