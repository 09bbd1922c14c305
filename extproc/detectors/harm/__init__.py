"""Requests for harm, and abuse: signs in several languages, and two linear models."""
