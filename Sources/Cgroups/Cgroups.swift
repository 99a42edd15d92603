// Cgroups: replaced by its owner.
