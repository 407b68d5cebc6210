"""What the methods share that compare an image with a healthy version of it."""
