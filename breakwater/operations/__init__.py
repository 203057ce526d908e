"""Write: what differs between a fact and the wanted state, as commands; nothing when equal."""
