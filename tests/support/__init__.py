"""What several tests share: an issuer, a clock, a world."""
