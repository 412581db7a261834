"""From a request body to an object that may be stored: decoding, defaults, admission, and selectors in parameters."""
