"""What is desired of every tenant and what has been reached: records, their store, and the events about them."""
