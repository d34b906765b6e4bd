"""The commands of the set-up, in eksctl's words. They render; ``podrole.setup`` plans and applies."""
