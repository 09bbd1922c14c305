"""What is looked for in answers: refusals, loops, unsupported claims, wrong facts, leaks of the prompt."""
