"""Sound and pictures of ours, published into a room as tracks."""
