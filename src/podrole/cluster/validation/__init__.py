"""The validation rules of objects, in kube-apiserver's words."""
