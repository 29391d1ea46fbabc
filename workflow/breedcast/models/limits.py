"""Sizes at which models are computed in another way. Read at every start of the workflow."""

#: The most lines, or markers where these are fewer, whose relationships are held as a matrix.
MOST_EXACT = 10_000
