"""What a real vLLM shows its model of a request: places of its request models, markers put there, and recordings."""
