"""The links of the chain: one module or package for each, with a check for every way in which the link breaks."""
