"""Customer relationship classification management: customer records in, reasoned decisions out."""
