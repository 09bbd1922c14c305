"""Where rate limits are counted: in this process, or in a store that several share."""
