"""What analysts say about the model's labels: which items they are asked to read, what they decided, what follows."""
