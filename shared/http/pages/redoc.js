// Starts ReDoc. A file, because the page's policy allows no inline script.
Redoc.init("openapi.json", {}, document.getElementById("redoc"));
