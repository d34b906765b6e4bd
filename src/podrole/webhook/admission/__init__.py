"""An AdmissionReview: its wire format, and how it is answered."""
