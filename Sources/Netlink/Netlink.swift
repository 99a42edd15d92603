// Netlink: replaced by its owner.
