"""A server that agents drive: validate, plan and make films by tools, under a budget and the digest of a plan (extra `mcp`)."""
