"""How a fault is repaired: changes to objects, and the commands of kubectl and aws that make them."""
