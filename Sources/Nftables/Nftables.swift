// Nftables: replaced by its owner.
