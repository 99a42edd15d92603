// Lifecycle: replaced by its owner.
