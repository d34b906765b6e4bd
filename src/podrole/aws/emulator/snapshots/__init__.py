"""The state of moto's services as bytes, and back."""
