"""The laws that components keep, an axis a file; ``balancing.components.testing`` runs them."""
