"""What a call really needs: operation → actions, resources and condition keys."""
