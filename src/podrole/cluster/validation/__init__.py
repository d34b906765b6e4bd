"""What an object must be like to be kept, in kube-apiserver's own words."""
