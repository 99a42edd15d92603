// Seccomp: replaced by its owner.
