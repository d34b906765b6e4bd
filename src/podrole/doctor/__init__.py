"""Why a pod has no AWS identity: the chain from service account to session, checked link by link, and its repair."""
