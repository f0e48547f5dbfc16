"""What synthetic training images are like."""
