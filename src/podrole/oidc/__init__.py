"""The cluster's identity tokens: keys, minting, discovery, and verifying a token to ``VerifiedClaims``."""
