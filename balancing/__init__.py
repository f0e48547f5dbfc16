"""What changes the balance of a training set: images, splits, plans, techniques, augmentation.

Knows nothing of Ray and nothing of the sweep.
"""
