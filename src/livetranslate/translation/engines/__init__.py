"""Translation engines, one file each; ``registry`` lists them."""
