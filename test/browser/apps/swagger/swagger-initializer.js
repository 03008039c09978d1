// The package’s own initializer with the address of the description changed (the original is on the internet), and without deep links, so
// that a reload shows the same as the first time.
window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: 'harbour.json',
    dom_id: '#swagger-ui',
    deepLinking: false,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    plugins: [SwaggerUIBundle.plugins.DownloadUrl],
    validatorUrl: null,
    layout: 'StandaloneLayout',
  });
};
