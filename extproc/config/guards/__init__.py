"""What a policy may hold: a section for each guard, one file a topic."""
