"""Why a pod has no AWS identity: the chain from service account to session, link by link, and what repairs it."""
