"""The links of the chain, a module each: what it takes for the link to hold, and each way in which it breaks."""
