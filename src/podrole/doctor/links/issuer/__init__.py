"""Link 4: AWS can read the issuer's documents, and the tokens have an audience that the provider accepts."""
