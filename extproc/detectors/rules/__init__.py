"""Rules of an operator: links, topics, tool calls."""
