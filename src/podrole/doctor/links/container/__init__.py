"""Link 3: nothing in the container takes precedence over the identity."""
