"""What an operator forbids: links, topics, calls of tools."""
