// Starts Swagger UI. A file, because the page's policy allows no inline script.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  // Otherwise it sends the address of the document to a server of its makers.
  validatorUrl: null,
});
