// OCISpec: replaced by its owner.
