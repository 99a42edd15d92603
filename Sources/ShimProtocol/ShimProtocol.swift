// ShimProtocol: replaced by its owner.
