// Flags: replaced by its owner.
