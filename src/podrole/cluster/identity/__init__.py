"""Who a request is from, what it may do, and the tokens that say so."""
