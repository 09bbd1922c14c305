"""What model servers are asked: their addresses, and their metrics pages. It blocks, so it is for threads."""
