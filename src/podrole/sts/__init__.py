"""The exchange: a web identity token and a role become a session, or a denial with its reason. Pure."""
