"""From configuration and data to the list of trials."""
