"""What serves an issuer's documents: a bucket, and CloudFront in front of it. Planned, made, and written to."""
