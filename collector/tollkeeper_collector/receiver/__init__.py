"""Where telemetry comes in: OTLP over HTTP and gRPC, one intake behind both."""
