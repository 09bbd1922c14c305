"""Prompt injection: patterns, signs in many languages, and a linear model over n-grams."""
