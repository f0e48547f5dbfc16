"""A local page of a run while it trains: read from its folder, without Ray, and without the test split."""
