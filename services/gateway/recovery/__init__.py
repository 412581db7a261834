"""Recovery from lost messages: detects that a stream lost some, and publishes the affected requests again."""
