"""What a real vLLM sent, for the demo and for tests: no production image needs it, so it is a package of its own."""
