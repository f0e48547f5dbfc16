"""Networks in two parts, a body and a head, and the weights that they start from."""
