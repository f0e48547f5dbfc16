"""What folders mean: split, fold, class, part, patient, site or nothing."""
