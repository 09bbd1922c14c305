"""Text tools: reading, folding, splitting, matching. They detect nothing themselves, and import no family."""
